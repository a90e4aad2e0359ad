//! Other people's processes: spawn in a group, pass on stderr, end, reap. The only user of
//! signals.
//!
//! Invariants: a process is reaped after its group has been killed, never before; what one process
//! has made is not used by a child that it forks.

mod child;
mod ending;
mod exit;
mod folder;
mod group;
mod guard;
mod memory;
mod messages;
mod own;
mod signals;

pub(crate) use ending::Ending;
pub(crate) use exit::WorkerProcess;
pub(crate) use folder::Folder;
pub(crate) use group::{Group, To};
pub(crate) use guard::{Guarded, prepare as prepare_guard};
pub(crate) use memory::own_memory;
pub(crate) use own::PerProcess;
pub(crate) use signals::{
    block_write_signals, end_worker, flush_c_streams, has_raised_privileges,
    ignore_signals_in_worker, with_file_size_as_error,
};
