//! A merge: the rows of many runs between two cuts, in the order of (key, task, row).
//!
//! A newcomer's trap: a mark says where a key differs from the row before within this merge. A
//! range that begins inside a divided key begins one all the same, so only sorts may divide keys.

use std::cmp::Ordering;
use std::fs::File;
use std::sync::Arc;

use super::entry::{self, MAX_HEAD_BYTES, common_prefix};
use super::read::RunReader;
use super::store::{RunOutput, RunStore};
use super::tree::{Contender, LoserTree};
use super::{CHUNK_BYTES, Run, RunInput};
use crate::error::Failure;
use crate::plan::cut::{Cut, KEY_BYTES};
use crate::plan::exchange::Keep;
use crate::row::layout::{Layout, Mark};

/// More inputs than this are merged in several passes, each of them over neighbours in the order
/// of (task, sequence).
pub(crate) const MAX_FAN_IN: usize = 512;

/// Larger buffers gain nothing: those of all inputs should stay in the processor's cache.
const MAX_READ_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Merge {
    readers: Vec<RunReader>,
    /// Nothing for a merge without inputs.
    tree: Option<LoserTree>,
    high: Option<Cut>,
    /// All keys of the range begin with this many bytes alike.
    shared: usize,
    first_only: bool,
    /// Rows that may still come.
    left: u64,
    /// The first task of each side of the exchange.
    sides_from: Vec<u32>,
    last_key: Vec<u8>,
    begun: bool,
}

impl Merge {
    /// The rows from `low` on that are before `high`. The buffers of all inputs together take
    /// `buffer_bytes`, or 8 KiB for each; a row that is larger takes more while it is read.
    pub(crate) fn open(
        mut inputs: Vec<RunInput>,
        files: &dyn Fn(u32) -> Result<Arc<File>, Failure>,
        low: Option<&Cut>,
        high: Option<&Cut>,
        buffer_bytes: usize,
        keep: Keep,
    ) -> Result<Merge, Failure> {
        let is_short = |cut: &Cut| cut.key.len() <= KEY_BYTES;
        assert!(low.is_none_or(is_short) && high.is_none_or(is_short), "cuts have short keys");
        inputs.sort_by_key(|input| (input.task, input.sequence));
        let in_files = inputs.iter().filter(|input| matches!(input.run, Run::File(_))).count();
        let each = (buffer_bytes / in_files.max(1)).clamp(CHUNK_BYTES, MAX_READ_BYTES);
        let readers = inputs
            .into_iter()
            .map(|input| RunReader::open(input, files, low, high, each))
            .filter(|reader| !reader.as_ref().is_ok_and(RunReader::is_done))
            .collect::<Result<Vec<_>, _>>()?;
        let shared = match (low, high) {
            (Some(low), Some(high)) => common_prefix(&low.key, &high.key),
            _ => 0,
        };
        let contenders: Vec<_> = (0_u32..)
            .zip(&readers)
            .map(|(input, reader)| Contender { prefix: entry::prefix(reader.key(), shared), input })
            .collect();
        let tree = (!readers.is_empty())
            .then(|| LoserTree::new(&contenders, |left, right| by_key(&readers, left, right)));
        let high = high.cloned();
        let first_only = keep == Keep::First;
        let left = if let Keep::Top(rows) = keep { rows } else { u64::MAX };
        let last_key = Vec::new();
        Ok(Merge {
            readers,
            tree,
            high,
            shared,
            first_only,
            left,
            sides_from: Vec::new(),
            last_key,
            begun: false,
        })
    }

    /// Appends rows as frames, until there are `block_bytes` of them, and a mark for each. Nothing
    /// when no rows are left.
    pub(crate) fn next_marked(
        &mut self,
        frames: &mut Vec<u8>,
        marks: &mut Vec<Mark>,
        block_bytes: usize,
    ) -> Result<(), Failure> {
        while frames.len() < block_bytes
            && let Some(input) = self.next_input()
        {
            let begins_key = self.note_key(input);
            if begins_key {
                end_key(marks);
            }
            if begins_key || !self.first_only {
                append_frame(frames, self.readers[input].payload());
                marks.push(Mark::new(begins_key, self.side(input)));
                self.left -= 1;
            }
            self.advance(input)?;
        }
        let next = self.next_input();
        let differs = next.is_none_or(|next| self.readers[next].key() != self.last_key);
        // Of a key of which only the first row is kept, that is the last one too.
        if differs || self.first_only {
            end_key(marks);
        }
        Ok(())
    }

