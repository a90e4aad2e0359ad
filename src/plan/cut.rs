//! Cuts: where the rows of all tasks are divided into ranges that are merged apart.
//!
//! A newcomer's trap: all engines must cut alike, and whatever the memory budget, for partial sums
//! can be told apart by where a range ends. So cuts come from samples of rows by their position,
//! and from the number of bytes.

use serde::{Deserialize, Serialize};

use crate::plan::exchange::Cuts;
use crate::row::byte_string;

/// Samples and cuts keep this much of a key.
pub(crate) const KEY_BYTES: usize = 256;

/// Bytes of a range, and how many ranges there are at most.
const RANGE_BYTES: u64 = 4 << 20;
const MOST_RANGES: u64 = 64;

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

/// What is known of the rows of one task.
#[derive(Clone, Copy)]
pub(crate) struct Sampled<'a> {
    pub task: u32,
    pub samples: &'a [Sample],
    /// Key and payload bytes of all its rows.
    pub bytes: u64,
}

impl Cuts {
    /// The cuts between the merges of an exchange. `range_bytes` is for tests only.
    pub(crate) fn choose(self, tasks: &[Sampled<'_>], range_bytes: Option<u64>) -> Vec<Cut> {
        if self == Cuts::One {
            return Vec::new();
        }
        let bytes: u64 = tasks.iter().map(|task| task.bytes).sum();
        let range_bytes = range_bytes.map_or(RANGE_BYTES, |bytes| bytes.max(1));
        let ranges = bytes.div_ceil(range_bytes).clamp(1, MOST_RANGES);
        choose_cuts(tasks, ranges as usize, self == Cuts::Rows)
    }
}

/// At most `ranges - 1` cuts, in order and all different, between which there are about equally
/// many bytes. `divide_keys` lets a cut stand between rows of one key, for sorting; without it
/// the rows of a key stay together.
pub(crate) fn choose_cuts(tasks: &[Sampled<'_>], ranges: usize, divide_keys: bool) -> Vec<Cut> {
    let mut samples = Vec::new();
    for &Sampled { task, samples: of_task, bytes } in tasks {
        for (nth, sample) in of_task.iter().enumerate() {
            let next = of_task.get(nth + 1).map_or(bytes, |next| next.at);
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
