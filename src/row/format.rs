//! Formats: a row as text by a format like `%s,%d`, one directive per column.
//!
//! The directives are those of LuaJIT's `string.format`: `%s %q %c %d %i %u %x %X %o` and
//! `%e %E %f %F %g %G %a %A`, with flags, and with width and precision of at most two digits.
//! Text that reads as a number is taken where a number is asked for.
//!
//! A newcomer's trap: the LF behind each row is appended here; a format does not end in `\n`.

use memchr::memchr;

use super::describe::describe_head;
use super::msgpack::{self, Malformed, Value};
use super::printf::{self, Integer, Spec};
use super::text::{self, Number, TextError, parse_number};
use super::whole::parse_whole;

/// A format that has been parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pieces: Vec<Piece>,
    columns: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    /// A plain `%s`.
    Text,
    /// A plain `%d` or `%i`.
    Integer,
    /// Anything else.
    Directive(Spec),
}

/// Why a format is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("unknown directive `{directive}` at position {position} of the format")]
    Unknown { directive: String, position: usize },
    #[error("the format ends within the directive `{directive}` at position {position}")]
    Unfinished { directive: String, position: usize },
    #[error("width or precision over 99 at position {position} of the format")]
    TooWide { position: usize },
    #[error("the format has no directive, but a row has at least one column")]
    NoDirective,
}

/// Why a row cannot be formatted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowFormatError {
    #[error("the format has {}, the row {}", counted(*.directives, "directive"), counted(*.columns, "column"))]
    Width { directives: u32, columns: u32 },
    #[error("column {column}: %{conversion} takes {wanted}, not {found}")]
    Type { column: u32, conversion: char, wanted: &'static str, found: String },
    #[error(transparent)]
    Text(#[from] TextError),
}

impl From<Malformed> for RowFormatError {
    fn from(error: Malformed) -> RowFormatError {
        RowFormatError::Text(TextError::Malformed(error))
    }
}

fn counted(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl Format {
    /// Parses a format.
    pub(crate) fn parse(format: &str) -> Result<Format, FormatError> {
        let mut parsed = Format { pieces: Vec::new(), columns: 0 };
        let mut literal = Vec::new();
        let mut at = 0;
        while let Some(found) = memchr(b'%', &format.as_bytes()[at..]) {
            literal.extend_from_slice(&format.as_bytes()[at..at + found]);
            at += found;
            if format[at + 1..].starts_with('%') {
                literal.push(b'%');
                at += 2;
                continue;
            }
            if !literal.is_empty() {
                parsed.pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            let (spec, end) = parse_directive(format, at)?;
            parsed.pieces.push(Piece::of(spec));
            parsed.columns += 1;
            at = end;
        }
        literal.extend_from_slice(&format.as_bytes()[at..]);
        literal.push(b'\n');
        parsed.pieces.push(Piece::Literal(literal));
        if parsed.columns == 0 { Err(FormatError::NoDirective) } else { Ok(parsed) }
    }

    /// The letters of its directives.
    pub(crate) fn conversions(&self) -> impl Iterator<Item = u8> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Text => Some(b's'),
            Piece::Integer => Some(b'd'),
            Piece::Directive(spec) => Some(spec.conversion),
        })
    }

    /// Appends a row and a LF. Nothing is appended on an error.
    #[inline]
    pub(crate) fn append(&self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), RowFormatError> {
        let mut rest = payload;
        self.append_values(out, || {
            if rest.is_empty() {
                return None;
            }
            let (value, mut used) = match msgpack::head(rest) {
                Ok(first) => first,
                Err(error) => return Some(Err(error)),
            };
            if matches!(value, Value::Array(_) | Value::Map(_)) {
                match msgpack::skip(rest) {
                    Ok(whole) => used = whole,
                    Err(error) => return Some(Err(error)),
                }
            }
            rest = &rest[used..];
            Some(Ok(value))
        })
    }

    /// Appends a raw text line (without its LF) as one text column, or as the columns between its
    /// TABs, and a LF. Nothing is appended on an error.
    #[inline]
    pub(crate) fn append_line_columns(
        &self,
        out: &mut Vec<u8>,
        line: &[u8],
        split_tabs: bool,
    ) -> Result<(), RowFormatError> {
        let mut rest = Some(line);
        self.append_values(out, || {
            let text = rest?;
            let tab = if split_tabs { memchr(b'\t', text) } else { None };
            rest = tab.map(|tab| &text[tab + 1..]);
            Some(Ok(Value::Str(&text[..tab.unwrap_or(text.len())])))
        })
    }

    /// Appends a row of scalars and a LF. Nothing is appended on an error.
    #[inline]
    pub(crate) fn append_scalars(
        &self,
        out: &mut Vec<u8>,
        values: &[Value<'_>],
    ) -> Result<(), RowFormatError> {
        let mut values = values.iter();
        self.append_values(out, || values.next().map(|&value| Ok(value)))
    }

    #[inline]
    fn append_values<'a>(
        &self,
        out: &mut Vec<u8>,
        mut next: impl FnMut() -> Option<Result<Value<'a>, Malformed>>,
    ) -> Result<(), RowFormatError> {
        let start = out.len();
        let appended = self.append_pieces(out, &mut next);
        if appended.is_err() {
            out.truncate(start);
        }
        appended
    }

    #[inline]
    fn append_pieces<'a>(
        &self,
        out: &mut Vec<u8>,
        next: &mut impl FnMut() -> Option<Result<Value<'a>, Malformed>>,
    ) -> Result<(), RowFormatError> {
        let mut pieces = self.pieces.iter();
        let mut columns = 0;
        // Called in one place, so that it becomes a part of the loop.
        while let Some(value) = next() {
            columns += 1;
            let piece = loop {
                match pieces.next() {
                    Some(Piece::Literal(literal)) => out.extend_from_slice(literal),
                    piece => break piece,
                }
            };
            match (piece, value?) {
                // A column too many, counted for the message.
                (None, _) => {}
                (Some(Piece::Text), Value::Str(text) | Value::Bin(text)) => {
                    out.extend_from_slice(text);
                }
                (Some(Piece::Integer), Value::Int(number)) => text::append_int(out, number),
                (Some(piece), value) => piece.put(out, columns, value)?,
            }
        }
        if columns != self.columns {
            return Err(RowFormatError::Width { directives: self.columns, columns });
        }
        for piece in pieces {
            if let Piece::Literal(literal) = piece {
                out.extend_from_slice(literal);
            }
        }
        Ok(())
    }
}

