//! Leaving bad rows out of what has been lowered last.
//!
//! A newcomer's trap: only steps that take row for row can do that; of any other, the last step of the
//! chain is not its own.

use super::{Lower, Open};
use crate::error::StepId;
use crate::plan::chain::Step;
use crate::plan::command::Form;
use crate::plan::guard::Guard;
use crate::plan::stage::{Input, Work};

impl Lower {
    /// Leaves out the rows that fail in a step, which is the last of the chain; false where its rows
    /// do not fail one by one.
    pub(crate) fn guard(&mut self, rows: &mut Open, step: StepId, guard: &Guard) -> bool {
        match rows.steps.last_mut() {
            Some(Step::Lua(last)) if last.code.step == step => {
                last.guard = Some(guard.clone());
                true
            }
            Some(Step::Native(last)) if last.step == step => {
                last.guarded(guard.clone());
                true
            }
            Some(_) => false,
            None => self.guard_command(rows, step, guard),
        }
    }

    /// The same of a command that has just become a stage.
    fn guard_command(&mut self, rows: &Open, step: StepId, guard: &Guard) -> bool {
        let Input::Stages(stages) = &rows.input else { return false };
        let work = stages.last().map(|stage| &mut self.stages[*stage].work);
        match work {
            Some(Work::Commands(commands)) if rows.merge.is_none() => match &mut commands[..] {
                [command] if command.step == step && command.form == Form::Arguments => {
                    command.guard = Some(guard.clone());
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}
