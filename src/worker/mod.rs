//! Action: what a worker does. The entry before `main`, the task loop, and the steps that need no
//! Lua: sort, merge, split, formats.
//!
//! Invariants: a worker serves several open tasks and waits only for its next block; what a task
//! gives depends on the plan and the task's rows alone.

mod alone;
mod chain;
pub(crate) mod channel;
pub(crate) mod entry;
mod inbound;
mod native;
pub(crate) mod runs;
mod serve;
mod source;
mod tail;
pub(crate) mod task;
mod watchdog;

pub(crate) use serve::{Home, serve};

use crate::error::{ErrorKind, Failure};
use crate::plan::chain::{Code, Combine, Head, Step, Tail};
use crate::plan::stage::Plan;
use crate::row::format::Format;

/// What engine and worker must agree on.
pub(crate) const VERSION: &str = concat!("gleamflow ", env!("CARGO_PKG_VERSION"));

/// Finds what is wrong with a plan's Lua and formats before anything starts.
pub(crate) fn check(plan: &Plan) -> Result<(), Failure> {
    let mut codes: Vec<(&Code, bool)> = plan.shared.iter().map(|code| (code, false)).collect();
    for (chain, _) in plan.stages.iter().filter_map(|stage| stage.work.chain()) {
        if let Head::Reduce { code, .. } = &chain.head {
            codes.push((code, true));
        }
        for step in &chain.steps {
            if let Step::Map(code)
            | Step::FlatMap(code)
            | Step::Filter(code)
            | Step::ForEach(code) = step
            {
                codes.push((code, true));
            }
        }
        match &chain.tail {
            Tail::Runs { combine: Combine::Reduce { code, .. }, .. } => codes.push((code, true)),
            Tail::Text { step, format } => {
                Format::parse(format).map_err(|error| {
                    let message = format!("format {format:?}: {error}");
                    Failure::new(ErrorKind::Plan, message).at_step(*step)
                })?;
            }
            _ => {}
        }
    }
    codes.sort_by_key(|(code, _)| code.step);
    codes.dedup_by_key(|(code, _)| code.step);
    crate::lua::check_syntax(&codes)
}
