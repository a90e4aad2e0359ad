//! The columns of a block of lines, found at once: where the first ones lie, and those that are
//! numbers as numbers.
//!
//! A newcomer's trap: a row that is not as rows usually are, because it is too short or a number is
//! none that a double holds exactly, is only marked here; it is made of its text when its turn comes,
//! and what is wrong with it is an error then.

use std::ptr;

use super::in_c::{Signed, in_c};
use super::port::Port;
use super::status::{OK, REFUSED};
use crate::error::Failure;
use crate::plan::view::{self, Cut, Picks};
use crate::row::cut::{self, Spans, at_blanks};
use crate::row::msgpack::Value;
use crate::row::text::{self, Number};

/// The row is as usual, and its line is what would be written of it.
pub(super) const USUAL: u8 = 0;
/// The row is as usual, but a number would be written otherwise.
const REWRITTEN: u8 = 1;
/// The row is to be made by [`Columns::make_row`].
pub(super) const ODD: u8 = 2;

/// Columns of a block for which there are places: 8 MiB of them.
const MOST_PLACES: usize = 1 << 20;

/// Columns of a row that is written without encoding it, and what encoding adds to a text at most.
const MOST_WRITTEN: usize = 64;
const LONGEST_HEAD: usize = 5;

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
    /// Where the columns of the row begin and end that was cut last, and how many it has.
    all: *const Signed,
    count: Signed,
    /// The row that was made last, as encoded columns.
    row: *const u8,
    row_bytes: u32,
    view: view::Columns,
    picks: Picks,
    /// Those of the picked columns that are numbers: their places, from 0.
    numeric: Vec<u32>,
    /// Where the columns of a line lie that is cut at blanks.
    cut: Vec<(u32, u32)>,
    found_spans: Vec<Signed>,
    found_numbers: Vec<f64>,
    found_kinds: Vec<u8>,
    found_stops: Vec<Signed>,
    found_firsts: Vec<Signed>,
    found_all: Vec<Signed>,
    made: [Vec<u8>; 2],
    written: Vec<u8>,
}

in_c!(
    Columns as "gleamflow_columns":
    spans, numbers, kinds, stops, firsts, all, count, row, row_bytes
);

impl Columns {
    pub fn new(view: view::Columns) -> Columns {
        let picks = view.picks();
        let numeric = match &picks.columns {
            None => picks.numbers.clone(),
            Some(columns) => {
                (0..).zip(columns).filter(|(_, it)| it.is_number).map(|(at, _)| at).collect()
            }
        };
        Columns {
            spans: ptr::null(),
            numbers: ptr::null(),
            kinds: ptr::null(),
            stops: ptr::null(),
            firsts: ptr::null(),
            all: ptr::null(),
            count: Signed(0),
            row: ptr::null(),
            row_bytes: 0,
            view,
            picks,
            numeric,
            cut: Vec::new(),
            found_spans: Vec::new(),
            found_numbers: Vec::new(),
            found_kinds: Vec::new(),
            found_stops: Vec::new(),
            found_firsts: Vec::new(),
            found_all: Vec::new(),
            made: [Vec::new(), Vec::new()],
            written: Vec::new(),
        }
    }

    /// The byte whose places the loop wants among the ends of a block.
    pub fn separator(&self) -> Option<u8> {
        separator(&self.view)
    }

    /// How many columns each row has, if that is known.
    pub fn width(&self) -> Option<usize> {
        self.picks.columns.as_ref().map(Vec::len)
    }

    /// Whether a row is its line, cut at one byte, and nothing else.
    pub fn is_whole_line(&self) -> bool {
        self.picks.columns.is_none() && self.separator().is_some()
    }

    /// Whether a row has all columns of its line, as texts.
    pub fn has_all_columns(&self) -> bool {
        self.picks.columns.is_none() && self.picks.numbers.is_empty()
    }

    /// The columns that are numbers, from 1, in the order in which each row has them.
    pub fn numeric(&self) -> Vec<u32> {
        self.numeric.iter().map(|column| column + 1).collect()
    }

    /// Looks at all `rows` of a block, whose columns and lines end at `ends`. `exact`: whether somebody
    /// asks for rows that are usual and for those that are only not written so.
    pub fn load(&mut self, block: &[u8], ends: &[u32], rows: u32, width: usize, exact: bool) {
        self.found_spans.clear();
        self.found_numbers.clear();
        self.found_kinds.clear();
        self.found_stops.clear();
        self.found_firsts.clear();
        // A row that is as usual has a byte for each of its columns at least; many short rows are
        // told apart when their turn comes, since places for their columns would fill the memory.
        let columns = width.max(self.numeric.len());
        let width = if rows as usize * columns > MOST_PLACES { None } else { Some(width) };
        let mut cuts = std::mem::take(&mut self.cut);
        let mut first = 0;
        for line in cut::lines(block, ends) {
            let stop = line.stop();
            match (width, self.view.cut) {
                (None, _) => self.found_kinds.push(ODD),
                (Some(width), Cut::Blanks) => {
                    cuts.clear();
                    let most = width.max(self.picks.least as usize);
                    at_blanks(block, line.from, stop, most, &mut cuts);
                    self.add_row(block, &cuts[..], width, exact);
                }
                (Some(width), Cut::Byte(_)) => self.add_row(block, line, width, exact),
            }
            self.found_stops.push(Signed(stop));
            self.found_firsts.push(Signed(first));
            first += line.count() as u32;
        }
        self.cut = cuts;
        self.spans = self.found_spans.as_ptr();
        self.numbers = self.found_numbers.as_ptr();
        self.kinds = self.found_kinds.as_ptr();
        self.stops = self.found_stops.as_ptr();
        self.firsts = self.found_firsts.as_ptr();
    }

