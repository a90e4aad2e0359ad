//! Native code in a chain, at work for one task after another.
//!
//! A newcomer's trap: code of a step is made afresh for each task, and so forgets all; groups and
//! folds keep their memory and forget what is in it.

use crate::error::Failure;
use crate::op::group::{GroupStep, GroupTask};
use crate::op::native::{self, BlockStep};
use crate::plan::native::Native;
use crate::row::layout::Layout;
use crate::worker::fold::Combining;

/// Native code for one task, and room for its rows.
pub(super) struct NativeCode {
    pub code: Code,
    pub out: Vec<u8>,
    /// How its rows lie.
    pub layout: Layout,
}

pub(super) enum Code {
    Step(Box<dyn BlockStep>),
    Group(Box<dyn GroupStep>),
    Combine(Box<Combining>),
}

impl NativeCode {
    /// Forgets what an earlier task left behind.
    pub(super) fn begin_task(
        &mut self,
        native: &Native,
        task: &GroupTask<'_>,
    ) -> Result<(), Failure> {
        match &mut self.code {
            Code::Step(step) => *step = native::block_step(&native.code)?,
            Code::Group(group) => {
                group.begin(task).map_err(|failure| failure.at_step(native.step))?;
            }
            Code::Combine(combining) => combining.clear(),
        }
        Ok(())
    }
}
