//! Texts with a NUL behind each, as `find -print0` writes and `sort -z` and `xargs -0` read them: a
//! row of one column each, which may have TABs and line feeds in it.
//!
//! A newcomer's trap: there are no columns. A row of several is refused, and none is cut.

use memchr::memchr;

use super::forms::{Column, RowReader, Taken, refused, write_by_columns};
use super::{frame, msgpack, text};
use crate::error::Failure;

/// Rows as texts with a NUL behind each.
pub(crate) struct NulWriter;

impl NulWriter {
    fn append_row<'a>(
        &self,
        out: &mut Vec<u8>,
        columns: impl Iterator<Item = Column<'a>>,
    ) -> Result<(), Failure> {
        let start = out.len();
        append_only(out, columns)?;
        if memchr(0, &out[start..]).is_some() {
            return Err(refused("column 1 contains a NUL, which would break the text apart"));
        }
        out.push(0);
        Ok(())
    }
}

write_by_columns!(NulWriter);

/// Appends the only column of a row.
pub(super) fn append_only<'a>(
    out: &mut Vec<u8>,
    mut columns: impl Iterator<Item = Column<'a>>,
) -> Result<(), Failure> {
    let Some(column) = columns.next() else { return Err(refused("a row has no columns")) };
    let (value, _) = column.map_err(|error| refused(error.to_string()))?;
    text::append_value(out, value).map_err(|error| {
        let failure = refused(error.to_string());
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    match columns.next() {
        None => Ok(()),
        Some(_) => Err(refused("a row of several columns has no text in this form")
            .hint("`select` chooses one, and a `map` can make one of several")),
    }
}

/// Texts with a NUL behind each as rows; behind the last there may be none.
pub(crate) struct NulReader {
    max_row: usize,
    /// Bytes of what is left that have no NUL in them.
    seen: usize,
}

impl NulReader {
    pub(crate) fn new(max_row: usize) -> NulReader {
        NulReader { max_row, seen: 0 }
    }
}

impl RowReader for NulReader {
    fn read(&mut self, text: &[u8], end: bool, frames: &mut Vec<u8>) -> Taken {
        let mut taken = Taken::default();
        loop {
            let rest = &text[taken.bytes..];
            let found = memchr(0, &rest[self.seen..]).map(|at| self.seen + at);
            let (record, bytes) = match found {
                Some(at) => (&rest[..at], at + 1),
                None if end && !rest.is_empty() => (rest, rest.len()),
                None => {
                    self.seen = rest.len();
                    return taken;
                }
            };
            self.seen = 0;
            let put = |out: &mut Vec<u8>| {
                msgpack::put_text(out, record);
                Ok(())
            };
            if let Err(failed) = frame::put_row(self.max_row, frames, put) {
                taken.refused = Some(failed.failure);
                return taken;
            }
            taken.bytes += bytes;
            taken.rows += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::describe::describe;
    use crate::row::layout::Rows;
    use crate::row::written::RowWriter;

    #[test]
    fn texts_come_back_as_they_were_whatever_the_pieces() {
        let texts = [&b"a\tb\n"[..], b"", b"\xff", "é".as_bytes()];
        let mut written = Vec::new();
        for text in texts {
            let mut payload = Vec::new();
            msgpack::put_text(&mut payload, text);
            NulWriter.append(&mut written, &payload).unwrap();
        }
        // The last one may have no NUL behind it.
        written.extend_from_slice(b"end");
        for piece in 1..=written.len() {
            let (mut buffer, mut frames) = (Vec::new(), Vec::new());
            let mut reader = NulReader::new(100);
            for part in written.chunks(piece) {
                buffer.extend_from_slice(part);
                let taken = reader.read(&buffer, false, &mut frames);
                buffer.drain(..taken.bytes);
            }
            let taken = reader.read(&buffer, true, &mut frames);
            assert_eq!(taken.bytes, buffer.len());
            let rows: Vec<String> =
                Rows::frames(&frames).each().map(|row| describe(row.unwrap())).collect();
            assert_eq!(rows, [r#""a\tb\n""#, r#""""#, r#""\xff""#, r#""é""#, r#""end""#]);
        }
    }

    #[test]
    fn what_has_no_text_is_refused() {
        let mut out = b"before".to_vec();
        for (payload, message) in [
            (&b"\xa1a\xa1b"[..], "a row of several columns"),
            (b"\xa1\0", "column 1 contains a NUL"),
            (b"\x90", "a table has no text form"),
            (b"", "a row has no columns"),
        ] {
            let failure = NulWriter.append(&mut out, payload).unwrap_err();
            assert!(failure.message.starts_with(message), "{}", failure.message);
            assert_eq!(out, b"before");
        }
    }
}
