//! Sorted runs: how the rows of many tasks meet in the order of their keys.
//!
//! A task collects its rows in an [`arena`], sorts them and writes them as runs (`RunWriter`); when
//! all tasks have ended, cut points are chosen from samples (`plan/cut.rs`), and each range
//! between two cuts is a merge of its slice of every run (`Merge`).
//!
//! A newcomer's trap: where a run ends says nothing. Runs are cut by the arena's size, that is by
//! the memory budget, so nothing that a result depends on may look at them: rows come out of a
//! merge in the order of (key, task, row), and samples are taken by position before sorting.
//!
//! Invariants:
//! - A run is sorted by key bytes; rows of equal keys are in the order of (task, row).
//! - The slices of a run between neighbouring cuts hold each of its rows exactly once.
//!
//! A payload is an encoded row, or a raw line with its LF; only whoever writes and whoever reads a
//! merge's rows must know which.
//!
//! A run in a file: chunks of at most 8 KiB (more if one row is larger), each behind its length
//! and checksum, then the index, a record about every 64 KiB, by which a merge finds its slice.

mod arena;
mod cut;
mod entry;
mod index;
mod merge;
mod read;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod write;

use serde::{Deserialize, Serialize};

use crate::plan::cut::{Sample, Sampled};
use crate::plan::exchange::Facts;
use crate::row::byte_string;

pub(crate) use merge::{MAX_FAN_IN, Merge};
pub(crate) use store::{RunStore, Stored};
pub(crate) use write::RunWriter;

/// Chunks are sealed before they grow beyond this; it is also the smallest read buffer.
const CHUNK_BYTES: usize = 8 << 10;

/// Writes to the temporary file are at least this large, except the last of a run.
const WRITE_BYTES: usize = 256 << 10;

/// A task's only run stays in memory up to this size, and travels with the task's answer. The
/// engine holds such runs of all tasks.
const INLINE_BYTES: usize = 8 << 10;

/// What a task leaves for the exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskRuns {
    /// In the order in which they were cut.
    pub runs: Vec<Run>,
    pub samples: Vec<Sample>,
    /// Rows emitted, before any were dropped as repeated.
    pub rows: u64,
    /// Key and payload bytes of these rows: the same for every arena size.
    pub bytes: u64,
    /// Of all rows, where the exchange asks for it.
    pub facts: Facts,
}

impl TaskRuns {
    /// What cuts are chosen by.
    pub(crate) fn sampled(&self, task: u32) -> Sampled<'_> {
        Sampled { task, samples: &self.samples, bytes: self.bytes }
    }

    /// Drops every second sample; how many are left. The first stays: it stands for the rows from
    /// the task's beginning on.
    pub(crate) fn thin_samples(&mut self) -> usize {
        let mut nth = 0;
        self.samples.retain(|_| {
            nth += 1;
            nth % 2 == 1
        });
        self.samples.shrink_to_fit();
        self.samples.len()
    }
}

/// One sorted run, or rather where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Run {
    /// The chunks themselves.
    Inline(#[serde(with = "byte_string")] Vec<u8>),
    File(FileRun),
}

/// A run in a temporary file: `len` bytes of chunks, and the index behind them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRun {
    pub file: u32,
    pub offset: u64,
    pub len: u64,
    pub index_records: u32,
    /// Bytes of the largest entry, if any is larger than a chunk should be.
    pub largest: u32,
    /// The rows are of several tasks, and each entry names its own.
    pub merged: bool,
}

impl Run {
    /// Bytes of the run's chunks.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        match self {
            Run::Inline(bytes) => bytes.len() as u64,
            Run::File(run) => run.len,
        }
    }

    /// What a merge must hold of the run at least, in bytes.
    pub(crate) fn least_buffer(&self) -> usize {
        match self {
            Run::Inline(bytes) => bytes.len(),
            Run::File(run) => CHUNK_BYTES.max(run.largest as usize),
        }
    }
}

/// A run as an input of a merge. A run that was itself merged from several has the task and
/// sequence of the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunInput {
    pub task: u32,
    /// Which of its task's runs it is.
    pub sequence: u32,
    pub run: Run,
}
