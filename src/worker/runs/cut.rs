//! Samples for the cuts of an exchange, and on which side of a cut a row is.
//!
//! A newcomer's trap: samples are of rows by their position in the task, taken before sorting and
//! before repeated rows are dropped. Anything else would let ranges, and with them the partial
//! sums that a user can observe, depend on the memory budget.

use std::cmp::Ordering;

use super::entry::Place;
use crate::plan::cut::{Cut, KEY_BYTES, Sample};

/// Emitted bytes for one sample.
const SAMPLE_BYTES: u64 = 64 << 10;

/// A task that would have more samples has every second dropped, and twice the distance.
const MAX_SAMPLES: usize = 1024;

pub(super) fn place_of(cut: &Cut) -> Place {
    Place { task: cut.task, row: cut.row }
}

/// Whether the row is before the cut.
#[inline]
pub(super) fn follows(cut: &Cut, key: &[u8], place: Place) -> bool {
    // Decides nearly always, without a call.
    if let (Some(key), Some(own)) = (key.first_chunk::<8>(), cut.key.first_chunk::<8>())
        && key != own
    {
        return u64::from_be_bytes(*key) < u64::from_be_bytes(*own);
    }
    match key.cmp(&cut.key) {
        Ordering::Equal => place < place_of(cut),
        order => order == Ordering::Less,
    }
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
