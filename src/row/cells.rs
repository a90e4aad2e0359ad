//! Some columns of a row, found in one walk along it, whatever their order.
//!
//! A newcomer's trap: cells are numbered in the order in which their columns were asked for; a
//! column that was asked for twice is two cells.

use super::missing::Missing;
use super::msgpack;
use crate::error::{ErrorKind, Failure};

/// The encoded values of some columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    pub bytes: &'a [u8],
    pub spans: &'a [(u32, u32)],
    /// The bytes of all cells together.
    pub size: usize,
}

impl<'a> Cells<'a> {
    #[inline]
    pub(crate) fn get(self, number: usize) -> &'a [u8] {
        let (from, to) = self.spans[number];
        &self.bytes[from as usize..to as usize]
    }

    /// The cells behind the first `count`.
    #[inline]
    pub(crate) fn behind(self, count: usize) -> Cells<'a> {
        Cells { spans: &self.spans[count..], ..self }
    }
}

/// Finds columns in encoded rows.
#[derive(Debug)]
pub(crate) struct Finder {
    /// The columns as they were asked for, from 1.
    asked: Vec<u32>,
    /// The same in order, each with the number of its cell.
    sorted: Vec<(u32, u32)>,
    spans: Vec<(u32, u32)>,
}

impl Finder {
    pub(crate) fn new(asked: Vec<u32>) -> Finder {
        let mut sorted: Vec<(u32, u32)> = asked.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let spans = vec![(0, 0); asked.len()];
        Finder { asked, sorted, spans }
    }

    pub(crate) fn asked(&self) -> &[u32] {
        &self.asked
    }

    /// The cells of a row.
    #[inline]
    pub(crate) fn find<'a>(&'a mut self, row: &'a [u8]) -> Result<Cells<'a>, Failure> {
        let (mut at, mut width, mut next, mut size) = (0, 0, 0, 0);
        while let Some(&(wanted, _)) = self.sorted.get(next) {
            if at == row.len() {
                return Err(self.missing(width));
            }
            let from = at;
            at += msgpack::skip(&row[from..]).map_err(damaged)?;
            width += 1;
            if width < wanted {
                continue;
            }
            while let Some(&(column, cell)) = self.sorted.get(next)
                && column == width
            {
                self.spans[cell as usize] = (from as u32, at as u32);
                size += at - from;
                next += 1;
            }
        }
        Ok(Cells { bytes: row, spans: &self.spans, size })
    }

    #[cold]
    fn missing(&self, width: u32) -> Failure {
        let first = self.asked.iter().find(|column| **column > width);
        Missing { column: *first.expect("one of them is not there"), width }.into()
    }
}

#[cold]
fn damaged(error: msgpack::Malformed) -> Failure {
    Failure::new(ErrorKind::Row, error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::model::{self, any_value};

    proptest! {
        #[test]
        fn cells_are_the_columns_that_were_asked_for(
            row in prop::collection::vec(any_value(), 1..6),
            asked in prop::collection::vec(1..7_u32, 0..5),
        ) {
            let columns: Vec<Vec<u8>> = row.iter().map(model::encode).collect();
            let payload = columns.concat();
            let mut finder = Finder::new(asked.clone());
            match (finder.find(&payload), asked.iter().find(|at| **at as usize > row.len())) {
                (Ok(cells), None) => {
                    for (cell, column) in asked.iter().enumerate() {
                        prop_assert_eq!(cells.get(cell), &columns[*column as usize - 1]);
                    }
                }
                (Err(failure), Some(column)) => {
                    let start = format!("there is no column {column}:");
                    prop_assert!(failure.message.starts_with(&start), "{}", failure.message);
                }
                (found, expected) => prop_assert!(false, "{:?} {:?}", found, expected),
            }
        }
    }
}
