//! Reading what has no known size, from start to end: pipes, terminals, what is in `/proc`.
//!
//! A newcomer's trap: a block is what one read gives, however little. Waiting to fill a block
//! would hold back lines that a slow writer has already sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use memchr::memrchr;

use super::compressed::refuse_compressed;
use super::long_row::{first_long_row, reserve_within, row_too_long};
use super::open::BlockReader;
use super::paths::{FileKind, InputFile, cannot_open, cannot_read};
use super::stdin;
use crate::error::Failure;
use crate::row::layout::Layout;

/// An input that is read from start to end.
pub(crate) struct Stream {
    /// For messages: a path, or what stands for one.
    name: String,
    reader: Box<dyn Read + Send>,
    /// Whether bytes that cannot be text are a mistake.
    is_text: bool,
}

impl Stream {
    /// Opens a file. A FIFO waits here until something opens it for writing.
    pub(crate) fn open(file: &InputFile) -> Result<Stream, Failure> {
        if file.kind == FileKind::Stdin {
            return stdin::take();
        }
        let opened = File::open(&file.path).map_err(|error| cannot_open(&file.path, &error))?;
        Ok(Stream::text(file.path.display().to_string(), Box::new(opened)))
    }

    pub(crate) fn text(name: String, reader: Box<dyn Read + Send>) -> Stream {
        Stream { name, reader, is_text: true }
    }

    /// What it reads, for who looks for something else than lines.
    pub(crate) fn into_reader(self) -> Box<dyn Read + Send> {
        self.reader
    }

    /// A reader of the program's own, which may give whatever it likes.
    pub(crate) fn reader(reader: Box<dyn Read + Send>) -> Stream {
        Stream { name: "reader".to_owned(), reader, is_text: false }
    }
}

/// Streams that are opened one after another.
pub(crate) type Streams = Box<dyn Iterator<Item = Result<Stream, Failure>> + Send>;

/// Gives the lines of several streams, one stream after the other.
pub(crate) struct SequentialLines {
    streams: Streams,
    max_row: usize,
    reader: Option<Box<dyn Read + Send>>,
    /// The open stream, or the one that has just ended.
    name: String,
    is_text: bool,
    /// Bytes of that stream before the last block, and in the last block.
    bytes_before: u64,
    bytes: u64,
    /// Where one read goes.
    scratch: Vec<u8>,
    /// The start of a line whose end has not been read.
    carry: Vec<u8>,
    pending: Option<Failure>,
}

impl SequentialLines {
    /// The next stream is asked for when the one before it has ended.
    pub(crate) fn new(
        streams: impl Iterator<Item = Result<Stream, Failure>> + Send + 'static,
        max_row: usize,
    ) -> SequentialLines {
        SequentialLines {
            streams: Box::new(streams),
            max_row,
            reader: None,
            name: String::new(),
            is_text: false,
            bytes_before: 0,
            bytes: 0,
            scratch: Vec::new(),
            carry: Vec::new(),
            pending: None,
        }
    }

    fn fill(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<(), Failure> {
        if self.scratch.len() != block_bytes {
            self.scratch = vec![0; block_bytes];
        }
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(stream) = self.streams.next().transpose()? else {
                    return Ok(());
                };
                self.reader = Some(stream.reader);
                (self.name, self.is_text) = (stream.name, stream.is_text);
                self.bytes_before = 0;
                continue;
            };
            let got = match reader.read(&mut self.scratch) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| cannot_read(Path::new(&self.name), &error))?,
            };
            let bytes = &self.scratch[..got];
            let most = self.max_row.saturating_add(1);
            match memrchr(b'\n', bytes) {
                _ if got == 0 => {
                    self.reader = None;
                    if !self.carry.is_empty() {
                        std::mem::swap(out, &mut self.carry);
                        reserve_within(out, 1, most);
                        out.push(b'\n');
                        return Ok(());
                    }
                }
                Some(last) => {
                    std::mem::swap(out, &mut self.carry);
                    reserve_within(out, last + 1, most);
                    out.extend_from_slice(&bytes[..=last]);
                    self.carry.extend_from_slice(&bytes[last + 1..]);
                    return Ok(());
                }
                None => {
                    reserve_within(&mut self.carry, got, most);
                    self.carry.extend_from_slice(bytes);
                    if self.carry.len() > self.max_row {
                        return Err(self.too_long(0));
                    }
                }
            }
        }
    }

    /// Looks at the first line of a stream, however much of it one read has given.
    fn check_start(&self, lines: &[u8]) -> Result<(), Failure> {
        if !self.is_text || self.bytes_before > 0 {
            return Ok(());
        }
        refuse_compressed(&self.name, if lines.is_empty() { &self.carry } else { lines })
    }

    fn too_long(&self, start: usize) -> Failure {
        row_too_long(Path::new(&self.name), self.bytes_before + start as u64, self.max_row)
    }
}

impl BlockReader for SequentialLines {
    fn layout(&self) -> Layout {
        Layout::Lines
    }

    /// Replaces `out` by the lines that one read of at most `block_bytes` completes, each ended
    /// by LF and all of one stream; reads again only if it completes none. False: there are no
    /// more.
    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        out.clear();
        self.bytes_before += self.bytes;
        self.bytes = 0;
        let mut failure = self.pending.take();
        if failure.is_none() {
            failure = self.fill(out, block_bytes.max(1)).err();
            if let Err(refused) = self.check_start(out) {
                failure = Some(refused);
                out.clear();
            } else if let Some(start) = first_long_row(out, self.max_row) {
                failure = Some(self.too_long(start));
                out.truncate(start);
            }
        }
        if failure.is_some() {
            self.streams = Box::new(std::iter::empty());
            self.reader = None;
            self.carry = Vec::new();
        }
        self.bytes = out.len() as u64;
        match failure {
            Some(failure) if out.is_empty() => Err(failure),
            later => {
                self.pending = later;
                Ok(!out.is_empty())
            }
        }
    }
}
