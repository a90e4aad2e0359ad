//! Where a running Lua loop is, for a watchdog thread.
//!
//! A newcomer's trap: the loop writes these with plain stores from compiled code, so a reader sees
//! them soon but not in order; they are for timeouts and messages, never for results.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::in_c::in_c;
use crate::row::layout::{Layout, Rows};

/// A larger block is not looked into for the sake of a message.
const MOST_SHOWN: usize = 32 << 20;

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
    /// Where the block lies that `row` counts in.
    block: Mutex<Option<Block>>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    address: usize,
    bytes: usize,
    layout: Layout,
}

impl Block {
    fn of(rows: Rows<'_>) -> Block {
        let address = rows.bytes.as_ptr().addr();
        Block { address, bytes: rows.bytes.len(), layout: rows.layout }
    }
}

in_c!(Progress as "gleamflow_progress": step, row, emitted, busy);

impl Progress {
    /// The loop works on these rows, or on none, until the guard is dropped.
    pub(super) fn show(&self, rows: Option<Rows<'_>>) -> Shown<'_> {
        Shown { progress: self, before: self.replace(rows.map(Block::of)) }
    }

    fn replace(&self, block: Option<Block>) -> Option<Block> {
        let mut shown = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut shown, block)
    }

    /// The row that is worked on, as a person would read it. The block is another thread's, which may
    /// leave it at any moment, so it is read as if it were another process's.
    pub(crate) fn describe_row(&self) -> Option<String> {
        let block = *self.block.lock().unwrap_or_else(PoisonError::into_inner);
        let block = block.filter(|block| block.bytes <= MOST_SHOWN)?;
        let row = self.row.load(Ordering::Relaxed);
        let mut bytes = vec![0; block.bytes];
        let memory = File::open("/proc/self/mem").ok()?;
        memory.read_exact_at(&mut bytes, block.address as u64).ok()?;
        let text = Rows::new(block.layout, &bytes).each().nth(row as usize)?.ok()?;
        Some(block.layout.describe(text))
    }

    /// Counts as busy until the guard is dropped.
    pub(super) fn enter(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }
}

pub(super) struct Shown<'a> {
    progress: &'a Progress,
    before: Option<Block>,
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.progress.replace(self.before);
    }
}

pub(super) struct Busy<'a>(&'a Progress);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