/// The directive at `at`, and where it ends.
fn parse_directive(format: &str, at: usize) -> Result<(Spec, usize), FormatError> {
    let bytes = format.as_bytes();
    let mut spec = Spec::default();
    let mut end = at + 1;
    while let Some(flag) = bytes.get(end) {
        match flag {
            b'-' => spec.left = true,
            b'+' => spec.plus = true,
            b' ' => spec.space = true,
            b'0' => spec.zero = true,
            b'#' => spec.alternate = true,
            _ => break,
        }
        end += 1;
    }
    let number = |end: &mut usize| {
        let digits = bytes[*end..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = &bytes[*end..*end + digits];
        *end += digits;
        if digits > 2 {
            return Err(FormatError::TooWide { position: at + 1 });
        }
        Ok(text.iter().fold(0, |number, digit| 10 * number + usize::from(digit - b'0')))
    };
    spec.width = number(&mut end)?;
    if bytes.get(end) == Some(&b'.') {
        end += 1;
        spec.precision = Some(number(&mut end)?);
    }
    let directive = |end: usize| format[at..end].to_owned();
    let Some(letter) = format[end..].chars().next() else {
        return Err(FormatError::Unfinished { directive: directive(end), position: at + 1 });
    };
    end += letter.len_utf8();
    if !"sqcdiuxXoeEfFgGaA".contains(letter) {
        return Err(FormatError::Unknown { directive: directive(end), position: at + 1 });
    }
    spec.conversion = bytes[end - 1];
    Ok((spec, end))
}

impl Piece {
    fn of(spec: Spec) -> Piece {
        let plain = Spec { conversion: spec.conversion, ..Spec::default() } == spec;
        match spec.conversion {
            b's' if plain => Piece::Text,
            b'd' | b'i' if plain => Piece::Integer,
            _ => Piece::Directive(spec),
        }
    }

    fn put(&self, out: &mut Vec<u8>, column: u32, value: Value<'_>) -> Result<(), RowFormatError> {
        let plain = |conversion| Spec { conversion, ..Spec::default() };
        let spec = match self {
            Piece::Literal(_) => return Ok(()),
            Piece::Text => plain(b's'),
            Piece::Integer => plain(b'd'),
            Piece::Directive(spec) => *spec,
        };
        let refused = |wanted| RowFormatError::Type {
            column,
            conversion: char::from(spec.conversion),
            wanted,
            found: describe_head(value),
        };
        match spec.conversion {
            b's' => printf::put_text(out, &spec, |out| text::append_value(out, value))
                .map_err(|error| error.in_column(column))?,
            b'q' => match value {
                Value::Str(text) | Value::Bin(text) => printf::put_quoted(out, text),
                other => {
                    let mut text = Vec::new();
                    text::append_value(&mut text, other)
                        .map_err(|error| error.in_column(column))?;
                    printf::put_quoted(out, &text);
                }
            },
            b'c' => {
                let number = integer(value).ok_or_else(|| refused("an integer"))?;
                printf::put_byte(out, &spec, number.bits() as u8);
            }
            b'd' | b'i' | b'u' | b'x' | b'X' | b'o' => {
                let number = integer(value).ok_or_else(|| refused("an integer"))?;
                printf::put_integer(out, &spec, number);
            }
            _ => {
                let number = double(value).ok_or_else(|| refused("a number"))?;
                printf::put_double(out, &spec, number);
            }
        }
        Ok(())
    }
}

fn number(value: Value<'_>) -> Option<Number> {
    match value {
        Value::Int(number) => Some(Number::Int(number)),
        Value::UInt(number) => Some(Number::UInt(number)),
        Value::Float(number) => Some(Number::Float(number)),
        Value::Str(text) | Value::Bin(text) => parse_number(text),
        _ => None,
    }
}

/// Integers, integral doubles and text that reads as an integer, from -2^63 to below 2^64.
fn integer(value: Value<'_>) -> Option<Integer> {
    const TWO_63: f64 = (1u64 << 63) as f64;
    match value {
        Value::Str(text) | Value::Bin(text) => parse_whole(text),
        Value::Int(number) => {
            Some(Integer { negative: number < 0, magnitude: number.unsigned_abs() })
        }
        Value::UInt(number) => Some(Integer { negative: false, magnitude: number }),
        Value::Float(number) => {
            let whole = number.fract() == 0.0 && (-TWO_63..2.0 * TWO_63).contains(&number);
            let integer = Integer { negative: number < 0.0, magnitude: number.abs() as u64 };
            whole.then_some(integer)
        }
        _ => None,
    }
}

fn double(value: Value<'_>) -> Option<f64> {
    Some(match number(value)? {
        Number::Int(number) => number as f64,
        Number::UInt(number) => number as f64,
        Number::Float(number) => number,
    })
}

#[cfg(test)]
mod tests;
