//! CSV as RFC 4180 has it: commas, and quotes around a field with a comma, a quote or the end of a
//! line in it, where a quote stands doubled.
//!
//! A record ends with LF or CR LF, and is written with LF. An empty line is a record of one empty
//! field, which is written as `""`.
//!
//! A newcomer's trap: a line feed within quotes ends nothing, so where a record ends is known only to
//! who has read it from its beginning.

use memchr::{memchr, memchr3};

use super::forms::{Column, RowReader, Taken, is_too_long, refused, write_by_columns};
use super::frame;
use super::{msgpack, text};
use crate::error::{ErrorKind, Failure};

/// Rows as CSV.
pub(crate) struct CsvWriter;

impl CsvWriter {
    fn append_row<'a>(
        &self,
        out: &mut Vec<u8>,
        columns: impl Iterator<Item = Column<'a>>,
    ) -> Result<(), Failure> {
        let row = out.len();
        let mut last = 0;
        for (number, column) in (1..).zip(columns) {
            if number > 1 {
                out.push(b',');
            }
            last = number;
            let (value, _) = column.map_err(|error| refused(error.to_string()))?;
            let start = out.len();
            text::append_value(out, value).map_err(|error| {
                let error = error.in_column(number);
                let failure = refused(error.to_string());
                match error.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            })?;
            if matches!(value, msgpack::Value::Str(_) | msgpack::Value::Bin(_)) {
                quote(out, start);
            }
        }
        if last == 0 {
            return Err(refused("a row has no columns"));
        }
        if last == 1 && out.len() == row {
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
        Ok(())
    }
}

write_by_columns!(CsvWriter);

