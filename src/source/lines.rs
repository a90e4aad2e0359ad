//! Lines as a format, and reading a split: blocks of whole lines from the pieces of its files.
//!
//! A newcomer's trap: a piece's lines are not its bytes. A line belongs to the piece in which its
//! first byte lies, so a reader begins one byte early, to see whether a line starts at `start`,
//! and goes on beyond `end` until its last line is whole.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;

use memchr::{memchr, memrchr};
use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};
use serde::{Deserialize, Serialize};

use super::long_row::{first_long_row, reserve_within, row_too_long};
use super::open::{BlockReader, Format};
use super::paths::{cannot_open, cannot_read};
use super::place::place_in_file;
use super::split::Piece;
use super::stream::{SequentialLines, Streams};
use crate::error::{Failure, InputPlace};
use crate::plan::named::Arguments;
use crate::row::layout::{Layout, Rows};

/// Read beyond a piece's end at a time, to finish its last line.
const FINISH_BYTES: u64 = 8 << 10;

/// Rows that end with LF; the last one needs none.
#[derive(Serialize, Deserialize)]
pub(crate) struct Lines {}

impl Arguments for Lines {
    const NAME: &str = "lines";
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lines")
    }
}

impl Format for Lines {
    fn pieces(&self, pieces: Vec<Piece>, max_row: usize) -> Box<dyn BlockReader> {
        Box::new(LineReader::new(pieces, max_row))
    }

    fn streams(&self, streams: Streams, max_row: usize) -> Box<dyn BlockReader> {
        Box::new(SequentialLines::new(streams, max_row))
    }
}

/// Gives the lines of one split, block by block.
pub(crate) struct LineReader {
    pieces: std::vec::IntoIter<Piece>,
    max_row: usize,
    open: Option<OpenPiece>,
    /// The start of a line whose end was not in the last block's bytes.
    carry: Vec<u8>,
    /// What the last block is made of.
    segments: Vec<Segment>,
    /// A failure whose turn comes after the lines before it.
    pending: Option<Failure>,
}

/// Neighbouring lines of a block that are neighbours in a file too.
struct Segment {
    path: PathBuf,
    /// Of its first line: in the file, in the block, and how many lines of the block precede it.
    offset: u64,
    at: usize,
    rows_before: u32,
}

impl LineReader {
    pub(crate) fn new(pieces: Vec<Piece>, max_row: usize) -> LineReader {
        LineReader {
            pieces: pieces.into_iter(),
            max_row,
            open: None,
            carry: Vec::new(),
            segments: Vec::new(),
            pending: None,
        }
    }

    /// Fills `out`; `out[..*whole]` are whole lines, and what follows is the start of the next,
    /// of the open piece.
    fn fill(
        &mut self,
        out: &mut Vec<u8>,
        whole: &mut usize,
        block_bytes: usize,
    ) -> Result<(), Failure> {
        // So much is a block: the rest would take a read of its own for a few bytes.
        let enough = block_bytes - block_bytes / 16;
        out.append(&mut self.carry);
        let mut rows = 0;
        if let Some(open) = &self.open {
            self.segments.push(open.segment(open.next - out.len() as u64, 0, rows));
        }
        loop {
            if *whole > 0 && out.len() >= enough {
                return Ok(());
            }
            let Some(open) = &mut self.open else {
                let Some(piece) = self.pieces.next() else {
                    return Ok(());
                };
                self.open = OpenPiece::open(piece)?;
                if let Some(open) = &self.open {
                    if let Some(last) = self.segments.last() {
                        rows += Rows::lines(&out[last.at..]).count();
                    }
                    self.segments.push(open.segment(open.next, out.len(), rows));
                }
                continue;
            };
            let most = self.max_row.saturating_add(1);
            let room = match out.len() {
                len if len < block_bytes => block_bytes - len,
                // One line fills the block already; so much is needed to tell that it is too long.
                len => len.min(most.saturating_sub(len)).max(1),
            };
            if open.read_lines(out, whole, room, most)? {
                // What was read while somebody wrote is no input that ever was.
                open.piece.file.check(&open.file, &open.piece.path)?;
                self.open = None;
            } else if out.len() - *whole > self.max_row {
                return Err(self.too_long(*whole));
            }
        }
    }

    fn too_long(&self, start: usize) -> Failure {
        let behind = self.segments.partition_point(|segment| segment.at <= start);
        let segment = &self.segments[behind - 1];
        row_too_long(&segment.path, segment.offset + (start - segment.at) as u64, self.max_row)
    }
}

