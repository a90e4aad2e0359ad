//! Forms of text beside lines cut at TAB: each in a file of its own, a writer of rows and a reader of
//! what a program has written.
//!
//! A newcomer's trap: text comes in pieces that end anywhere. A reader takes whole records and leaves
//! the rest, which it is given again with what has come behind it.

use super::msgpack::{self, Malformed, Value};
use crate::error::{ErrorKind, Failure};

/// Makes rows of text.
pub(crate) trait RowReader: Send {
    /// Takes whole records from the front of `text` and appends a frame for each. What is left is the
    /// front of the next call's text; with `end`, nothing comes behind it.
    fn read(&mut self, text: &[u8], end: bool, frames: &mut Vec<u8>) -> Taken;
}

/// Whether a record of so many bytes is longer than a row may be, whatever comes of it. Its end counts
/// as one.
pub(super) fn is_too_long(record: usize, max_row: usize) -> bool {
    record > max_row + 1
}

/// What has been taken from the front of a text.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub bytes: usize,
    pub rows: u32,
    /// What is wrong with the record behind them.
    pub refused: Option<Failure>,
}

/// What a column is: its head, and all of it where it was encoded.
pub(super) type Column<'a> = Result<(Value<'a>, &'a [u8]), Malformed>;

/// The columns of an encoded row.
pub(super) fn of_payload(payload: &[u8]) -> impl Iterator<Item = Column<'_>> {
    msgpack::columns(payload).map(|column| {
        let column = column?;
        Ok((msgpack::head(column)?.0, column))
    })
}

/// The columns of a row that has not been encoded: scalars.
pub(super) fn of_values<'a>(values: &'a [Value<'a>]) -> impl Iterator<Item = Column<'a>> {
    values.iter().map(|value| Ok((*value, &[][..])))
}

/// The columns of a raw line.
pub(super) fn of_line(line: &[u8], split_tabs: bool) -> impl Iterator<Item = Column<'_>> {
    let cuts = move |byte: &u8| split_tabs && *byte == b'\t';
    line.split(cuts).map(|text| Ok((Value::Str(text), &[][..])))
}

/// Appends what `append` does, or nothing.
pub(super) fn all_or_nothing(
    out: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let start = out.len();
    let appended = append(out);
    if appended.is_err() {
        out.truncate(start);
    }
    appended
}

/// A row that cannot be written in a form.
pub(super) fn refused(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Row, message)
}

/// Implements `RowWriter` by a method `append_row` over columns.
macro_rules! write_by_columns {
    ($form:ty) => {
        impl $crate::row::written::RowWriter for $form {
            fn append(
                &self,
                out: &mut Vec<u8>,
                payload: &[u8],
            ) -> Result<(), $crate::error::Failure> {
                let columns = $crate::row::forms::of_payload(payload);
                $crate::row::forms::all_or_nothing(out, |out| self.append_row(out, columns))
            }

            fn append_values(
                &self,
                out: &mut Vec<u8>,
                values: &[$crate::row::msgpack::Value<'_>],
            ) -> bool {
                let columns = $crate::row::forms::of_values(values);
                $crate::row::forms::all_or_nothing(out, |out| self.append_row(out, columns)).is_ok()
            }

            fn append_raw(
                &self,
                out: &mut Vec<u8>,
                line: &[u8],
                split_tabs: bool,
            ) -> Result<(), $crate::error::Failure> {
                let columns = $crate::row::forms::of_line(line, split_tabs);
                $crate::row::forms::all_or_nothing(out, |out| self.append_row(out, columns))
            }
        }
    };
}
pub(super) use write_by_columns;
