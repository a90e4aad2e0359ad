//! The knobs of a run, resolved: what the flow says, then the environment, then the machine.
//!
//! A newcomer's trap: none of these may change a result, only where bytes wait.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::{ErrorKind, Failure};
use crate::flow::Settings;
use crate::local::budget;
use crate::row::block::BLOCK_BYTES;
use crate::worker::task::Limits;

/// Rows longer than this are refused unless `max_row` says otherwise.
const MAX_ROW: usize = 64 << 20;

/// More than any machine has cores; what is above is a slip of the pen.
const MOST_WORKERS: usize = 1 << 16;

/// What a run keeps to.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub workers: usize,
    pub cores: usize,
    pub temp_dir: PathBuf,
    pub in_process: bool,
    /// What the queues of the engine may hold in memory.
    pub engine_bytes: usize,
    pub split_bytes: Option<u64>,
    pub limits: Limits,
}

impl Resolved {
    pub(crate) fn new(settings: &Settings) -> Result<Resolved, Failure> {
        let cores = budget::default_workers();
        let workers = match settings.workers {
            Some(workers) => workers,
            None => from_environment("GLEAMFLOW_WORKERS", |text| {
                text.parse().map_err(|_| "a whole number is wanted".to_owned())
            })?
            .unwrap_or(cores),
        };
        if workers == 0 {
            return Err(Failure::new(ErrorKind::Plan, "a flow needs at least one worker"));
        }
        if workers > MOST_WORKERS {
            let message = format!("{workers} workers are too many: the most is {MOST_WORKERS}");
            return Err(Failure::new(ErrorKind::Plan, message));
        }
        let memory = match settings.memory {
            Some(memory) => memory,
            None => from_environment("GLEAMFLOW_MEMORY", budget::parse_size)?
                .unwrap_or_else(|| budget::default_memory().max(budget::smallest(workers))),
        };
        let smallest = budget::smallest(workers);
        if memory < smallest {
            let message =
                format!("a memory of {} MiB does not suffice for {workers} workers", memory >> 20);
            let hint = format!("the least is 64 MiB + 32 MiB a worker: {} MiB", smallest >> 20);
            return Err(Failure::new(ErrorKind::Memory, message).hint(hint));
        }
        let temp_dir = settings.temp_dir();
        let to_usize = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let share = to_usize((memory - (64 << 20)) / workers as u64);
        let exchange = settings.exchange_bytes;
        Ok(Resolved {
            workers,
            cores,
            temp_dir,
            in_process: settings.in_process,
            engine_bytes: exchange.unwrap_or(to_usize(memory / 8).clamp(8 << 20, 256 << 20)),
            split_bytes: settings.split_bytes,
            limits: Limits {
                lua_bytes: share,
                arena_bytes: exchange.unwrap_or((share / 8).min(64 << 20)),
                merge_bytes: (share / 8).clamp(4 << 20, 64 << 20),
                held_bytes: share / 4,
                max_row: settings.max_row.unwrap_or(MAX_ROW),
                block_bytes: settings.block_bytes.unwrap_or(BLOCK_BYTES),
                step_timeout_ms: settings
                    .step_timeout
                    .map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1)),
            },
        })
    }
}

/// A variable of the environment; an empty one counts as unset.
fn set_in_environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|text| !text.is_empty())
}

fn from_environment<T>(
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    let Some(text) = set_in_environment(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    match parse(&text) {
        Ok(value) => Ok(Some(value)),
        Err(problem) => Err(Failure::new(ErrorKind::Plan, format!("{name}={text:?}: {problem}"))),
    }
}
