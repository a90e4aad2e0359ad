//! Values as text, and text as numbers.
//!
//! Numbers: integers and integral doubles up to 2^53 are plain decimal; other doubles are the
//! shortest text that reads back as the same double, with an exponent (`1e300`, `1.5e-7`: no plus
//! sign, no padding) below 1e-5 and from 1e16; then `nan`, `inf`, `-inf`.
//!
//! A newcomer's trap: text has no types. `1` may have been the number or the string, and a table
//! has no text form at all.

use memchr::{memchr, memchr2};

use super::msgpack::{self, Malformed, Value};

/// Why a value cannot be text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextError {
    #[error("{0} has no text form")]
    NoText(&'static str),
    #[error("column {column}: {what} has no text form")]
    NoTextIn { column: u32, what: &'static str },
    #[error("column {column} contains {what}, which would break the line apart")]
    Separator { column: u32, what: &'static str },
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl TextError {
    /// The next move, where it is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            TextError::NoText(_) | TextError::NoTextIn { .. } => {
                Some("a `map` can make text of a table")
            }
            TextError::Separator { .. } => Some("a `map` with `gsub` can replace it"),
            TextError::Malformed(_) => None,
        }
    }

    /// Names the column, unless it is named already.
    pub(crate) fn in_column(self, column: u32) -> TextError {
        match self {
            TextError::NoText(what) => TextError::NoTextIn { column, what },
            other => other,
        }
    }
}

/// Appends one MessagePack value as text.
pub(crate) fn append_text(out: &mut Vec<u8>, value: &[u8]) -> Result<(), TextError> {
    append_value(out, msgpack::head(value)?.0)
}

/// Appends a value that has been read already.
#[inline]
pub(crate) fn append_value(out: &mut Vec<u8>, value: Value<'_>) -> Result<(), TextError> {
    match value {
        Value::Nil => {}
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => append_int(out, number),
        Value::UInt(number) => append_uint(out, number),
        Value::Float(number) => append_float(out, number),
        Value::Str(text) | Value::Bin(text) => out.extend_from_slice(text),
        Value::Array(_) | Value::Map(_) => return Err(TextError::NoText("a table")),
        Value::Ext(..) => return Err(TextError::NoText("an extension value")),
    }
    Ok(())
}

#[inline]
pub(crate) fn append_int(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    append_uint(out, number.unsigned_abs());
}

