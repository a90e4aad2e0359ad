//! JSON lines: a value a line, between text and MessagePack without anything in between.
//!
//! A row is written as an array, or, where the columns have names, as an object. An array is read as a
//! row, any other value as a row of it alone; where the columns have names, objects are read, a member
//! that is missing as nil, and others than the named ones are left out. A line of blanks is no row.
//!
//! Values keep their types: `null` is nil; a number without a point and exponent is an integer within
//! 64 bits; any other is a double, which is written as the shortest text that reads back as the same.
//!
//! A newcomer's trap: JSON has no NaN, no infinities and no bytes that are no UTF-8. They are refused,
//! not changed.

mod parse;

use memchr::memchr;

use super::forms::{Column, RowReader, Taken, is_too_long, refused, write_by_columns};
use super::frame;
use super::msgpack::{self, DEPTH_LIMIT, Value};
use super::text::{append_int, append_uint};
use crate::error::{ErrorKind, Failure};

/// Rows as JSON lines.
pub(crate) struct JsonWriter {
    /// The columns' names, as JSON texts with a colon behind each; none: rows are arrays.
    names: Vec<Vec<u8>>,
}

impl JsonWriter {
    pub(crate) fn new(names: &[String]) -> JsonWriter {
        let name = |name: &String| {
            let mut text = Vec::new();
            append_string(&mut text, name.as_bytes()).expect("a String is UTF-8");
            text.push(b':');
            text
        };
        JsonWriter { names: names.iter().map(name).collect() }
    }

    fn append_row<'a>(
        &self,
        out: &mut Vec<u8>,
        columns: impl Iterator<Item = Column<'a>>,
    ) -> Result<(), Failure> {
        let is_array = self.names.is_empty();
        out.push(if is_array { b'[' } else { b'{' });
        let mut count = 0;
        for column in columns {
            let (value, all) = column.map_err(|error| refused(error.to_string()))?;
            if count > 0 {
                out.push(b',');
            }
            if !is_array {
                let name = self.names.get(count).ok_or_else(|| self.other_width())?;
                out.extend_from_slice(name);
            }
            count += 1;
            let written = match value {
                Value::Array(_) | Value::Map(_) => append_nested(out, all, 0).map(drop),
                scalar => append_scalar(out, scalar),
            };
            written.map_err(|what| {
                refused(format!("column {count}: {what} has no JSON form"))
                    .hint("a `map` can make text or nil of it")
            })?;
        }
        if count == 0 || (!is_array && count < self.names.len()) {
            return Err(self.other_width());
        }
        out.extend_from_slice(if is_array { b"]\n" } else { b"}\n" });
        Ok(())
    }

    fn other_width(&self) -> Failure {
        let names = self.names.len();
        refused(format!(
            "there are {names} names for its columns, and it has another number of them"
        ))
    }
}

write_by_columns!(JsonWriter);

/// What has no JSON form.
type NoJson = &'static str;

fn append_scalar(out: &mut Vec<u8>, value: Value<'_>) -> Result<(), NoJson> {
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => append_int(out, number),
        Value::UInt(number) => append_uint(out, number),
        Value::Float(number) if number.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        }
        Value::Float(number) if number.is_nan() => return Err("nan"),
        Value::Float(_) => return Err("an infinity"),
        Value::Str(text) | Value::Bin(text) => append_string(out, text)?,
        Value::Ext(..) => return Err("an extension value"),
        Value::Array(_) | Value::Map(_) => return Err("a table without its elements"),
    }
    Ok(())
}

