//! All rows of a task as one group, for a group step without an exchange.
//!
//! A newcomer's trap: blocks end anywhere, so only the first row of the first one begins a group.

use crate::row::frame::FrameError;
use crate::row::layout::{Mark, Rows};

/// The rows of a task as one group.
#[derive(Default)]
pub(super) struct InOrder {
    frames: Vec<u8>,
    marks: Vec<Mark>,
    pub begun: bool,
}

impl InOrder {
    /// The next rows, as frames and with the marks that an exchange would give them.
    pub(super) fn mark<'a>(&'a mut self, rows: Rows<'a>) -> Result<Rows<'a>, FrameError> {
        self.frames.clear();
        let frames = Rows::frames(rows.as_frames(&mut self.frames)?);
        self.marks.clear();
        self.marks.resize(frames.count() as usize, Mark::new(false, 0));
        if let Some(first) = self.marks.first_mut().filter(|_| !self.begun) {
            *first = Mark::new(true, 0);
            self.begun = true;
        }
        Ok(Rows { marks: &self.marks, ..frames })
    }
}
