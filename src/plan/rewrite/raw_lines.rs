//! Lines stay lines where no step looks into them: on their way to a command or a line sink, and
//! through an exchange.
//!
//! A newcomer's trap: the lines of an exchange stay lines only if no function waits behind it, for
//! that one would have to encode them after all.

use crate::plan::chain::{Head, Tail};
use crate::plan::rewrite::Needless;
use crate::plan::stage::{Input, Output, Plan, StageId, Work};
use crate::row::layout::Layout;

pub(super) fn rewrite(plan: &mut Plan, needless: &mut Needless) {
    for id in 0..plan.stages.len() {
        match &plan.stages[id].work {
            Work::Chain(chain) => {
                let Tail::Written(writing) = &chain.tail else { continue };
                if let Some(layout) = chain.raw().filter(|_| writing.format.keeps_lines) {
                    pass_on(plan, id, needless);
                    if needless.resolve(id) == id {
                        plan.stages[id].output = Output::Rows(layout);
                    }
                }
            }
            Work::Merge { .. } => keep_raw(plan, id),
            _ => {}
        }
    }
}

/// A chain that does nothing: whoever reads it can read its input.
fn pass_on(plan: &mut Plan, id: StageId, needless: &mut Needless) {
    match &plan.stages[id].input {
        Input::Source(_) => plan.stages[id].work = Work::Forward,
        Input::Stages(inputs) => needless.replace(id, inputs[0]),
    }
}

fn keep_raw(plan: &mut Plan, merging: StageId) {
    let &[sorting] = plan.stages[merging].input.stages() else { return };
    let Some((chain, _)) = plan.stages[merging].work.chain() else { return };
    let folds = matches!(chain.tail, Tail::Runs { combine: Some(_), .. });
    if chain.head != Head::Rows(Layout::Frames) || !chain.steps.is_empty() || folds {
        return;
    }
    let Some(before) = plan.stages[sorting].work.chain_mut() else { return };
    let Some(layout) = before.raw() else { return };
    let Tail::Runs { raw, combine: None, .. } = &mut before.tail else { return };
    *raw = true;
    if let Some(chain) = plan.stages[merging].work.chain_mut() {
        chain.head = Head::Rows(layout);
    }
}
