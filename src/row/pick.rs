//! Some columns of rows as lines, joined by TAB, as a command gets them.
//!
//! A newcomer's trap: a single column goes in verbatim, as [`append_line`] has it, so which columns
//! there are decides what one may hold.

use super::cells::Finder;
use super::cut::{self, Spans};
use super::describe::{describe, describe_columns};
use super::forms::refused;
use super::layout::{Layout, Rows};
use super::missing::Missing;
use super::msgpack::{self, Value};
use super::text::{TextError, append_line, append_line_of};
use crate::error::Failure;

/// Picks columns, from 1.
pub(crate) struct Picker {
    columns: Vec<u32>,
    finder: Finder,
    ends: Vec<u32>,
    /// The columns of one row.
    row: Vec<u8>,
}

impl Picker {
    pub(crate) fn new(columns: &[u32]) -> Picker {
        let finder = Finder::new(columns.to_vec());
        Picker { columns: columns.to_vec(), finder, ends: Vec::new(), row: Vec::new() }
    }

    /// Appends a line for each row, up to the first that has none.
    pub(crate) fn pick(&mut self, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        match rows.layout {
            Layout::Frames => match self.columns[..] {
                [column] => rows.try_each(|row| match only_scalar(row, column) {
                    Some(value) if append_line_of(out, &[value]) => Ok(()),
                    _ => self.frame(row, out),
                }),
                _ => rows.try_each(|row| self.frame(row, out)),
            },
            Layout::Lines | Layout::Columns | Layout::Text => self.lines(rows, out),
        }
    }

    fn lines(&mut self, rows: Rows<'_>, out: &mut Vec<u8>) -> Result<(), Failure> {
        let separator = (rows.layout == Layout::Columns).then_some(b'\t');
        self.ends.clear();
        rows.append_ends(separator, &mut self.ends).map_err(refused)?;
        for line in cut::lines(rows.bytes, &self.ends) {
            let start = out.len();
            for &column in &self.columns {
                let Some((from, to)) = line.span(column as usize - 1) else {
                    out.truncate(start);
                    let missing = Missing { column, width: line.count() as u32 };
                    let text = &rows.bytes[line.from as usize..line.stop() as usize];
                    return Err(Failure::from(missing).row(describe_columns(text)));
                };
                out.extend_from_slice(&rows.bytes[from as usize..to as usize]);
                out.push(b'\t');
            }
            *out.last_mut().expect("a column has been appended") = b'\n';
        }
        Ok(())
    }

    fn frame(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let cells = self.finder.find(row).map_err(|failure| failure.row(describe(row)))?;
        let line = match self.columns.len() {
            1 => append_line(out, cells.get(0)),
            count => {
                self.row.clear();
                (0..count).for_each(|number| self.row.extend_from_slice(cells.get(number)));
                append_line(out, &self.row)
            }
        };
        line.map_err(|error| {
            let error = self.in_the_row(error);
            let failure = refused(error.to_string()).row(describe(row));
            match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }

    /// Names the column by its number in the row, and not among those that are picked.
    fn in_the_row(&self, error: TextError) -> TextError {
        let of_row = |column: u32| self.columns[column as usize - 1];
        match error {
            TextError::NoTextIn { column, what } => {
                TextError::NoTextIn { column: of_row(column), what }
            }
            TextError::Separator { column, what } => {
                TextError::Separator { column: of_row(column), what }
            }
            other => other,
        }
    }
}

/// A column, from 1, if it is there and one value.
#[inline]
fn only_scalar(row: &[u8], column: u32) -> Option<Value<'_>> {
    let mut rest = row;
    for _ in 1..column {
        rest = &rest[msgpack::skip(rest).ok()?..];
    }
    match msgpack::head(rest).ok()?.0 {
        Value::Array(_) | Value::Map(_) => None,
        scalar => Some(scalar),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::frame;

    /// Lines that are cut at TAB, as texts.
    fn rows() -> impl Strategy<Value = Vec<Vec<String>>> {
        prop::collection::vec(prop::collection::vec("[a-cé]{0,3}", 1..5), 0..6)
    }

    proptest! {
        #[test]
        fn lines_and_frames_give_the_same(
            rows in rows(),
            columns in prop::collection::vec(1..6_u32, 1..4),
        ) {
            let (mut lines, mut frames, mut expected) = (String::new(), Vec::new(), String::new());
            let mut missing = false;
            for row in &rows {
                lines += &(row.join("\t") + "\n");
                let mut payload = Vec::new();
                row.iter().for_each(|text| msgpack::put_text(&mut payload, text.as_bytes()));
                frame::put(&mut frames, &payload).unwrap();
                let picked: Option<Vec<&str>> =
                    columns.iter().map(|at| row.get(*at as usize - 1).map(|text| &**text)).collect();
                match picked {
                    Some(picked) if !missing => expected += &(picked.join("\t") + "\n"),
                    _ => missing = true,
                }
            }
            let both = [Rows::new(Layout::Columns, lines.as_bytes()), Rows::frames(&frames)];
            let failed = both.map(|rows| {
                let mut out = Vec::new();
                let picked = Picker::new(&columns).pick(rows, &mut out);
                assert_eq!(String::from_utf8(out).unwrap(), expected);
                picked.map_err(|failure| failure.message)
            });
            prop_assert_eq!(failed[0].is_err(), missing);
            prop_assert_eq!(&failed[0], &failed[1]);
        }
    }

    #[test]
    fn a_refused_column_is_named_as_in_the_row() {
        let mut frames = Vec::new();
        frame::put(&mut frames, b"\x01\xa3a\nb\x90").unwrap();
        for (columns, message) in [
            (&[2][..], "column 2 contains a line feed"),
            (&[1, 2], "column 2 contains a line feed"),
            (&[3], "column 3: a table"),
            (&[4], "there is no column 4"),
        ] {
            let mut out = Vec::new();
            let failure = Picker::new(columns).pick(Rows::frames(&frames), &mut out).unwrap_err();
            assert!(failure.message.starts_with(message), "{}", failure.message);
            assert!(out.is_empty());
        }
    }
}
