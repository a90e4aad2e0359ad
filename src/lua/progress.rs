//! Where a running Lua loop is, for a watchdog thread.
//!
//! A newcomer's trap: the loop writes these with plain stores from compiled code, so a reader sees
//! them soon but not in order; they are for timeouts and messages, never for results.

use std::sync::atomic::{AtomicU32, Ordering};

use super::in_c::in_c;

/// At a fixed address; Lua knows it as `in_c!` names its fields.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The step whose function runs, or ran last.
    pub step: AtomicU32,
    /// The row's place in the block that was pushed, from 0.
    pub row: AtomicU32,
    /// Rows put out; it wraps. A generator that makes progress is told from a loop without end.
    pub emitted: AtomicU32,
    /// How many calls into Lua are open: 0 where it is idle.
    pub busy: AtomicU32,
}

in_c!(Progress as "gleamflow_progress": step, row, emitted, busy);

impl Progress {
    /// Counts as busy until the guard is dropped.
    pub(super) fn enter(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }
}

pub(super) struct Busy<'a>(&'a Progress);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
