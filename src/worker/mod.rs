//! Action: what a worker does. The entry before `main`, the task loop, and the steps that need no
//! Lua: sort, merge, split, formats.
//!
//! Invariants: a worker serves several open tasks and waits only for its next block; what a task
//! gives depends on the plan and the task's rows alone.

mod alone;
mod chain;
pub(crate) mod channel;
pub(crate) mod entry;
mod fold;
mod held;
mod in_order;
mod inbound;
mod line_cells;
mod mapped;
mod measure;
mod native_code;
mod open_task;
pub(crate) mod rejected;
pub(crate) mod runs;
mod seen;
mod segments;
mod serve;
pub(crate) mod side_tables;
mod source;
mod spill;
mod tail;
pub(crate) mod task;
mod watchdog;

pub(crate) use serve::{Home, serve};

use crate::error::{Failure, StepId};
use crate::plan::chain::Tail;
use crate::plan::explain::Seen;
use crate::plan::stage::Plan;

/// What engine and worker must agree on.
pub(crate) const VERSION: &str = concat!("gleamflow ", env!("CARGO_PKG_VERSION"));

/// Finds what is wrong with a plan's Lua and formats before anything starts.
pub(crate) fn check(plan: &Plan) -> Result<(), Failure> {
    for (chain, _) in plan.stages.iter().filter_map(|stage| stage.work.chain()) {
        if let Tail::Written(writing) = &chain.tail {
            tail::written(writing)?;
        }
    }
    crate::lua::check_syntax(&plan.codes())
}

/// What there is to say of a plan's Lua before it runs.
pub(crate) fn inspect(plan: &Plan) -> Vec<(StepId, Seen)> {
    let chains = plan.stages.iter().filter_map(|stage| Some(stage.work.chain()?.0));
    crate::lua::inspect(&plan.codes(), chains)
}
