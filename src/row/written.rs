//! Rows as the text that a command or a writer gets, a line for each.
//!
//! A newcomer's trap: the same text is made of frames, of raw lines, and of values that have not
//! been encoded; all three must agree in every byte and in every refusal.

use super::describe::{describe, describe_columns, describe_line};
use super::format::{Format, RowFormatError};
use super::msgpack::Value;
use super::text;
use crate::error::{ErrorKind, Failure, StepId};

/// How rows become text, and for which step.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    step: StepId,
    /// `None`: the columns, joined by TAB.
    format: Option<Format>,
}

impl Written {
    /// Columns joined by TAB.
    pub(crate) fn lines(step: StepId) -> Written {
        Written { step, format: None }
    }

    /// Columns in a format.
    pub(crate) fn formatted(step: StepId, format: &str) -> Result<Written, Failure> {
        let format = Format::parse(format)
            .map_err(|error| Failure::new(ErrorKind::Plan, error.to_string()).at_step(step))?;
        Ok(Written { step, format: Some(format) })
    }

    /// Whether raw lines are what they would be written as.
    pub(crate) fn keeps_lines(&self) -> bool {
        self.format.is_none()
    }

    /// Appends an encoded row. Nothing is appended on an error.
    pub(crate) fn append(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), Failure> {
        let appended = match &self.format {
            None => text::append_line(out, payload).map_err(|error| {
                let failure = Failure::new(ErrorKind::Row, error.to_string());
                match error.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }),
            Some(format) => format.append(out, payload).map_err(refused),
        };
        appended.map_err(|failure| failure.row(describe(payload)).at_step(self.step))
    }

    /// Appends a row of scalars as [`Written::append`] does. False, with nothing appended, for a
    /// row that it might refuse.
    #[inline]
    pub(crate) fn append_values(&self, out: &mut Vec<u8>, values: &[Value<'_>]) -> bool {
        match &self.format {
            None => text::append_line_of(out, values),
            Some(format) => format.append_scalars(out, values).is_ok(),
        }
    }

    /// Appends a raw line (without its LF), as one column or as the columns between its TABs.
    /// Nothing is appended on an error.
    #[inline]
    pub(crate) fn append_raw(
        &self,
        out: &mut Vec<u8>,
        line: &[u8],
        split_tabs: bool,
    ) -> Result<(), Failure> {
        let Some(format) = &self.format else {
            // One column goes in verbatim, and columns that are joined by TAB already are.
            out.extend_from_slice(line);
            out.push(b'\n');
            return Ok(());
        };
        format.append_line_columns(out, line, split_tabs).map_err(|error| {
            let shown = if split_tabs { describe_columns(line) } else { describe_line(line) };
            refused(error).row(shown).at_step(self.step)
        })
    }
}

fn refused(error: RowFormatError) -> Failure {
    Failure::new(ErrorKind::Row, error.to_string())
}
