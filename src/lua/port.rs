//! A port: the place in memory where Rust and a segment's Lua loop exchange rows.
//!
//! A newcomer's trap: the first fields, which `in_c!` names, are read by Lua through FFI; the out
//! buffer behind them belongs to Rust alone and is written by `put.rs`.

use std::sync::Arc;
use std::{ptr, slice};

use memchr::memmem::Finder;

use super::Progress;
use super::address::is_address;
use super::in_c::in_c;
use super::status::{FLUSH, OK, REFUSED};
use crate::error::Failure;
use crate::row::layout::{Mark, Rows};
use crate::row::msgpack::Value;
use crate::row::written::Written;

/// The out buffer is handed on when it holds this much.
pub(super) const FLUSH_BYTES: usize = 256 << 10;

#[repr(C)]
pub(super) struct Port {
    pub bytes: *const u8,
    ends: *const u32,
    marks: *const Mark,
    pub size: u32,
    pub rows: u32,
    /// Rows in `out`.
    pub pending: u32,
    /// The line that is dealt with: where it begins, and its line feed.
    from: u32,
    stop: u32,
    /// Not 0: texts are looked at, as user code has made some of where values lie in memory.
    addresses: u32,
    /// Where the open row begins in `out`.
    pub mark: usize,
    pub out: Vec<u8>,
    pub max_row: usize,
    /// How rows are written where they leave as text and not as frames.
    written: Option<Written>,
    /// What is between the columns of lines, where the loop wants their places.
    separator: Option<u8>,
    /// For what goes over many rows in one call.
    pub progress: Arc<Progress>,
    /// Why a row was not written, or not read. No row comes after it.
    pub refused: Option<Failure>,
    /// What of `out` is whole rows.
    whole: usize,
    /// The frame of a row that is being written as text.
    frame: Vec<u8>,
    /// What `find_line` has looked for last.
    finder: Option<Finder<'static>>,
    found: Vec<u32>,
    /// Rows that have come since somebody asked.
    pub seen: u64,
}

in_c!(
    Port as "gleamflow_port": bytes, ends, marks, size, rows, pending, from, stop, addresses
);

impl Port {
    pub fn new(
        max_row: usize,
        written: Option<Written>,
        separator: Option<u8>,
        progress: Arc<Progress>,
    ) -> Port {
        Port {
            bytes: ptr::null(),
            ends: ptr::null(),
            marks: ptr::null(),
            size: 0,
            rows: 0,
            pending: 0,
            from: 0,
            stop: 0,
            addresses: 0,
            mark: 0,
            out: Vec::new(),
            max_row,
            written,
            separator,
            progress,
            refused: None,
            whole: 0,
            frame: Vec::new(),
            finder: None,
            found: Vec::new(),
            seen: 0,
        }
    }

    /// Forgets what an earlier task left behind.
    pub fn reset(&mut self) {
        self.put_back(Vec::new());
        self.refused = None;
        self.unload();
    }

    /// The rows so far, which are to be handed on, and how many they are. A row that is only half
    /// there is not one of them.
    pub fn take_rows(&mut self) -> (Vec<u8>, u32) {
        let mut rows = std::mem::take(&mut self.out);
        rows.truncate(self.whole);
        self.whole = 0;
        (rows, std::mem::take(&mut self.pending))
    }

    /// Gives a buffer back for the rows to come.
    pub fn put_back(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.out = buffer;
        (self.pending, self.mark, self.whole) = (0, 0, 0);
    }

    /// Whether a text may be one of where a value lies in memory.
    #[inline]
    pub fn doubts(&self, s: &[u8]) -> bool {
        self.addresses != 0 && is_address(s)
    }

    /// Something is done with texts of the input, which are what they are.
    pub fn trusting<R>(&mut self, f: impl FnOnce(&mut Port) -> R) -> R {
        let addresses = std::mem::take(&mut self.addresses);
        let result = f(self);
        self.addresses = addresses;
        result
    }

