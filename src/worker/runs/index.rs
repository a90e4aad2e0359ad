//! The index of a run: by it a merge finds its slice with a few reads.
//!
//! Records of one size, so that they can be searched where they are: offset of a chunk (u64),
//! task, row and key length of the chunk's first entry, checksum (u32 each), 256 bytes of key.
//!
//! A newcomer's trap: the first chunk has no record; a run of less than 64 KiB has no index.

use std::cmp::Ordering;
use std::fs::File;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::xxh3_64;

use super::FileRun;
use super::cut::place_of;
use super::entry::Place;
use super::store::{cannot_read, damaged};
use crate::error::Failure;
use crate::plan::cut::{Cut, KEY_BYTES};

const HEAD_BYTES: usize = 24;
const RECORD_BYTES: usize = HEAD_BYTES + KEY_BYTES;

/// Bytes of chunks for one record.
const INDEX_BYTES: u64 = 64 << 10;

/// A run that would have more records has every second dropped, and twice the distance: the
/// index of a run of any length fits in memory while it is written.
const MAX_RECORDS: usize = 4096;

#[derive(Debug)]
pub(super) struct IndexWriter {
    records: Vec<u8>,
    distance: u64,
    next_at: u64,
}

impl IndexWriter {
    pub(super) fn new() -> IndexWriter {
        IndexWriter { records: Vec::new(), distance: INDEX_BYTES, next_at: INDEX_BYTES }
    }

    /// Whether a chunk that begins here gets a record.
    pub(super) fn wants(&self, offset: u64) -> bool {
        offset >= self.next_at
    }

    pub(super) fn push(&mut self, offset: u64, key: &[u8], place: Place) {
        let start = self.records.len();
        let key_len = u32::try_from(key.len()).expect("a key is far below 4 GiB");
        self.records.extend_from_slice(&offset.to_le_bytes());
        for word in [place.task, place.row, key_len, 0] {
            self.records.extend_from_slice(&word.to_le_bytes());
        }
        self.records.extend_from_slice(&key[..key.len().min(KEY_BYTES)]);
        self.records.resize(start + RECORD_BYTES, 0);
        let checksum = xxh3_64(&self.records[start..]) as u32;
        self.records[start + 20..start + 24].copy_from_slice(&checksum.to_le_bytes());
        if self.count() as usize > MAX_RECORDS {
            self.thin();
        }
        self.next_at = offset + self.distance;
    }

    pub(super) fn count(&self) -> u32 {
        (self.records.len() / RECORD_BYTES) as u32
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.records
    }

    fn thin(&mut self) {
        let kept = self.count() as usize / 2;
        for nth in 0..kept {
            let from = (2 * nth + 1) * RECORD_BYTES;
            self.records.copy_within(from..from + RECORD_BYTES, nth * RECORD_BYTES);
        }
        self.records.truncate(kept * RECORD_BYTES);
        self.distance *= 2;
    }
}

/// Where chunks begin around a cut, counted from the start of the run.
pub(super) struct Around {
    /// No entry before this offset is at or behind the cut.
    pub before: u64,
    /// Every entry from this offset on is.
    pub after: u64,
}

/// `task` is that of all entries, unless the run is a merged one.
pub(super) fn seek(file: &File, run: &FileRun, task: u32, cut: &Cut) -> Result<Around, Failure> {
    let mut around = Around { before: 0, after: run.len };
    let (mut low, mut high) = (0, run.index_records);
    while low < high {
        let middle = low + (high - low) / 2;
        let mut bytes = [0; RECORD_BYTES];
        let at = run.offset + run.len + u64::from(middle) * RECORD_BYTES as u64;
        file.read_exact_at(&mut bytes, at).map_err(|error| cannot_read(&error))?;
        let mut record = Record::parse(&mut bytes)?;
        if !run.merged {
            record.place.task = task;
        }
        if record.is_before(cut) {
            around.before = record.offset;
            low = middle + 1;
        } else {
            around.after = record.offset;
            high = middle;
        }
    }
    Ok(around)
}

struct Record<'a> {
    offset: u64,
    place: Place,
    key: &'a [u8],
    key_is_cut: bool,
}

impl Record<'_> {
    fn parse(bytes: &mut [u8; RECORD_BYTES]) -> Result<Record<'_>, Failure> {
        let word = |at: usize| {
            u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
        };
        let offset = u64::from(word(0)) | u64::from(word(4)) << 32;
        let place = Place { task: word(8), row: word(12) };
        let (key_len, checksum) = (word(16) as usize, word(20));
        bytes[20..24].fill(0);
        if checksum != xxh3_64(bytes) as u32 {
            return Err(damaged());
        }
        let key = &bytes[HEAD_BYTES..][..key_len.min(KEY_BYTES)];
        Ok(Record { offset, place, key, key_is_cut: key_len > KEY_BYTES })
    }

    fn is_before(&self, cut: &Cut) -> bool {
        match self.key.cmp(&cut.key) {
            // The cut's key is not longer than what the record keeps; the whole key is, and so
            // behind it.
            Ordering::Equal => !self.key_is_cut && self.place < place_of(cut),
            order => order == Ordering::Less,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_any_length_has_a_short_index_that_still_finds() {
        let mut index = IndexWriter::new();
        let (mut offset, step) = (0, 60 << 10);
        for key in 0..20_000_u32 {
            if index.wants(offset) {
                index.push(offset, &key.to_be_bytes(), Place::default());
            }
            offset += step;
        }
        let index_records = index.count();
        assert!((2048..=4096).contains(&index_records), "{index_records} records");
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&index.into_bytes(), offset).unwrap();
        let run =
            FileRun { file: 0, offset: 0, len: offset, index_records, largest: 0, merged: false };
        for key in [0_u32, 1, 777, 19_999] {
            let cut = Cut { key: key.to_be_bytes().to_vec(), task: 0, row: 0 };
            let around = seek(&file, &run, 0, &cut).unwrap();
            let at = u64::from(key) * step;
            assert!(around.before <= at && at <= around.after, "{key}");
            assert!(around.after - around.before < 2 << 20, "{key}");
        }
    }
}
