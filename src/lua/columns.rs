//! The columns of a block of lines, found at once: where the first ones lie, and those that are
//! numbers as numbers.
//!
//! A newcomer's trap: a row that is not as rows usually are, because it is too short or a number is
//! none that a double holds exactly, is only marked here; it is made of its text when its turn comes,
//! and what is wrong with it is an error then.

use std::ptr;

use super::in_c::{Signed, in_c};
use crate::error::Failure;
use crate::plan::view;
use crate::row::describe::describe;
use crate::row::msgpack;
use crate::row::numeric::append_numbers;
use crate::row::text::{self, Number};

/// The row is as usual, and its line is what would be written of it.
const USUAL: u8 = 0;
/// The row is as usual, but a number would be written otherwise.
const REWRITTEN: u8 = 1;
/// The row is to be made by [`Columns::make_row`].
const ODD: u8 = 2;

/// Integers up to here are exact as doubles.
const EXACT: i64 = 1 << 53;

#[repr(C)]
pub(super) struct Columns {
    /// Where each of the first `width` columns of each row begins and ends.
    spans: *const Signed,
    /// The numbers of each row, in the order of `numeric`.
    numbers: *const f64,
    /// What each row is.
    kinds: *const u8,
    /// Where the lines end.
    stops: *const Signed,
    /// The first end of each row among those of the port.
    firsts: *const Signed,
    /// The row that was made last, as encoded columns.
    row: *const u8,
    row_bytes: u32,
    view: view::Columns,
    /// All columns that are numbers, from 0, in order and once.
    numeric: Vec<u32>,
    found_spans: Vec<Signed>,
    found_numbers: Vec<f64>,
    found_kinds: Vec<u8>,
    found_stops: Vec<Signed>,
    found_firsts: Vec<Signed>,
    made: [Vec<u8>; 2],
    written: Vec<u8>,
}

in_c!(
    Columns as "gleamflow_columns":
    spans, numbers, kinds, stops, firsts, row, row_bytes
);

impl Columns {
    pub fn new(view: view::Columns) -> Columns {
        let mut numeric: Vec<u32> =
            view.numbers.iter().flat_map(|(_, columns)| columns).map(|column| column - 1).collect();
        numeric.sort_unstable();
        numeric.dedup();
        Columns {
            spans: ptr::null(),
            numbers: ptr::null(),
            kinds: ptr::null(),
            stops: ptr::null(),
            firsts: ptr::null(),
            row: ptr::null(),
            row_bytes: 0,
            view,
            numeric,
            found_spans: Vec::new(),
            found_numbers: Vec::new(),
            found_kinds: Vec::new(),
            found_stops: Vec::new(),
            found_firsts: Vec::new(),
            made: [Vec::new(), Vec::new()],
            written: Vec::new(),
        }
    }

    pub fn separator(&self) -> u8 {
        self.view.separator
    }

    /// The columns that are numbers, from 1, in the order in which each row has them.
    pub fn numeric(&self) -> Vec<u32> {
        self.numeric.iter().map(|column| column + 1).collect()
    }

    /// Looks at all rows of a block, whose columns and lines end at `ends`. `exact`: whether somebody
    /// asks for rows that are usual and for those that are only not written so.
    pub fn load(&mut self, block: &[u8], ends: &[u32], width: usize, exact: bool) {
        self.found_spans.clear();
        self.found_numbers.clear();
        self.found_kinds.clear();
        self.found_stops.clear();
        self.found_firsts.clear();
        let numeric = std::mem::take(&mut self.numeric);
        let (mut from, mut first, mut nth) = (0, 0, 0);
        // Where the numbers of a row are among its columns is asked for each; there are few.
        for (index, &stop) in ends.iter().enumerate() {
            if nth < width {
                self.found_spans.push(Signed(from));
                self.found_spans.push(Signed(stop));
            }
            nth += 1;
            from = stop + 1;
            if block[stop as usize] != b'\n' {
                continue;
            }
            let mut kind = if nth < width { ODD } else { USUAL };
            for _ in nth..width {
                self.found_spans.push(Signed(0));
                self.found_spans.push(Signed(0));
            }
            for &column in &numeric {
                let (number, its_kind) = if (column as usize) < nth {
                    let end = first + column as usize;
                    let start = if end == 0 { 0 } else { ends[end - 1] as usize + 1 };
                    self.read(&block[start..ends[end] as usize], exact)
                } else {
                    (0.0, ODD)
                };
                self.found_numbers.push(number);
                kind = kind.max(its_kind);
            }
            self.found_kinds.push(kind);
            self.found_stops.push(Signed(stop));
            self.found_firsts.push(Signed(first as u32));
            (first, nth) = (index + 1, 0);
        }
        self.numeric = numeric;
        self.spans = self.found_spans.as_ptr();
        self.numbers = self.found_numbers.as_ptr();
        self.kinds = self.found_kinds.as_ptr();
        self.stops = self.found_stops.as_ptr();
        self.firsts = self.found_firsts.as_ptr();
    }

    /// A column as a number, and what that makes of its row.
    #[inline]
    fn read(&mut self, text: &[u8], exact: bool) -> (f64, u8) {
        if let Some(number) = short_integer(text) {
            return (number, USUAL);
        }
        let number = match text::parse_number(text) {
            Some(Number::Int(number)) if (-EXACT..=EXACT).contains(&number) => number as f64,
            Some(Number::Float(number)) => number,
            _ => return (0.0, ODD),
        };
        if exact {
            self.written.clear();
            text::append_float(&mut self.written, number);
            if self.written == text {
                return (number, USUAL);
            }
        }
        (number, REWRITTEN)
    }

    /// Makes a row of the block: all its columns, encoded, with numbers where they are to be.
    pub fn make_row(&mut self, block: &[u8], ends: &[u32], row: usize) -> Result<(), Failure> {
        let Columns { made: [from, to], view, .. } = self;
        let start = row.checked_sub(1).map_or(0, |before| self.found_stops[before].0 as usize + 1);
        from.clear();
        let mut start = start;
        for &stop in &ends[self.found_firsts[row].0 as usize..] {
            let stop = stop as usize;
            msgpack::put_text(from, &block[start..stop]);
            start = stop + 1;
            if block[stop] == b'\n' {
                break;
            }
        }
        for (step, columns) in &view.numbers {
            to.clear();
            append_numbers(columns, from, to)
                .map_err(|failure| failure.row(describe(from)).at_step(*step))?;
            std::mem::swap(from, to);
        }
        (self.row, self.row_bytes) = (from.as_ptr(), from.len() as u32);
        Ok(())
    }
}

/// A decimal integer as it is written: few digits, no zero in front, no sign but `-`.
#[inline]
fn short_integer(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let first = *digits.first()?;
    if digits.len() > 15 || (first == b'0' && (negative || digits.len() > 1)) {
        return None;
    }
    let mut number = 0_i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(if negative { -number as f64 } else { number as f64 })
}
