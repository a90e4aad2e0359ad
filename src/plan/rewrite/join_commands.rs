//! Neighbouring commands become one stage: each one's stdout is the next one's stdin, and the
//! engine need not carry the lines between them.
//!
//! A newcomer's trap: one that may be run again stays alone, for its rows are kept until it has
//! succeeded.

use crate::plan::command::{Command, Form};
use crate::plan::rewrite::Needless;
use crate::plan::stage::{Plan, Work};

pub(super) fn rewrite(plan: &mut Plan, needless: &mut Needless) {
    let readers = plan.readers();
    for id in 0..plan.stages.len() {
        let &[input] = plan.stages[id].input.stages() else { continue };
        let before = needless.resolve(input);
        if readers[input] > 1 || !pipes(&plan.stages[id].work) || !pipes(&plan.stages[before].work)
        {
            continue;
        }
        let Work::Commands(more) = plan.stages[id].work.clone() else { continue };
        if let Work::Commands(commands) = &mut plan.stages[before].work {
            commands.extend(more);
            plan.stages[before].output = plan.stages[id].output;
            needless.replace(id, before);
        }
    }
}

fn pipes(work: &Work) -> bool {
    let joins = |one: &Command| one.form == Form::Lines && one.setup.retries == 0;
    matches!(work, Work::Commands(commands) if commands.iter().all(joins))
}
