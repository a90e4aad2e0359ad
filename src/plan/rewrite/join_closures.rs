//! Neighbouring closures become one stage: a thread that has rows at hand goes through all of them.

use crate::plan::rewrite::Needless;
use crate::plan::stage::{Plan, Work};

/// Each closure of a stage calls the one before it for more rows, and a thread's stack ends.
const MOST_CLOSURES: usize = 64;

pub(super) fn rewrite(plan: &mut Plan, needless: &mut Needless) {
    let readers = plan.readers();
    for id in 0..plan.stages.len() {
        let &[input] = plan.stages[id].input.stages() else { continue };
        let before = needless.resolve(input);
        let Work::Closures(more) = plan.stages[id].work.clone() else { continue };
        let output = plan.stages[id].output;
        if readers[input] > 1 {
            continue;
        }
        let stage = &mut plan.stages[before];
        if let Work::Closures(closures) = &mut stage.work
            && closures.len() + more.len() <= MOST_CLOSURES
        {
            closures.extend(more);
            stage.output = output;
            needless.replace(id, before);
        }
    }
}
