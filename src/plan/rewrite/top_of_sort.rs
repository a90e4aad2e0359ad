//! Of a sort whose first rows alone are wanted, each task keeps no more than those.
//!
//! A newcomer's trap: one task merges what is kept, so it must be little.

use crate::plan::chain::{Head, Step, Tail};
use crate::plan::exchange::{Cuts, Keep};
use crate::plan::rewrite::Needless;
use crate::plan::stage::{Plan, Slice, Work};

/// With more rows, dividing the merge among the workers is worth more.
const MOST_ROWS: u64 = 10_000;

pub(super) fn rewrite(plan: &mut Plan, needless: &mut Needless) {
    let readers = plan.readers();
    for id in 0..plan.stages.len() {
        let Work::Slice(Slice { skip: 0, take: Some(rows @ 1..=MOST_ROWS) }) = plan.stages[id].work
        else {
            continue;
        };
        let &[sort] = plan.stages[id].input.stages() else { continue };
        if readers[sort] > 1 || !only_sorts(&plan.stages[sort].work) {
            continue;
        }
        if let Work::Merge { merge, .. } = &mut plan.stages[sort].work {
            (merge.keep, merge.cuts) = (Keep::Top(rows), Cuts::One);
        }
        for side in plan.stages[sort].input.stages().to_vec() {
            if let Some(chain) = plan.stages[side].work.chain_mut()
                && let Tail::Runs { keep, .. } = &mut chain.tail
            {
                *keep = Keep::Top(rows);
            }
        }
        needless.replace(id, sort);
    }
}

/// Whether its rows are those of its runs, each by itself.
fn only_sorts(work: &Work) -> bool {
    let Work::Merge { chain, merge } = work else { return false };
    merge.keep == Keep::All
        && chain.tail == Tail::Frames
        && chain.steps.iter().all(is_row_for_row)
        && !matches!(chain.head, Head::Groups(_))
}

/// What it makes of the first rows are the first rows of what it makes. A function might emit more.
fn is_row_for_row(step: &Step) -> bool {
    matches!(step, Step::Native(native) if native.keeps_rows)
}
