//! Cuts: where the rows of all tasks are divided into ranges that are merged apart.
//!
//! A newcomer's trap: samples are of rows by their position in the task, taken before sorting and
//! before repeated rows are dropped. Anything else would let ranges, and with them the partial
//! sums that a user can observe, depend on the memory budget.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::entry::Place;
use super::{KEY_BYTES, TaskRuns, byte_string};

/// Emitted bytes for one sample.
const SAMPLE_BYTES: u64 = 64 << 10;

/// A task that would have more samples has every second dropped, and twice the distance.
const MAX_SAMPLES: usize = 1024;

/// A row that stands for the rows behind it, up to the next sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// At most 256 bytes of it.
    #[serde(with = "byte_string")]
    pub key: Vec<u8>,
    pub row: u32,
    /// Bytes that its task had emitted before it.
    pub at: u64,
}

/// A position between rows in the order of (key, task, row): before the row that it names.
///
/// Invariant: the key has at most 256 bytes. A longer key is behind the cut made from its start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Cut {
    #[serde(with = "byte_string")]
    pub key: Vec<u8>,
    pub task: u32,
    pub row: u32,
}

impl Cut {
    pub(super) fn place(&self) -> Place {
        Place { task: self.task, row: self.row }
    }

    /// Whether the row is before the cut.
    #[inline]
    pub(super) fn follows(&self, key: &[u8], place: Place) -> bool {
        // Decides nearly always, without a call.
        if let (Some(key), Some(own)) = (key.first_chunk::<8>(), self.key.first_chunk::<8>())
            && key != own
        {
            return u64::from_be_bytes(*key) < u64::from_be_bytes(*own);
        }
        match key.cmp(&self.key) {
            Ordering::Equal => place < self.place(),
            order => order == Ordering::Less,
        }
    }
}

/// At most `ranges - 1` cuts, in order and all different, between which there are about equally
/// many bytes. `divide_keys` lets a cut stand between rows of one key, for sorting; without it
/// the rows of a key stay together.
pub(crate) fn choose_cuts(
    tasks: &[(u32, &TaskRuns)],
    ranges: usize,
    divide_keys: bool,
) -> Vec<Cut> {
    let mut samples = Vec::new();
    for &(task, runs) in tasks {
        for (nth, sample) in runs.samples.iter().enumerate() {
            let next = runs.samples.get(nth + 1).map_or(runs.bytes, |next| next.at);
            samples.push((&sample.key, task, sample.row, next - sample.at));
        }
    }
    samples.sort_unstable();
    let smallest = samples.first().map(|sample| sample.0);
    let total: u64 = samples.iter().map(|sample| sample.3).sum();

    let mut cuts = Vec::new();
    let mut before = 0_u64;
    let mut wanted = 1;
    for &(key, task, row, bytes) in &samples {
        let reached = u128::from(before) * ranges as u128 / u128::from(total.max(1));
        if reached >= wanted {
            wanted = reached + 1;
            // What was shortened is equal to no key and so divides none.
            let divides = divide_keys && key.len() < KEY_BYTES;
            if divides || Some(key) != smallest {
                let (task, row) = if divides { (task, row) } else { (0, 0) };
                cuts.push(Cut { key: key.clone(), task, row });
            }
        }
        before += bytes;
    }
    cuts.dedup();
    cuts
}

/// Takes the samples of one task.
#[derive(Debug)]
pub(super) struct Sampler {
    samples: Vec<Sample>,
    distance: u64,
    next_at: u64,
    emitted: u64,
}

impl Sampler {
    pub(super) fn new() -> Sampler {
        Sampler { samples: Vec::new(), distance: SAMPLE_BYTES, next_at: 0, emitted: 0 }
    }

    /// To be called for each row, with its key and payload bytes.
    #[inline]
    pub(super) fn see(&mut self, key: &[u8], row: u32, row_bytes: usize) {
        if self.emitted >= self.next_at && row < u32::MAX {
            self.take(key, row);
        }
        self.emitted += row_bytes as u64;
    }

    /// The samples, and all bytes that were emitted.
    pub(super) fn finish(self) -> (Vec<Sample>, u64) {
        (self.samples, self.emitted)
    }

    #[cold]
    fn take(&mut self, key: &[u8], row: u32) {
        let key = key[..key.len().min(KEY_BYTES)].to_vec();
        self.samples.push(Sample { key, row, at: self.emitted });
        if self.samples.len() > MAX_SAMPLES {
            let mut nth = 0;
            self.samples.retain(|_| {
                nth += 1;
                nth % 2 == 1
            });
            self.distance *= 2;
        }
        self.next_at = (self.emitted / self.distance + 1) * self.distance;
    }
}
