//! The reading side: one input of a merge, entry after entry.
//!
//! A newcomer's trap: the current entry lies in the buffer that `advance` refills; what is needed
//! of it afterwards must have been copied.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};

use super::cut::follows;
use super::entry::{Entry, Place};
use super::index;
use super::store::{CHUNK_HEAD_BYTES, cannot_read, chunk_checksum, damaged};
use super::{Run, RunInput};
use crate::error::Failure;
use crate::plan::cut::Cut;

/// A run's slice between two cuts, at its current entry.
#[derive(Debug)]
pub(super) struct RunReader {
    /// Chunks, or the part of them that has been read.
    buffer: Vec<u8>,
    entry: Entry,
    /// Where the current entry begins in `buffer`.
    base: usize,
    /// Where the next entry or chunk begins.
    at: usize,
    chunk_end: usize,
    unread: Option<Unread>,
    task: u32,
    merged: bool,
    done: bool,
}

#[derive(Debug)]
struct Unread {
    file: Arc<File>,
    at: u64,
    end: u64,
    buffer_bytes: usize,
}

impl RunReader {
    /// Stands before the first entry that is not before `low`; ends before the first that is not
    /// before `high`.
    pub(super) fn open(
        input: RunInput,
        files: &dyn Fn(u32) -> Result<Arc<File>, Failure>,
        low: Option<&Cut>,
        high: Option<&Cut>,
        buffer_bytes: usize,
    ) -> Result<RunReader, Failure> {
        let mut merged = false;
        let (buffer, unread) = match input.run {
            Run::Inline(bytes) => (bytes, None),
            Run::File(run) => {
                merged = run.merged;
                let file = files(run.file)?;
                let (mut start, mut end) = (0, run.len);
                if let Some(low) = low {
                    start = index::seek(&file, &run, input.task, low)?.before;
                }
                if let Some(high) = high {
                    end = index::seek(&file, &run, input.task, high)?.after;
                }
                let (at, end) = (run.offset + start, run.offset + end);
                (Vec::new(), Some(Unread { file, at, end, buffer_bytes }))
            }
        };
        let mut reader = RunReader {
            buffer,
            entry: Entry { key: 0, payload: 0, end: 0, row: 0, task: None },
            base: 0,
            at: 0,
            chunk_end: 0,
            unread,
            task: input.task,
            merged,
            done: false,
        };
        reader.advance(high)?;
        if let Some(low) = low {
            while !reader.done && follows(low, reader.key(), reader.place()) {
                reader.advance(high)?;
            }
        }
        Ok(reader)
    }

    /// There is no current entry.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    #[inline]
    pub(super) fn key(&self) -> &[u8] {
        &self.buffer[self.base + self.entry.key..self.base + self.entry.payload]
    }

    #[inline]
    pub(super) fn payload(&self) -> &[u8] {
        &self.buffer[self.base + self.entry.payload..self.at]
    }

    /// Key and payload, which are neighbours.
    pub(super) fn key_and_payload(&self) -> &[u8] {
        &self.buffer[self.base + self.entry.key..self.at]
    }

    #[inline]
    pub(super) fn place(&self) -> Place {
        Place { task: self.entry.task.unwrap_or(self.task), row: self.entry.row }
    }

    /// Goes to the next entry, or is done.
    pub(super) fn advance(&mut self, high: Option<&Cut>) -> Result<(), Failure> {
        if self.at == self.chunk_end && !self.next_chunk()? {
            self.finish();
            return Ok(());
        }
        self.base = self.at;
        let chunk = &self.buffer[self.at..self.chunk_end];
        self.entry = Entry::parse(chunk, self.merged).ok_or_else(damaged)?;
        self.at += self.entry.end;
        if high.is_some_and(|high| !follows(high, self.key(), self.place())) {
            self.finish();
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.done = true;
        self.buffer = Vec::new();
        self.unread = None;
    }

    /// Has the next chunk in the buffer, checked; false at the end of the slice.
    fn next_chunk(&mut self) -> Result<bool, Failure> {
        if self.at == self.buffer.len() && self.unread.as_ref().is_none_or(|u| u.at == u.end) {
            return Ok(false);
        }
        self.have(CHUNK_HEAD_BYTES)?;
        let word = |at: usize| {
            u32::from_le_bytes(self.buffer[at..at + 4].try_into().expect("four bytes were taken"))
        };
        let (len, checksum) = (word(self.at) as usize, word(self.at + 4));
        self.have(CHUNK_HEAD_BYTES + len)?;
        self.at += CHUNK_HEAD_BYTES;
        self.chunk_end = self.at + len;
        if len == 0 || chunk_checksum(&self.buffer[self.at..self.chunk_end]) != checksum {
            return Err(damaged());
        }
        Ok(true)
    }

    /// Has `len` bytes from `at` on in the buffer, and as many more as it holds.
    fn have(&mut self, len: usize) -> Result<(), Failure> {
        let rest = self.buffer.len() - self.at;
        if rest >= len {
            return Ok(());
        }
        let unread = self.unread.as_mut().ok_or_else(damaged)?;
        let left = unread.end - unread.at;
        if (len - rest) as u64 > left {
            return Err(damaged());
        }
        // A chunk with one large row gets the buffer it needs; the next refill gives it back.
        let wanted = len.max(unread.buffer_bytes) - rest;
        let read = usize::try_from(left).map_or(wanted, |left| wanted.min(left));
        self.buffer.copy_within(self.at.., 0);
        self.buffer.truncate(rest);
        self.buffer.shrink_to(unread.buffer_bytes.max(rest + read));
        self.buffer.reserve_exact(read);
        while self.buffer.len() < rest + read {
            let at = unread.at + (self.buffer.len() - rest) as u64;
            let got = retry_on_intr(|| pread(&unread.file, spare_capacity(&mut self.buffer), at));
            if got.map_err(|error| cannot_read(&error.into()))? == 0 {
                return Err(cannot_read(&io::ErrorKind::UnexpectedEof.into()));
            }
        }
        // The buffer may have had more room than was to be read.
        self.buffer.truncate(rest + read);
        unread.at += read as u64;
        self.at = 0;
        Ok(())
    }
}
