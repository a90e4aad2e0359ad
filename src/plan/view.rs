//! Native steps that only say how the text of lines is to be looked at, so that who reads the lines
//! can do it by itself: nothing is encoded.

use serde::{Deserialize, Serialize};

use crate::error::{Failure, StepId};
use crate::row::describe::describe;
use crate::row::missing::column_of;
use crate::row::msgpack;
use crate::row::numeric::append_numbers;

/// What a step means for lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum View {
    /// They are cut into columns.
    Cut(Cut),
    /// These columns, from 1, are numbers.
    Numbers(Vec<u32>),
    /// These columns, from 1, are all there are.
    Select(Vec<u32>),
}

/// Where lines are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cut {
    /// At each of these bytes.
    Byte(u8),
    /// At runs of blanks and TABs, of which those at the ends of a line count for nothing.
    Blanks,
}

/// What separates the columns of lines in [`Layout::Columns`](crate::row::layout::Layout).
pub(crate) const TAB: Cut = Cut::Byte(b'\t');

/// Lines as rows of columns: what some views mean together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Columns {
    pub cut: Cut,
    /// What the steps behind the cut mean, in their order; none of them cuts.
    pub then: Vec<(StepId, View)>,
}

/// A column of a row that views have made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picked {
    /// Which column of the line it is, from 0.
    pub source: u32,
    pub is_number: bool,
}

/// What the views behind a cut do to its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picks {
    /// The columns, if a view has picked some; else all columns of the line.
    pub columns: Option<Vec<Picked>>,
    /// Columns of the line that some view reads as numbers, from 0, in order and once.
    pub numbers: Vec<u32>,
    /// So many columns a line must have.
    pub least: u32,
}

impl Columns {
    /// Makes the row that comes of a line, encoded: the line's columns lie at `cut`. Needs two
    /// buffers, and leaves the row in the first.
    pub(crate) fn make_row(
        &self,
        block: &[u8],
        cut: &[(u32, u32)],
        [from, to]: &mut [Vec<u8>; 2],
    ) -> Result<(), Failure> {
        from.clear();
        let mut put =
            |(start, stop)| msgpack::put_text(from, &block[start as usize..stop as usize]);
        let mut then = &self.then[..];
        // What the first view leaves out need not be encoded.
        if let [(_, View::Select(columns)), rest @ ..] = then
            && columns.iter().all(|column| *column as usize <= cut.len())
        {
            columns.iter().for_each(|&column| put(cut[column as usize - 1]));
            then = rest;
        } else {
            cut.iter().for_each(|&span| put(span));
        }
        for (step, view) in then {
            to.clear();
            match view {
                View::Numbers(columns) => append_numbers(columns, from, to),
                View::Select(columns) => columns.iter().try_for_each(|&column| {
                    to.extend_from_slice(column_of(from, column)?);
                    Ok(())
                }),
                View::Cut(_) => continue,
            }
            .map_err(|failure| failure.row(describe(from)).at_step(*step))?;
            std::mem::swap(from, to);
        }
        Ok(())
    }

    pub(crate) fn picks(&self) -> Picks {
        let mut picks = Picks::default();
        for (_, view) in &self.then {
            match view {
                View::Cut(_) => {}
                View::Numbers(columns) => columns.iter().for_each(|&at| picks.number(at)),
                View::Select(columns) => {
                    let picked = columns.iter().filter_map(|&at| picks.column(at)).collect();
                    picks.columns = Some(picked);
                }
            }
        }
        picks.numbers.sort_unstable();
        picks.numbers.dedup();
        picks
    }
}

impl Picks {
    /// The column at a place, from 1. A place that no row has makes each row one with an error.
    fn column(&mut self, at: u32) -> Option<Picked> {
        let index = at - 1;
        let picked = match &self.columns {
            None => Some(Picked { source: index, is_number: self.numbers.contains(&index) }),
            Some(columns) => columns.get(index as usize).copied(),
        };
        self.least = picked.map_or(u32::MAX, |picked| self.least.max(picked.source + 1));
        picked
    }

    fn number(&mut self, at: u32) {
        if let Some(picked) = self.column(at) {
            self.numbers.push(picked.source);
            if let Some(columns) = &mut self.columns {
                columns[at as usize - 1].is_number = true;
            }
        }
    }
}
