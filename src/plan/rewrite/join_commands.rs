//! Neighbouring commands become one stage: each one's stdout is the next one's stdin, and the
//! engine need not carry the lines between them.

use crate::plan::rewrite::Needless;
use crate::plan::stage::{Form, Plan, Work};

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
            needless.replace(id, before);
        }
    }
}

fn pipes(work: &Work) -> bool {
    matches!(work, Work::Commands(commands) if commands.iter().all(|one| one.form == Form::Lines))
}
