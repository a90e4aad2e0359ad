//! The writing side: the rows of one task become sorted runs.
//!
//! A newcomer's trap: `push` takes rows in the order of the task; their numbers are counted here,
//! and are what keeps equal keys in order.

use super::arena::Arena;
use super::cut::Sampler;
use super::entry::{Entry, Place};
use super::store::{RunOutput, RunStore};
use super::{Run, TaskRuns};
use crate::error::{ErrorKind, Failed, Failure};
use crate::plan::exchange::{Facts, Keep};
use crate::row::layout::Rows;

/// Rows that an arena holds before it is looked through for those that are not wanted.
const LEAST_PRUNED: usize = 1024;

/// Collects the rows of one task and writes a run each time the arena is full.
///
/// `K` appends the key of a payload: bytes whose order is the order of the rows.
pub(crate) struct RunWriter<K> {
    key_of: K,
    keep: Keep,
    /// No row with this key or a greater one is among the first any more.
    bound: Option<Vec<u8>>,
    arena: Arena,
    sampler: Sampler,
    store: RunStore,
    runs: Vec<Run>,
    pub(super) rows: u64,
    key: Vec<u8>,
}

impl<K: FnMut(&mut Vec<u8>, &[u8]) -> Result<(), Failure>> RunWriter<K> {
    /// `keep` says which rows are written. Memory is `arena_bytes` or one row, and
    /// 256 KiB to write from.
    pub(crate) fn new(key_of: K, keep: Keep, arena_bytes: usize, store: RunStore) -> RunWriter<K> {
        RunWriter {
            key_of,
            keep,
            bound: None,
            arena: store.arena(arena_bytes),
            sampler: Sampler::new(),
            store,
            runs: Vec::new(),
            rows: 0,
            key: Vec::new(),
        }
    }

    /// Takes whole rows. The payloads of lines are the lines with their LF, keys are computed
    /// without it.
    pub(crate) fn push(&mut self, rows: Rows<'_>) -> Result<(), Failed> {
        let mut index = 0;
        let mut push = |row: &[u8], payload: &[u8]| {
            index += 1;
            self.push_row(row, payload).map_err(|failure| match failure.kind {
                ErrorKind::Row => {
                    Failed::from(failure).at_row(index - 1, || rows.layout.describe(row))
                }
                _ => Failed::from(failure),
            })
        };
        match rows.layout.is_lines() {
            true => rows.try_each_whole(push),
            false => rows.try_each(|payload| push(payload, payload)),
        }
    }

    pub(crate) fn finish(mut self) -> Result<TaskRuns, Failure> {
        self.write_run(self.runs.is_empty())?;
        self.store.keep(self.arena);
        let (samples, bytes) = self.sampler.finish();
        let facts = Facts::default();
        Ok(TaskRuns { runs: self.runs, samples, rows: self.rows, bytes, facts })
    }

    fn push_row(&mut self, row_of_key: &[u8], payload: &[u8]) -> Result<(), Failure> {
        self.key.clear();
        (self.key_of)(&mut self.key, row_of_key)?;
        let row = u32::try_from(self.rows).unwrap_or(u32::MAX);
        self.rows += 1;
        let row_bytes = self.key.len() + payload.len();
        self.sampler.see(&self.key, row, row_bytes);
        if let Keep::Top(rows) = self.keep
            && !self.is_among_first(rows)
        {
            return Ok(());
        }
        if self.arena.is_full_for(row_bytes) {
            self.write_run(false)?;
        }
        self.arena.push(&self.key, payload, row);
        Ok(())
    }

    /// Whether the row of `key` may be among the first ones of the order. Those of the arena that
    /// are not are dropped now and then.
    fn is_among_first(&mut self, rows: u64) -> bool {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        if self.arena.len() >= rows.saturating_mul(2).max(LEAST_PRUNED) {
            self.arena.sort();
            self.bound = self.arena.keep_first(rows).map(<[u8]>::to_vec);
        }
        rows > 0 && self.bound.as_ref().is_none_or(|bound| self.key < *bound)
    }

    fn write_run(&mut self, may_be_inline: bool) -> Result<(), Failure> {
        if self.arena.is_empty() {
            return Ok(());
        }
        self.arena.sort();
        let mut out = RunOutput::new(&self.store, false);
        let most = match self.keep {
            Keep::Top(rows) => usize::try_from(rows).unwrap_or(usize::MAX),
            Keep::All | Keep::First => usize::MAX,
        };
        for entry in self.arena.entries(self.keep == Keep::First).take(most) {
            out.room(entry.len(), || key_and_place(entry))?.extend_from_slice(entry);
        }
        self.runs.push(out.finish(may_be_inline)?);
        self.arena.clear();
        Ok(())
    }
}

/// The task is not known here, and not needed: it is the same for all entries of the run. Seeking
/// takes it from the input.
fn key_and_place(bytes: &[u8]) -> (&[u8], Place) {
    let entry = Entry::parse(bytes, false).expect("entries of the arena are whole");
    (&bytes[entry.key..entry.payload], Place { task: 0, row: entry.row })
}
