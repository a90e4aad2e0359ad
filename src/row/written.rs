//! Rows as the text that a command or a writer gets, a line for each.
//!
//! A newcomer's trap: the same text is made of frames, of raw lines, and of values that have not
//! been encoded; all three must agree in every byte and in every refusal.

use std::fmt;
use std::sync::Arc;

use super::describe::{describe, describe_columns, describe_line};
use super::format::{Format, RowFormatError};
use super::msgpack::Value;
use super::text;
use crate::error::{ErrorKind, Failure, StepId};

/// Makes text of rows. Nothing is appended on an error.
pub(crate) trait RowWriter: Send + Sync {
    /// Appends an encoded row.
    fn append(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), Failure>;

    /// Appends a row of scalars as [`RowWriter::append`] does. False, with nothing appended, for a
    /// row that it might refuse.
    fn append_values(&self, out: &mut Vec<u8>, values: &[Value<'_>]) -> bool;

    /// Appends a raw line (without its LF), as one column or as the columns between its TABs.
    fn append_raw(&self, out: &mut Vec<u8>, line: &[u8], split_tabs: bool) -> Result<(), Failure>;

    /// Whether raw lines are what they would be written as.
    fn keeps_lines(&self) -> bool {
        false
    }
}

/// How rows become text, and for which step.
#[derive(Clone)]
pub(crate) struct Written {
    step: StepId,
    writer: Arc<dyn RowWriter>,
}

impl Written {
    pub(crate) fn new(step: StepId, writer: Arc<dyn RowWriter>) -> Written {
        Written { step, writer }
    }

    /// See [`RowWriter::keeps_lines`].
    pub(crate) fn keeps_lines(&self) -> bool {
        self.writer.keeps_lines()
    }

    /// See [`RowWriter::append`].
    pub(crate) fn append(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), Failure> {
        let appended = self.writer.append(out, payload);
        appended.map_err(|failure| failure.row(describe(payload)).at_step(self.step))
    }

    /// See [`RowWriter::append_values`].
    #[inline]
    pub(crate) fn append_values(&self, out: &mut Vec<u8>, values: &[Value<'_>]) -> bool {
        self.writer.append_values(out, values)
    }

    /// See [`RowWriter::append_raw`].
    #[inline]
    pub(crate) fn append_raw(
        &self,
        out: &mut Vec<u8>,
        line: &[u8],
        split_tabs: bool,
    ) -> Result<(), Failure> {
        self.writer.append_raw(out, line, split_tabs).map_err(|failure| {
            let shown = if split_tabs { describe_columns(line) } else { describe_line(line) };
            failure.row(shown).at_step(self.step)
        })
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("step", &self.step).finish_non_exhaustive()
    }
}

/// Columns joined by TAB.
pub(crate) struct TabLines;

impl RowWriter for TabLines {
    fn append(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), Failure> {
        text::append_line(out, payload).map_err(|error| {
            let failure = Failure::new(ErrorKind::Row, error.to_string());
            match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }

    #[inline]
    fn append_values(&self, out: &mut Vec<u8>, values: &[Value<'_>]) -> bool {
        text::append_line_of(out, values)
    }

    /// One column goes in verbatim, and columns that are joined by TAB already are.
    #[inline]
    fn append_raw(&self, out: &mut Vec<u8>, line: &[u8], _: bool) -> Result<(), Failure> {
        out.extend_from_slice(line);
        out.push(b'\n');
        Ok(())
    }

    fn keeps_lines(&self) -> bool {
        true
    }
}

impl RowWriter for Format {
    fn append(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), Failure> {
        Format::append(self, out, payload).map_err(refused)
    }

    #[inline]
    fn append_values(&self, out: &mut Vec<u8>, values: &[Value<'_>]) -> bool {
        self.append_scalars(out, values).is_ok()
    }

    #[inline]
    fn append_raw(&self, out: &mut Vec<u8>, line: &[u8], split_tabs: bool) -> Result<(), Failure> {
        self.append_line_columns(out, line, split_tabs).map_err(refused)
    }
}

fn refused(error: RowFormatError) -> Failure {
    Failure::new(ErrorKind::Row, error.to_string())
}
