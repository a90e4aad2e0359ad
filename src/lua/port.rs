//! A port: the place in memory where Rust and a segment's Lua loop exchange rows.
//!
//! A newcomer's trap: the first fields are read by Lua through FFI (`lua/native.lua` repeats
//! them), so their order is a contract; the out buffer behind them belongs to Rust alone and is
//! written by the functions in `natives.rs`.

use std::{ptr, slice};

use super::Rows;

/// The out buffer is handed on when it holds this much.
pub(super) const FLUSH_BYTES: usize = 256 << 10;

#[repr(C)]
pub(super) struct Port {
    bytes: *const u8,
    ends: *const u32,
    starts: *const u8,
    size: u32,
    rows: u32,
    /// Rows in `out`.
    pub pending: u32,
    /// Where the open row begins in `out`.
    pub mark: usize,
    pub out: Vec<u8>,
    pub max_row: usize,
    found: Vec<u32>,
}

impl Port {
    pub fn new(max_row: usize) -> Port {
        Port {
            bytes: ptr::null(),
            ends: ptr::null(),
            starts: ptr::null(),
            size: 0,
            rows: 0,
            pending: 0,
            mark: 0,
            out: Vec::new(),
            max_row,
            found: Vec::new(),
        }
    }

    /// Forgets what an earlier task left behind.
    pub fn reset(&mut self) {
        self.out.clear();
        self.pending = 0;
        self.mark = 0;
        self.unload();
    }

    /// Points the loop at the rows and finds their ends. They must live until `unload`.
    pub fn load(&mut self, rows: &Rows<'_>) -> Result<(), &'static str> {
        let (bytes, starts): (&[u8], &[u8]) = match *rows {
            Rows::Lines(bytes) | Rows::Columns(bytes) | Rows::Frames(bytes) => (bytes, &[]),
            Rows::Groups { frames, starts } => (frames, starts),
        };
        self.size = u32::try_from(bytes.len()).map_err(|_| "a block of 4 GiB or more")?;
        self.found.clear();
        self.rows = match rows {
            Rows::Lines(_) => {
                self.found.extend(memchr::memchr_iter(b'\n', bytes).map(|at| at as u32));
                self.found.len() as u32
            }
            Rows::Columns(_) => {
                let mut lines = 0;
                for at in memchr::memchr2_iter(b'\t', b'\n', bytes) {
                    lines += u32::from(bytes[at] == b'\n');
                    self.found.push(at as u32);
                }
                lines
            }
            Rows::Frames(_) => 0,
            Rows::Groups { .. } => {
                if count_frames(bytes) != Some(starts.len()) {
                    return Err("groups need one byte per row");
                }
                starts.len() as u32
            }
        };
        if matches!(rows, Rows::Lines(_) | Rows::Columns(_))
            && bytes.last().is_some_and(|&last| last != b'\n')
        {
            return Err("a block of lines must end with a line feed");
        }
        self.bytes = bytes.as_ptr();
        self.ends = self.found.as_ptr();
        self.starts = starts.as_ptr();
        Ok(())
    }

    /// The block of lines, and where its lines end.
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
                slice::from_raw_parts(self.ends, self.rows as usize),
            )
        }
    }

    pub fn unload(&mut self) {
        (self.size, self.rows) = (0, 0);
        (self.bytes, self.ends, self.starts) = (ptr::null(), ptr::null(), ptr::null());
    }
}

/// The number of frames, if the bytes are whole frames.
fn count_frames(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !bytes.is_empty() {
        bytes = next_frame(bytes)?.1;
        count += 1;
    }
    Some(count)
}

/// Cuts the first frame's payload off.
pub(super) fn next_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*len) as usize)
}