impl BlockReader for LineReader {
    fn layout(&self) -> Layout {
        Layout::Lines
    }

    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        out.clear();
        self.segments.clear();
        if let Some(failure) = self.pending.take() {
            return Err(failure);
        }
        let mut whole = 0;
        let mut failure = self.fill(out, &mut whole, block_bytes).err();
        if failure.is_none() {
            self.carry.extend_from_slice(&out[whole..]);
        }
        out.truncate(whole);
        if let Some(start) = first_long_row(out, self.max_row) {
            failure = Some(self.too_long(start));
            out.truncate(start);
        }
        if failure.is_some() {
            self.pieces = Vec::new().into_iter();
            self.open = None;
            self.carry = Vec::new();
        }
        match failure {
            Some(failure) if out.is_empty() => Err(failure),
            later => {
                self.pending = later;
                Ok(!out.is_empty())
            }
        }
    }

    /// Where a row of the last block came from. Reads the file again up to there.
    fn place(&self, row_in_last_block: u32) -> Option<InputPlace> {
        let first_behind = self.segments.partition_point(|s| s.rows_before <= row_in_last_block);
        let s = self.segments[..first_behind].last()?;
        Some(place_in_file(&s.path, s.offset, row_in_last_block - s.rows_before))
    }
}

/// A piece that is being read.
struct OpenPiece {
    piece: Piece,
    file: File,
    /// The offset of the next byte to read.
    next: u64,
}

impl OpenPiece {
    /// Opens a piece at its first line, unless no line starts in it.
    fn open(piece: Piece) -> Result<Option<OpenPiece>, Failure> {
        let file = File::open(&piece.path).map_err(|error| cannot_open(&piece.path, &error))?;
        piece.file.check(&file, &piece.path)?;
        let mut open = OpenPiece { next: piece.start, piece, file };
        if open.piece.start == 0 {
            return Ok(Some(open));
        }
        // A line starts behind each LF from here to the last byte but one.
        open.next -= 1;
        let mut bytes = Vec::with_capacity(FINISH_BYTES as usize);
        while open.next < open.piece.end - 1 {
            bytes.clear();
            let from = open.next;
            open.read(&mut bytes, (open.piece.end - 1 - from).min(FINISH_BYTES) as usize)?;
            if let Some(at) = memchr(b'\n', &bytes) {
                open.next = from + at as u64 + 1;
                return Ok((open.next < open.piece.end).then_some(open));
            }
        }
        Ok(None)
    }

    fn segment(&self, offset: u64, at: usize, rows_before: u32) -> Segment {
        Segment { path: self.piece.path.clone(), offset, at, rows_before }
    }

    /// Reads about `room` bytes more. True: the piece's last line is whole, and `out` ends with it.
    fn read_lines(
        &mut self,
        out: &mut Vec<u8>,
        whole: &mut usize,
        room: usize,
        most: usize,
    ) -> Result<bool, Failure> {
        let (end, file_len) = (self.piece.end, self.piece.file.len);
        let limit = file_len.min(end.max(self.next).saturating_add(FINISH_BYTES));
        let room = (limit - self.next).min(room as u64) as usize;
        let from = out.len();
        reserve_within(out, room, most);
        let offset = self.next;
        self.read(out, room)?;
        if self.next >= end {
            // The last line is the one with the piece's last byte in it.
            let last_byte = from + (end - 1).saturating_sub(offset) as usize;
            if let Some(len) = memchr(b'\n', &out[last_byte..]) {
                out.truncate(last_byte + len + 1);
                *whole = out.len();
                return Ok(true);
            }
        }
        if self.next >= file_len {
            reserve_within(out, 1, most);
            out.push(b'\n');
            *whole = out.len();
            return Ok(true);
        }
        if let Some(at) = memrchr(b'\n', &out[from..]) {
            *whole = from + at + 1;
        }
        Ok(false)
    }

    /// Appends at least one byte from `next` on, and about `wanted`.
    fn read(&mut self, out: &mut Vec<u8>, wanted: usize) -> Result<(), Failure> {
        let from = out.len();
        let spare = out.capacity() - from;
        let got = if spare >= wanted && spare - wanted <= wanted / 4 {
            retry_on_intr(|| pread(&self.file, spare_capacity(out), self.next))
        } else {
            // Much spare capacity would read much more than is wanted.
            out.resize(from + wanted, 0);
            retry_on_intr(|| pread(&self.file, &mut out[from..], self.next))
        };
        let path = &self.piece.path;
        let got = got.map_err(|error| cannot_read(path, &error.into()))?;
        // The file may have grown; what it holds beyond its planned size is not part of the input.
        let got = got.min((self.piece.file.len - self.next) as usize);
        out.truncate(from + got);
        if got == 0 {
            return Err(self.piece.file.became_shorter(path));
        }
        self.next += got as u64;
        Ok(())
    }
}