    #[inline]
    fn add_row(&mut self, block: &[u8], cut: impl Spans, width: usize, exact: bool) {
        let Columns { picks, numeric, found_spans, found_numbers, written, .. } = self;
        let text = |(start, stop): (u32, u32)| &block[start as usize..stop as usize];
        let source = |place: usize| match &picks.columns {
            None => Some(place),
            Some(columns) => columns.get(place).map(|picked| picked.source as usize),
        };
        let mut kind = if cut.count() < picks.least as usize { ODD } else { USUAL };
        for place in 0..width {
            let span = source(place).and_then(|source| cut.span(source));
            if span.is_none() {
                kind = ODD;
            }
            let (start, stop) = span.unwrap_or_default();
            found_spans.push(Signed(start));
            found_spans.push(Signed(stop));
        }
        let mut number_of = |source: Option<usize>| {
            let span = source.and_then(|source| cut.span(source));
            span.map_or((0.0, ODD), |span| read(text(span), exact, written))
        };
        for &place in &*numeric {
            let (number, its_kind) = number_of(source(place as usize));
            found_numbers.push(number);
            kind = kind.max(its_kind);
        }
        // What is read as a number and then left out must be one all the same.
        if picks.columns.is_some() {
            for &column in &picks.numbers {
                kind = kind.max(number_of(Some(column as usize)).1);
            }
        }
        self.found_kinds.push(kind);
    }

    /// How many places and numbers it holds.
    #[cfg(test)]
    pub fn places(&self) -> usize {
        self.found_spans.len() + self.found_numbers.len()
    }

    /// Shows where all columns of a row lie.
    pub fn show_row(&mut self, block: &[u8], ends: &[u32], row: usize) {
        self.cut_row(block, ends, row);
        self.found_all.clear();
        self.found_all.extend(self.cut.iter().flat_map(|&(from, to)| [Signed(from), Signed(to)]));
        (self.all, self.count) = (self.found_all.as_ptr(), Signed(self.cut.len() as u32));
    }

    /// Finds where all columns of a row lie.
    fn cut_row(&mut self, block: &[u8], ends: &[u32], row: usize) {
        let cut = &mut self.cut;
        let mut start = row.checked_sub(1).map_or(0, |before| self.found_stops[before].0 + 1);
        let stop = self.found_stops[row].0;
        cut.clear();
        match self.view.cut {
            Cut::Blanks => at_blanks(block, start, stop, usize::MAX, cut),
            Cut::Byte(_) => {
                let of_row = &ends[self.found_firsts[row].0 as usize..];
                for &end in of_row.iter().take_while(|end| **end <= stop) {
                    cut.push((start, end));
                    start = end + 1;
                }
            }
        }
    }

    /// Puts out a row of the block, as [`Columns::make_row`] makes it.
    pub fn put_row(&mut self, block: &[u8], ends: &[u32], row: usize, port: &mut Port) -> u32 {
        if self.numeric.is_empty()
            && self.picks.numbers.is_empty()
            && let Some(status) = self.write_row(block, ends, row, port)
        {
            return status;
        }
        port.begin();
        if let Err(failure) = self.make_row(block, ends, row) {
            port.refused = Some(failure);
            return REFUSED;
        }
        port.out.extend_from_slice(&self.made[0]);
        port.end(OK)
    }

    /// Writes a row of texts without encoding it, if it can be.
    fn write_row(
        &mut self,
        block: &[u8],
        ends: &[u32],
        row: usize,
        port: &mut Port,
    ) -> Option<u32> {
        self.cut_row(block, ends, row);
        let mut values = [Value::Nil; MOST_WRITTEN];
        let text = |(start, stop): (u32, u32)| Value::Str(&block[start as usize..stop as usize]);
        let count = match &self.picks.columns {
            None => {
                let of_row = values.get_mut(..self.cut.len())?;
                of_row.iter_mut().zip(&self.cut).for_each(|(value, span)| *value = text(*span));
                self.cut.len()
            }
            Some(columns) => {
                if self.cut.len() < self.picks.least as usize {
                    return None;
                }
                for (value, picked) in values.get_mut(..columns.len())?.iter_mut().zip(columns) {
                    *value = text(*self.cut.get(picked.source as usize)?);
                }
                columns.len()
            }
        };
        let bytes = values[..count].iter().map(|value| match value {
            Value::Str(text) => text.len() + LONGEST_HEAD,
            _ => 0,
        });
        port.write(&values[..count], bytes.sum())
    }

    /// Makes a row of the block: all its columns, encoded, with numbers where they are to be.
    pub fn make_row(&mut self, block: &[u8], ends: &[u32], row: usize) -> Result<(), Failure> {
        self.cut_row(block, ends, row);
        self.view.make_row(block, &self.cut, &mut self.made)?;
        let [row, _] = &self.made;
        (self.row, self.row_bytes) = (row.as_ptr(), row.len() as u32);
        Ok(())
    }
}

/// The byte at which lines are cut, if it is one.
pub(super) fn separator(view: &view::Columns) -> Option<u8> {
    match view.cut {
        Cut::Byte(byte) => Some(byte),
        Cut::Blanks => None,
    }
}

/// A column as a number, and what that makes of its row.
#[inline]
fn read(text: &[u8], exact: bool, written: &mut Vec<u8>) -> (f64, u8) {
    if let Some(number) = short_integer(text) {
        return (number, USUAL);
    }
    let number = match text::parse_number(text) {
        Some(Number::Int(number)) if (-EXACT..=EXACT).contains(&number) => number as f64,
        Some(Number::Float(number)) => number,
        _ => return (0.0, ODD),
    };
    if exact {
        written.clear();
        text::append_float(written, number);
        if *written == text {
            return (number, USUAL);
        }
    }
    (number, REWRITTEN)
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
