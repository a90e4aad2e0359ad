//! Columns of lines for those who fold rows: found where the lines lie, without making rows.
//!
//! A newcomer's trap: a line that is not as lines usually are, because it is too short or a number
//! is none, becomes a row first, as the steps would make it; what is wrong with it is an error then.

use crate::error::{Failed, Failure};
use crate::op::native::malformed;
use crate::plan::view::{self, Cut, Picks};
use crate::row::cells::{Cells, Finder};
use crate::row::cut::{self, Spans, at_blanks};
use crate::row::describe::describe;
use crate::row::digits;
use crate::row::layout::Rows;
use crate::row::msgpack;
use crate::row::text::{self, Number};
use crate::row::texts::Texts;

/// Finds columns in lines.
pub(crate) struct LineCells {
    view: view::Columns,
    /// For each cell, which column of the line it is, from 0, and whether as a number.
    sources: Option<Vec<(usize, bool)>>,
    /// Columns of the line that must read as numbers, though nobody wants them.
    checked: Vec<usize>,
    /// So many columns a line must have.
    least: usize,
    ends: Vec<u32>,
    cut: Vec<(u32, u32)>,
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
    made: [Vec<u8>; 2],
}

impl LineCells {
    /// Of the columns that were asked for, from 1, of rows that a view makes of lines.
    pub(crate) fn new(view: view::Columns, asked: &[u32]) -> LineCells {
        let picks = view.picks();
        let sources: Option<Vec<(usize, bool)>> =
            asked.iter().map(|&column| source(&picks, column)).collect();
        let wanted = sources.iter().flatten().copied();
        let least = wanted.clone().map(|(source, _)| source + 1).max().unwrap_or(0);
        let is_read = |column: usize| wanted.clone().any(|(source, _)| source == column);
        let numbers = picks.numbers.iter().map(|&column| column as usize);
        LineCells {
            checked: numbers.filter(|&column| !is_read(column)).collect(),
            least: least.max(picks.least as usize),
            view,
            sources,
            ends: Vec::new(),
            cut: Vec::new(),
            bytes: Vec::new(),
            spans: vec![(0, 0); asked.len()],
            made: Default::default(),
        }
    }

    /// Calls a function with the cells of each line, which `finder` finds where a line is odd.
    pub(crate) fn try_each(
        &mut self,
        rows: Rows<'_>,
        finder: &mut Finder,
        mut each: impl FnMut(Cells<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failed> {
        let separator = match self.view.cut {
            Cut::Byte(byte) => Some(byte),
            Cut::Blanks => None,
        };
        let mut ends = std::mem::take(&mut self.ends);
        let mut cut = std::mem::take(&mut self.cut);
        ends.clear();
        rows.append_ends(separator, &mut ends).map_err(malformed)?;
        let texts = match self.view.cut {
            Cut::Byte(byte) => Texts::between(&[byte], rows.bytes),
            Cut::Blanks => Texts::between(b" ", rows.bytes),
        };
        let mut index = 0;
        let done = cut::lines(rows.bytes, &ends).try_for_each(|line| {
            let usual = match self.view.cut {
                Cut::Byte(_) => self.find(texts, rows.bytes, line),
                Cut::Blanks => {
                    cut.clear();
                    at_blanks(rows.bytes, line.from, line.stop(), usize::MAX, &mut cut);
                    self.find(texts, rows.bytes, &cut[..])
                }
            };
            let taken = match usual {
                true => {
                    each(Cells { bytes: &self.bytes, spans: &self.spans, size: self.bytes.len() })
                }
                false => {
                    if separator.is_some() {
                        cut.clear();
                        cut.extend(line.spans());
                    }
                    let made = self.view.make_row(rows.bytes, &cut, &mut self.made);
                    made.and_then(|()| each(finder.find(&self.made[0])?))
                }
            };
            taken.map_err(|failure| {
                // A failure of a step before has named its own row.
                if separator.is_some() {
                    cut.clear();
                    cut.extend(line.spans());
                }
                let row = match self.view.make_row(rows.bytes, &cut, &mut self.made) {
                    Ok(()) => describe(&self.made[0]),
                    Err(_) => String::new(),
                };
                Failed::from(failure).at_row(index, || row)
            })?;
            index += 1;
            Ok(())
        });
        (self.ends, self.cut) = (ends, cut);
        done
    }

    /// Finds the cells of a line; whether that was possible.
    #[inline]
    fn find(&mut self, texts: Texts<'_>, block: &[u8], line: impl Spans) -> bool {
        let Some(sources) = &self.sources else { return false };
        if line.count() < self.least {
            return false;
        }
        self.bytes.clear();
        let number = |column: usize| {
            let (from, to) = line.span(column)?;
            text::parse_number(&block[from as usize..to as usize])
        };
        for (&(column, is_number), cell) in sources.iter().zip(&mut self.spans) {
            let from = self.bytes.len() as u32;
            if is_number {
                let short = line.span(column).and_then(|span| digits::short(block, span));
                if let Some(number) = short {
                    msgpack::put_uint(&mut self.bytes, number);
                    *cell = (from, self.bytes.len() as u32);
                    continue;
                }
                match number(column) {
                    Some(Number::Int(number)) => msgpack::put_int(&mut self.bytes, number),
                    Some(Number::UInt(number)) => msgpack::put_uint(&mut self.bytes, number),
                    Some(Number::Float(number)) => msgpack::put_float(&mut self.bytes, number),
                    None => return false,
                }
            } else {
                let Some(span) = line.span(column) else { return false };
                texts.put(span, &mut self.bytes);
            }
            *cell = (from, self.bytes.len() as u32);
        }
        self.checked.iter().all(|&column| number(column).is_some())
    }
}

/// Which column of a line it is, from 0, and whether it is read as a number.
fn source(picks: &Picks, column: u32) -> Option<(usize, bool)> {
    let index = column - 1;
    match &picks.columns {
        None => Some((index as usize, picks.numbers.contains(&index))),
        Some(columns) => {
            columns.get(index as usize).map(|picked| (picked.source as usize, picked.is_number))
        }
    }
}