    pub fn take_refused(&mut self) -> Option<Failure> {
        self.refused.take()
    }

    /// Writes a row of scalars without making a frame of it. `None`: a frame must be made, which
    /// may be refused.
    #[inline]
    pub fn write(&mut self, values: &[Value<'_>], bytes: usize) -> Option<u32> {
        let written = self.written.as_ref()?;
        // Far from the limit the frame's exact size doesn't matter.
        if self.refused.is_some() || bytes + 32 > self.max_row {
            return None;
        }
        written.append_values(&mut self.out, values).then(|| self.ended())
    }

    /// Puts out the line at `from` of the loaded block, unchanged.
    pub fn keep_line(&mut self, block: &[u8]) -> u32 {
        self.out.extend_from_slice(&block[self.from as usize..=self.stop as usize]);
        self.ended()
    }

    /// The first line of the loaded block, from `row` on, that has the text in it: its number, and
    /// `from` and `stop`. The number of rows if there is none. The text has no line feed in it.
    pub fn find_line(&mut self, block: &[u8], text: &[u8], row: u32) -> u32 {
        if self.finder.as_ref().is_none_or(|finder| finder.needle() != text) {
            self.finder = Some(Finder::new(text).into_owned());
        }
        let start_of = |row: usize| if row == 0 { 0 } else { self.found[row - 1] as usize + 1 };
        let row = row as usize;
        if row >= self.found.len() {
            return self.rows;
        }
        let start = start_of(row);
        let found = self.finder.as_ref().and_then(|finder| finder.find(&block[start..]));
        let Some(at) = found else { return self.rows };
        let row = row + self.found[row..].partition_point(|&end| (end as usize) < start + at);
        (self.from, self.stop) = (start_of(row) as u32, self.found[row]);
        row as u32
    }

    /// The open row is a whole frame: leaves it or writes it.
    pub fn end_frame(&mut self, len: usize) -> u32 {
        match &self.written {
            None => self.out[self.mark..self.mark + 4].copy_from_slice(&(len as u32).to_le_bytes()),
            Some(written) => {
                self.frame.clear();
                self.frame.extend_from_slice(&self.out[self.mark + 4..]);
                self.out.truncate(self.mark);
                if self.refused.is_none() {
                    self.refused = written.append(&mut self.out, &self.frame).err();
                }
                if self.refused.is_some() {
                    return REFUSED;
                }
            }
        }
        self.ended()
    }

    fn ended(&mut self) -> u32 {
        self.whole = self.out.len();
        self.pending += 1;
        if self.whole >= FLUSH_BYTES { FLUSH } else { OK }
    }

    /// Points the loop at the rows and finds their ends. They must live until `unload`.
    pub fn load(&mut self, rows: Rows<'_>) -> Result<(), &'static str> {
        self.size = u32::try_from(rows.bytes.len()).map_err(|_| "a block of 4 GiB or more")?;
        self.found.clear();
        self.rows = rows.append_ends(self.separator, &mut self.found)?;
        self.seen += u64::from(self.rows);
        self.bytes = rows.bytes.as_ptr();
        self.ends = self.found.as_ptr();
        self.marks = rows.marks.as_ptr();
        Ok(())
    }

    /// The block of lines, and where its lines, or its columns, end.
    ///
    /// # Safety
    ///
    /// Lines have been loaded, and they live as long as the result is used.
    #[allow(unsafe_code)]
    pub unsafe fn lines<'a>(&self) -> (&'a [u8], &'a [u32]) {
        // SAFETY: `load` has taken both pointers, and their lengths, from slices.
        unsafe {
            (
                slice::from_raw_parts(self.bytes, self.size as usize),
                slice::from_raw_parts(self.ends, self.found.len()),
            )
        }
    }

    pub fn unload(&mut self) {
        (self.size, self.rows) = (0, 0);
        (self.bytes, self.ends, self.marks) = (ptr::null(), ptr::null(), ptr::null());
    }
}
