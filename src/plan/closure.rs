//! Closures of the program as steps: their names in a plan, and what the engine asks of them.
//!
//! A newcomer's trap: a plan is plain data, and a closure is not. The plan names it by the number
//! under which the flow holds it, so a plan with one can't leave the program: see
//! [`Plan::travels`](crate::plan::stage::Plan::travels).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Failure, StepId};
use crate::row::frame::{FrameError, LENGTH_BYTES};
use crate::row::layout::{Layout, Rows};

/// A closure in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closure {
    pub step: StepId,
    /// The number under which the flow holds its [`Code`].
    pub number: usize,
    /// Its rows are some of those that it gets, as they lie.
    pub keeps_rows: bool,
}

impl Closure {
    /// How its rows lie.
    pub(crate) fn output(&self, input: Layout) -> Layout {
        if self.keeps_rows { input } else { Layout::Frames }
    }
}

/// What the flow holds of a closure.
pub(crate) type Code = Arc<dyn RowCode>;

/// The code of a closure; many threads use it at once.
pub(crate) trait RowCode: Send + Sync {
    /// Begins on some rows.
    fn begin(self: Arc<Self>) -> Box<dyn RowWork>;
}

/// A closure at work on some rows.
pub(crate) trait RowWork: Send {
    /// Goes through rows until there is [enough](Passing::is_enough). What fails is the row at
    /// [`Passing::at`]; of what comes of it nothing counts that is behind [`Passing::whole`].
    fn pass(&mut self, rows: &mut Passing<'_>) -> Result<(), Failure>;
}

/// Rows on their way through a closure.
pub(crate) struct Passing<'a> {
    pub layout: Layout,
    pub input: &'a [u8],
    /// So many bytes of the input are through.
    pub at: usize,
    /// What comes of them.
    pub out: &'a mut Vec<u8>,
    /// Where the last whole row in `out` ends, and how many there are.
    pub whole: usize,
    pub rows: u32,
    /// About so many bytes are wanted at once.
    pub enough: usize,
    pub max_row: usize,
    /// Whether nobody wants the rows any more.
    pub is_over: &'a dyn Fn() -> bool,
}

impl<'a> Passing<'a> {
    /// Whether to leave it at that for now.
    #[inline]
    pub(crate) fn is_enough(&self) -> bool {
        self.out.len() >= self.enough || (self.is_over)()
    }

    /// The next row: a line without its line feed, or a frame's payload; and where it ends.
    #[inline]
    pub(crate) fn next(&self) -> Result<Option<(&'a [u8], usize)>, FrameError> {
        let rest = &self.input[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let end = Rows::new(self.layout, rest).first_end().ok_or(FrameError::Truncated)?;
        let row = match self.layout {
            Layout::Frames => &rest[LENGTH_BYTES..end],
            _ => &rest[..end - 1],
        };
        Ok(Some((row, self.at + end)))
    }

    /// A row has been appended to `out`.
    #[inline]
    pub(crate) fn row_ended(&mut self) {
        self.whole = self.out.len();
        self.rows += 1;
    }

    /// The row at [`Passing::at`] as a person would read it.
    pub(crate) fn describe(&self) -> Option<String> {
        let (row, _) = self.next().ok()??;
        Some(self.layout.describe(row))
    }
}