    /// Says which task is the first of each side, so that marks tell sides apart.
    pub(crate) fn with_sides(self, sides_from: Vec<u32>) -> Merge {
        Merge { sides_from, ..self }
    }

    /// The side of the exchange that the next row of an input is of.
    #[inline]
    fn side(&self, input: usize) -> u8 {
        match &self.sides_from[..] {
            [] | [_] => 0,
            sides_from => {
                let task = self.readers[input].place().task;
                sides_from.partition_point(|&from| from <= task) as u8 - 1
            }
        }
    }

    /// The same without marks. Payloads are those of frames, or lines with their LF.
    pub(crate) fn next_rows(
        &mut self,
        layout: Layout,
        block: &mut Vec<u8>,
        block_bytes: usize,
    ) -> Result<(), Failure> {
        match layout.is_lines() {
            true => {
                self.next_block(block, block_bytes, |lines, line| lines.extend_from_slice(line))
            }
            false => self.next_block(block, block_bytes, append_frame),
        }
    }

    #[inline]
    fn next_block(
        &mut self,
        block: &mut Vec<u8>,
        block_bytes: usize,
        append: impl Fn(&mut Vec<u8>, &[u8]),
    ) -> Result<(), Failure> {
        while block.len() < block_bytes
            && let Some(input) = self.next_input()
        {
            if !self.first_only || self.note_key(input) {
                append(block, self.readers[input].payload());
                self.left -= 1;
            }
            self.advance(input)?;
        }
        Ok(())
    }

    /// Writes what is left as one longer run: a pass for when there are more inputs than a merge
    /// should have. As an input it has the task and sequence of the first of its inputs.
    pub(crate) fn write_run(mut self, store: &mut RunStore) -> Result<Run, Failure> {
        let mut out = RunOutput::new(store, true);
        while let Some(input) = self.next_input() {
            if !self.first_only || self.note_key(input) {
                let reader = &self.readers[input];
                let (key, payload, place) = (reader.key(), reader.payload(), reader.place());
                let bytes = reader.key_and_payload();
                let room = out.room(MAX_HEAD_BYTES + bytes.len(), || (key, place))?;
                let task = Some(place.task);
                entry::append_head(room, key.len(), payload.len(), place.row, task);
                room.extend_from_slice(bytes);
                self.left -= 1;
            }
            self.advance(input)?;
        }
        out.finish(false)
    }

    /// The input whose row is next.
    #[inline]
    fn next_input(&self) -> Option<usize> {
        let input = self.tree.as_ref()?.winner().input as usize;
        (self.left > 0 && !self.readers[input].is_done()).then_some(input)
    }

    /// Whether the input's key differs from that of the row before; it is now the one before.
    #[inline]
    fn note_key(&mut self, input: usize) -> bool {
        let key = self.readers[input].key();
        let is_start = !self.begun || key != self.last_key;
        if is_start {
            self.begun = true;
            self.last_key.clear();
            self.last_key.extend_from_slice(key);
        }
        is_start
    }

    #[inline]
    fn advance(&mut self, input: usize) -> Result<(), Failure> {
        let reader = &mut self.readers[input];
        reader.advance(self.high.as_ref())?;
        let prefix =
            if reader.is_done() { u64::MAX } else { entry::prefix(reader.key(), self.shared) };
        let readers = &self.readers;
        if let Some(tree) = &mut self.tree {
            tree.replay(prefix, |left, right| by_key(readers, left, right));
        }
        Ok(())
    }
}

fn end_key(marks: &mut [Mark]) {
    if let Some(last) = marks.last_mut() {
        last.end_key();
    }
}

fn append_frame(frames: &mut Vec<u8>, payload: &[u8]) {
    let len = u32::try_from(payload.len()).expect("it was read from 32 bits");
    frames.extend_from_slice(&len.to_le_bytes());
    frames.extend_from_slice(payload);
}

/// The order of inputs whose keys have the same prefix: ended ones are last; equal rows, which
/// only saturated row numbers make, stay in the order of the inputs.
fn by_key(readers: &[RunReader], left: u32, right: u32) -> Ordering {
    let (one, other) = (&readers[left as usize], &readers[right as usize]);
    let ended = one.is_done().cmp(&other.is_done());
    if one.is_done() || other.is_done() {
        return ended.then(left.cmp(&right));
    }
    let keys = one.key().cmp(other.key());
    keys.then_with(|| one.place().cmp(&other.place())).then(left.cmp(&right))
}
