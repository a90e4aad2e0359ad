//! Whether a plan can leave the program that made it.
//!
//! A newcomer's trap: a plan is plain data, and so it always can be written down. But a number that
//! stands for a closure or a reader means nothing elsewhere.

use crate::error::{ErrorKind, Failure};
use crate::plan::stage::{Input, Plan, Work};

impl Plan {
    /// Fails where the plan names what only the program has that made it: an engine that sends plans to
    /// other machines asks this first.
    pub(crate) fn travels(&self) -> Result<(), Failure> {
        for stage in &self.stages {
            if let Input::Source(source) = &stage.input
                && source.is_held
            {
                let message = "it reads what only this program has, so the flow runs nowhere else";
                return Err(Failure::new(ErrorKind::Plan, message)
                    .hint("a file can be read elsewhere: `text_file`")
                    .at_step(stage.step));
            }
            if let Work::Closures(closures) = &stage.work
                && let [first, ..] = &closures[..]
            {
                let message = "a closure is part of this program, so the flow runs nowhere else";
                return Err(Failure::new(ErrorKind::Plan, message)
                    .hint("write it as a Lua function: its text travels")
                    .at_step(first.step));
            }
        }
        Ok(())
    }
}