/// Puts quotes around the field from `start` on, if it needs them.
fn quote(out: &mut Vec<u8>, start: usize) {
    let field = &out[start..];
    if memchr3(b',', b'"', b'\n', field).is_none() && memchr(b'\r', field).is_none() {
        return;
    }
    let field = out.split_off(start);
    out.push(b'"');
    for byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A record that has not ended is read again from its start. Beyond so many bytes that is done only
/// when it has grown to twice its length, so that a long one is not read over and over.
const LONG: usize = 256 << 10;

/// CSV as rows of texts.
pub(crate) struct CsvReader {
    max_row: usize,
    /// Records that have been read.
    records: u64,
    /// How long a text must be for another try.
    wait: usize,
    /// A field whose quotes are taken away.
    field: Vec<u8>,
}

impl CsvReader {
    pub(crate) fn new(max_row: usize) -> CsvReader {
        CsvReader { max_row, records: 0, wait: 0, field: Vec::new() }
    }

    /// Reads one record and appends its fields. Gives where it ends, or `None` if it hasn't.
    fn record(
        &mut self,
        text: &[u8],
        end: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Failure> {
        let mut at = 0;
        loop {
            let stop = match text.get(at) {
                Some(b'"') => {
                    let Some(stop) = self.quoted(text, at + 1, end)? else { return Ok(None) };
                    msgpack::put_text(out, &self.field);
                    stop
                }
                _ => match memchr3(b',', b'"', b'\n', &text[at..]).map(|found| at + found) {
                    Some(quote) if text[quote] == b'"' => {
                        return Err(self.broken(
                            "a quote within a field that does not begin with one",
                            "in CSV, a field with a quote in it has quotes around it, and the quote is \
                             doubled",
                        ));
                    }
                    Some(stop) => {
                        let field = &text[at..stop];
                        let ends = text[stop] == b'\n';
                        let field = field.strip_suffix(b"\r").filter(|_| ends).unwrap_or(field);
                        msgpack::put_text(out, field);
                        stop
                    }
                    None if end => {
                        let field = &text[at..];
                        msgpack::put_text(out, field.strip_suffix(b"\r").unwrap_or(field));
                        text.len()
                    }
                    None => return Ok(None),
                },
            };
            match text.get(stop) {
                Some(b',') => at = stop + 1,
                Some(_) => return Ok(Some(stop + 1)),
                None => return Ok(Some(stop)),
            }
        }
    }

    /// Reads the rest of a field that has begun with a quote. Gives the place of the comma or line
    /// feed behind it, or of the end of the text.
    fn quoted(&mut self, text: &[u8], mut at: usize, end: bool) -> Result<Option<usize>, Failure> {
        self.field.clear();
        loop {
            let Some(found) = memchr(b'"', &text[at..]) else {
                return match end {
                    true => Err(self.broken(
                        "a field begins with a quote, and the text ends before another",
                        "in CSV, a field with a quote in it has quotes around it, and the quote is doubled",
                    )),
                    false => Ok(None),
                };
            };
            self.field.extend_from_slice(&text[at..at + found]);
            at += found + 1;
            match text.get(at..) {
                Some([b'"', ..]) => {
                    self.field.push(b'"');
                    at += 1;
                }
                Some([b',' | b'\n', ..]) => return Ok(Some(at)),
                Some([b'\r', b'\n', ..]) => return Ok(Some(at + 1)),
                Some([] | [b'\r']) if end => return Ok(Some(text.len())),
                Some([] | [b'\r']) | None => return Ok(None),
                Some(_) => {
                    return Err(self.broken(
                        "text follows the quote that ends a field",
                        "in CSV, a quote within a field is doubled",
                    ));
                }
            }
        }
    }

    fn broken(&self, what: &str, hint: &str) -> Failure {
        let message = format!("broken CSV, record {}: {what}", self.records + 1);
        Failure::new(ErrorKind::Command, message).hint(hint)
    }
}

impl RowReader for CsvReader {
    fn read(&mut self, text: &[u8], end: bool, frames: &mut Vec<u8>) -> Taken {
        let mut taken = Taken::default();
        if text.len() < self.wait && !end {
            return taken;
        }
        self.wait = 0;
        while taken.bytes < text.len() {
            let rest = &text[taken.bytes..];
            let start = frame::begin(frames);
            let read = self.record(rest, end, frames);
            let read = match read {
                Ok(Some(bytes))
                    if is_too_long(bytes, self.max_row)
                        || frames.len() - start - frame::LENGTH_BYTES > self.max_row =>
                {
                    Err(frame::too_large().failure)
                }
                other => other,
            };
            match read {
                Ok(Some(bytes)) => {
                    if let Err(error) = frame::end(frames, start) {
                        taken.refused = Some(error.into());
                        return taken;
                    }
                    taken.bytes += bytes;
                    taken.rows += 1;
                    self.records += 1;
                }
                Ok(None) => {
                    frames.truncate(start);
                    if rest.len() > LONG {
                        self.wait = 2 * rest.len();
                    }
                    return taken;
                }
                Err(failure) => {
                    frames.truncate(start);
                    taken.refused = Some(failure);
                    return taken;
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::describe::describe;
    use crate::row::layout::Rows;
    use crate::row::written::RowWriter;

    /// The rows of a text that comes in pieces of so many bytes, as people read them.
    fn read(text: &[u8], piece: usize) -> Result<Vec<String>, String> {
        let mut reader = CsvReader::new(1 << 20);
        let (mut buffer, mut frames) = (Vec::new(), Vec::new());
        let mut pieces = text.chunks(piece.max(1)).peekable();
        loop {
            let next = pieces.next();
            buffer.extend_from_slice(next.unwrap_or_default());
            let end = next.is_none();
            let taken = reader.read(&buffer, end, &mut frames);
            buffer.drain(..taken.bytes);
            if let Some(failure) = taken.refused {
                return Err(failure.message);
            }
            if end {
                assert!(buffer.is_empty());
                return Ok(Rows::frames(&frames)
                    .each()
                    .map(|row| describe(row.unwrap()))
                    .collect());
            }
        }
    }

    #[test]
    fn records_are_read_whatever_the_pieces() {
        let text = b"a,b\r\n\"x,y\",\"say \"\"hi\"\"\"\n\n\"two\nlines\",\r\n,\nlast,\"one\"";
        for piece in 1..=text.len() {
            assert_eq!(
                read(text, piece).unwrap(),
                [
                    r#""a", "b""#,
                    r#""x,y", "say \"hi\"""#,
                    r#""""#,
                    r#""two\nlines", """#,
                    r#""", """#,
                    r#""last", "one""#,
                ]
            );
        }
        assert_eq!(read(b"a\r\nb\r", 1).unwrap(), [r#""a""#, r#""b""#]);
        assert_eq!(read(b"", 1).unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_broken_is_named_with_its_record() {
        for (text, message) in [
            (&b"a,b\nc\"d\n"[..], "broken CSV, record 2: a quote within a field"),
            (b"\"a\"b\n", "broken CSV, record 1: text follows the quote"),
            (
                b"x\ny\n\"a\n",
                "broken CSV, record 3: a field begins with a quote, and the text ends",
            ),
            (b"\"a\"\r", "?"),
            (b"\"a\" ,b\n", "broken CSV, record 1: text follows"),
        ] {
            for piece in 1..=text.len() {
                match read(text, piece) {
                    Err(found) => assert!(found.starts_with(message), "{found}"),
                    Ok(rows) => assert_eq!((rows, message), (vec![r#""a""#.to_owned()], "?")),
                }
            }
        }
    }

    #[test]
    fn a_long_record_is_not_read_over_and_over() {
        let mut text = vec![b'x'; 3 << 20];
        text[0] = b'"';
        *text.last_mut().unwrap() = b'"';
        let mut reader = CsvReader::new(8 << 20);
        let mut frames = Vec::new();
        let mut tries = 0;
        for length in (64 << 10..text.len()).step_by(64 << 10) {
            let before = reader.wait;
            assert_eq!(reader.read(&text[..length], false, &mut frames).rows, 0);
            tries += usize::from(reader.wait != before || reader.wait == 0);
        }
        assert!(tries <= 10, "{tries} tries");
        assert_eq!(reader.read(&text, true, &mut frames).rows, 1);
    }

    proptest! {
        #[test]
        fn texts_come_back_as_they_were(
            rows in prop::collection::vec(prop::collection::vec("[a,\"\r\n\t é]{0,6}", 1..4), 0..6),
            piece in 1..20_usize,
        ) {
            let mut csv = Vec::new();
            let mut expected = Vec::new();
            for row in &rows {
                let mut payload = Vec::new();
                row.iter().for_each(|text| msgpack::put_text(&mut payload, text.as_bytes()));
                CsvWriter.append(&mut csv, &payload).unwrap();
                expected.push(describe(&payload));
            }
            prop_assert_eq!(read(&csv, piece).unwrap(), expected);
        }
    }
}