#[inline]
pub(crate) fn append_uint(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

const EXACT_INTEGERS: f64 = (1u64 << 53) as f64;

/// A double as text; see the head of this file.
pub(crate) fn append_float(out: &mut Vec<u8>, number: f64) {
    if number.abs() <= EXACT_INTEGERS && number.fract() == 0.0 {
        return append_int(out, number as i64);
    }
    if number.is_nan() {
        // A NaN's sign means nothing; it is not shown.
        return out.extend_from_slice(b"nan");
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format(number);
    let text = text.strip_suffix(".0").unwrap_or(text);
    match text.split_once("e+") {
        Some((mantissa, exponent)) => {
            out.extend_from_slice(mantissa.as_bytes());
            out.push(b'e');
            out.extend_from_slice(exponent.as_bytes());
        }
        None => out.extend_from_slice(text.as_bytes()),
    }
}

/// Appends a row as a line for a command or a line sink, LF included: a single column goes in
/// verbatim, several are joined by TAB. Nothing is appended on an error.
pub(crate) fn append_line(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), TextError> {
    let start = out.len();
    let appended = append_fields(out, payload);
    match appended {
        Ok(()) => out.push(b'\n'),
        Err(_) => out.truncate(start),
    }
    appended
}

/// Appends scalars as [`append_line`] does. False, with nothing appended, where that refuses them.
#[inline]
pub(crate) fn append_line_of(out: &mut Vec<u8>, values: &[Value<'_>]) -> bool {
    let start = out.len();
    let alone = values.len() == 1;
    for (column, &value) in (1..).zip(values) {
        if column > 1 {
            out.push(b'\t');
        }
        if append_field(out, column, value, alone).is_err() {
            out.truncate(start);
            return false;
        }
    }
    out.push(b'\n');
    true
}

fn append_fields(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), TextError> {
    let first = msgpack::skip(payload).map_err(|error| match error {
        Malformed::Truncated if payload.is_empty() => Malformed::Empty,
        other => other,
    })?;
    let alone = first == payload.len();
    for (column, value) in (1..).zip(msgpack::columns(payload)) {
        if column > 1 {
            out.push(b'\t');
        }
        append_field(out, column, msgpack::head(value?)?.0, alone)?;
    }
    Ok(())
}

#[inline]
fn append_field(
    out: &mut Vec<u8>,
    column: u32,
    value: Value<'_>,
    alone: bool,
) -> Result<(), TextError> {
    if let Value::Str(text) | Value::Bin(text) = value {
        let separator = if alone { memchr(b'\n', text) } else { memchr2(b'\n', b'\t', text) };
        if let Some(at) = separator {
            let what = if text[at] == b'\n' { "a line feed" } else { "a tab" };
            return Err(TextError::Separator { column, what });
        }
    }
    append_value(out, value).map_err(|error| error.in_column(column))
}

/// What text reads as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    /// Only above `i64::MAX`.
    UInt(u64),
    Float(f64),
}

impl Number {
    pub(crate) fn value(self) -> Value<'static> {
        match self {
            Number::Int(number) => Value::Int(number),
            Number::UInt(number) => Value::UInt(number),
            Number::Float(number) => Value::Float(number),
        }
    }
}

/// Reads text as a number: decimal digits within 64 bits are an integer, other decimal and
/// scientific notation is a double, `nan`, `NaN`, `inf` and `-inf` are themselves. ASCII blanks
/// around it are allowed; hexadecimal is not a number here, nor is what is beyond all doubles.
pub(crate) fn parse_number(text: &[u8]) -> Option<Number> {
    let text = text.trim_ascii();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    match digits {
        [b'0'..=b'9' | b'.', ..] => {}
        _ => {
            return match text {
                b"nan" | b"NaN" => Some(Number::Float(f64::NAN)),
                b"inf" => Some(Number::Float(f64::INFINITY)),
                b"-inf" => Some(Number::Float(f64::NEG_INFINITY)),
                _ => None,
            };
        }
    }
    if digits.iter().all(u8::is_ascii_digit)
        && let Some(number) = parse_integer(negative, digits)
    {
        return Some(number);
    }
    // What begins with a digit or a point is decimal or nothing to `f64::from_str`.
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    number.is_finite().then_some(Number::Float(number))
}

fn parse_integer(negative: bool, digits: &[u8]) -> Option<Number> {
    let mut number: u64 = 0;
    for digit in digits {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    if negative {
        return 0i64.checked_sub_unsigned(number).map(Number::Int);
    }
    Some(i64::try_from(number).map_or(Number::UInt(number), Number::Int))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::model;

    fn text(value: rmpv::Value) -> Result<String, String> {
        let mut out = Vec::new();
        append_text(&mut out, &model::encode(&value)).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    fn line(values: &[rmpv::Value]) -> Result<String, String> {
        let payload: Vec<u8> = values.iter().flat_map(model::encode).collect();
        let mut out = Vec::new();
        append_line(&mut out, &payload).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn numbers_have_these_texts() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (2.0, "2"),
            (-3.5, "-3.5"),
            (0.1, "0.1"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (9_007_199_254_740_994.0, "9007199254740994"),
            (1e15, "1000000000000000"),
            (1e16, "1e16"),
            (1.5e16, "1.5e16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e17"),
            (1e300, "1e300"),
            (-1.5e300, "-1.5e300"),
            (1e-5, "0.00001"),
            (1e-6, "1e-6"),
            (1.5e-7, "1.5e-7"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e308"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(rmpv::Value::F64(number)).as_deref(), Ok(expected));
        }
        assert_eq!(text(i64::MIN.into()).as_deref(), Ok("-9223372036854775808"));
        assert_eq!(text(u64::MAX.into()).as_deref(), Ok("18446744073709551615"));
    }

    #[test]
    fn other_values_have_these_texts() {
        assert_eq!(text(rmpv::Value::Nil).as_deref(), Ok(""));
        assert_eq!(text(true.into()).as_deref(), Ok("true"));
        assert_eq!(text("a\nb".into()).as_deref(), Ok("a\nb"));
        let none = text(rmpv::Value::Array(vec![]));
        assert_eq!(none, Err("a table has no text form".to_owned()));
        let none = text(rmpv::Value::Ext(1, vec![]));
        assert_eq!(none, Err("an extension value has no text form".to_owned()));
    }

    #[test]
    fn a_line_breaks_only_where_rows_and_columns_do() {
        assert_eq!(line(&["a\tb".into()]).as_deref(), Ok("a\tb\n"));
        assert_eq!(line(&["a".into(), 2.into(), rmpv::Value::Nil]).as_deref(), Ok("a\t2\t\n"));
        for (row, message) in [
            (
                vec!["a\nb".into()],
                "column 1 contains a line feed, which would break the line apart",
            ),
            (
                vec![1.into(), "a\tb".into()],
                "column 2 contains a tab, which would break the line apart",
            ),
            (vec![1.into(), rmpv::Value::Map(vec![])], "column 2: a table has no text form"),
            (vec![], "malformed row: it has no columns"),
        ] {
            assert_eq!(line(&row), Err(message.to_owned()));
        }
    }

    #[test]
    fn text_reads_as_these_numbers() {
        for (text, number) in [
            ("0", Number::Int(0)),
            ("-0", Number::Int(0)),
            ("+5", Number::Int(5)),
            (" 007\r\n", Number::Int(7)),
            ("9223372036854775807", Number::Int(i64::MAX)),
            ("-9223372036854775808", Number::Int(i64::MIN)),
            ("9223372036854775808", Number::UInt(1 << 63)),
            ("18446744073709551615", Number::UInt(u64::MAX)),
            ("18446744073709551616", Number::Float(18446744073709551616.0)),
            ("-9223372036854775809", Number::Float(-9223372036854775808.0)),
            ("1.0", Number::Float(1.0)),
            (".5", Number::Float(0.5)),
            ("5.", Number::Float(5.0)),
            ("-1.5E-3", Number::Float(-0.0015)),
            ("inf", Number::Float(f64::INFINITY)),
            ("-inf", Number::Float(f64::NEG_INFINITY)),
        ] {
            assert_eq!(parse_number(text.as_bytes()), Some(number), "{text}");
        }
        for text in [&b"nan"[..], b"NaN"] {
            assert!(matches!(parse_number(text), Some(Number::Float(nan)) if nan.is_nan()));
        }
        #[rustfmt::skip]
        let none = [
            "", " ", "-", ".", "e5", "1e", "0x10", "1_000", "1 2", "1,5", "infinity", "--1", "-nan",
            "1e400", "-1e999",
        ];
        for text in none {
            assert_eq!(parse_number(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_number(b"1\xff"), None);
    }

    proptest! {
        #[test]
        fn doubles_read_back(number: f64) {
            let mut out = Vec::new();
            append_float(&mut out, number);
            let back = match parse_number(&out) {
                Some(Number::Int(number)) => number as f64,
                Some(Number::UInt(number)) => number as f64,
                Some(Number::Float(number)) => number,
                None => return Err(TestCaseError::fail("it does not read as a number")),
            };
            prop_assert!(back == number || back.is_nan() && number.is_nan());
        }

        #[test]
        fn integers_read_back(number: i64) {
            let mut out = Vec::new();
            append_int(&mut out, number);
            prop_assert_eq!(&out, &number.to_string().into_bytes());
            prop_assert_eq!(parse_number(&out), Some(Number::Int(number)));
        }
    }
}