/// Appends the first value. Gives how many bytes it takes.
fn append_nested(out: &mut Vec<u8>, bytes: &[u8], depth: u32) -> Result<usize, NoJson> {
    const DAMAGED: NoJson = "a damaged value";
    let (value, mut used) = msgpack::head(bytes).map_err(|_| DAMAGED)?;
    if depth > DEPTH_LIMIT {
        return Err("what is nested so deep");
    }
    match value {
        Value::Array(count) => {
            out.push(b'[');
            for index in 0..count {
                if index > 0 {
                    out.push(b',');
                }
                used += append_nested(out, bytes.get(used..).ok_or(DAMAGED)?, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Map(count) => {
            out.push(b'{');
            for index in 0..count {
                if index > 0 {
                    out.push(b',');
                }
                let (key, length) =
                    msgpack::head(bytes.get(used..).ok_or(DAMAGED)?).map_err(|_| DAMAGED)?;
                let (Value::Str(key) | Value::Bin(key)) = key else {
                    return Err("a table with a key that is no text");
                };
                append_string(out, key)?;
                out.push(b':');
                used += length;
                used += append_nested(out, bytes.get(used..).ok_or(DAMAGED)?, depth + 1)?;
            }
            out.push(b'}');
        }
        scalar => append_scalar(out, scalar)?,
    }
    Ok(used)
}

/// A text as JSON has it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    append_string(&mut out, text.as_bytes()).expect("it is UTF-8");
    String::from_utf8(out).expect("quotes and escapes are ASCII")
}

/// Appends a text with its quotes.
fn append_string(out: &mut Vec<u8>, text: &[u8]) -> Result<(), NoJson> {
    if str::from_utf8(text).is_err() {
        return Err("bytes that are no UTF-8");
    }
    out.push(b'"');
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let [high, low] = [byte >> 4, byte & 15].map(|half| DIGITS[usize::from(half)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
    out.extend_from_slice(&text[from..]);
    out.push(b'"');
    Ok(())
}

/// JSON lines as rows.
pub(crate) struct JsonReader {
    names: Vec<String>,
    max_row: usize,
    /// Bytes of what is left that have no LF in them.
    seen: usize,
    /// Lines that have been read.
    lines: u64,
    parser: parse::Parser,
}

impl JsonReader {
    pub(crate) fn new(names: &[String], max_row: usize) -> JsonReader {
        let parser = parse::Parser::default();
        JsonReader { names: names.to_vec(), max_row, seen: 0, lines: 0, parser }
    }

    /// Appends a line's row as a frame. False for a line without any.
    fn line(&mut self, line: &[u8], frames: &mut Vec<u8>) -> Result<bool, Failure> {
        self.lines += 1;
        let start = frame::begin(frames);
        let read = match self.names.is_empty() {
            true => self.parser.row(line, frames),
            false => self.parser.members(line, &self.names, frames),
        };
        match read {
            Ok(true)
                if is_too_long(line.len(), self.max_row)
                    || frames.len() - start - frame::LENGTH_BYTES > self.max_row =>
            {
                frames.truncate(start);
                Err(frame::too_large().failure)
            }
            Ok(true) => frame::end(frames, start).map(|()| true).map_err(Failure::from),
            Ok(false) => {
                frames.truncate(start);
                Ok(false)
            }
            Err(error) => {
                frames.truncate(start);
                let message = format!(
                    "broken JSON, line {}, byte {}: {}",
                    self.lines,
                    error.at + 1,
                    error.what
                );
                let failure = Failure::new(ErrorKind::Command, message);
                let failure = failure.row(super::describe::describe_line(line));
                Err(match error.ends_early {
                    true => failure.hint("a value takes one line: `jq -c` writes it so"),
                    false => failure,
                })
            }
        }
    }
}

impl RowReader for JsonReader {
    fn read(&mut self, text: &[u8], end: bool, frames: &mut Vec<u8>) -> Taken {
        let mut taken = Taken::default();
        loop {
            let rest = &text[taken.bytes..];
            let found = memchr(b'\n', &rest[self.seen..]).map(|at| self.seen + at);
            let (line, bytes) = match found {
                Some(at) => (&rest[..at], at + 1),
                None if end && !rest.is_empty() => (rest, rest.len()),
                None => {
                    self.seen = rest.len();
                    return taken;
                }
            };
            self.seen = 0;
            match self.line(line, frames) {
                Ok(is_row) => taken.rows += u32::from(is_row),
                Err(failure) => {
                    taken.refused = Some(failure);
                    return taken;
                }
            }
            taken.bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests;
