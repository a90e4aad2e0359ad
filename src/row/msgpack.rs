//! MessagePack: reading the heads of values, skipping whole values, and writing the smallest form.
//!
//! A newcomer's trap: [`head`] of an array or map consumes only its head; the elements follow and
//! are read with further calls. [`skip`] goes past all of it.

/// Values nested deeper than this are refused, so that no reader can be made to overflow a stack.
pub(crate) const DEPTH_LIMIT: u32 = 100;

/// The head of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// Only above `i64::MAX`.
    UInt(u64),
    /// Doubles, and singles widened.
    Float(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    /// This many elements follow.
    Array(u32),
    /// This many pairs of key and value follow.
    Map(u32),
    Ext(i8, &'a [u8]),
}

/// Why bytes are not values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("malformed row: it ends within a value")]
    Truncated,
    #[error("malformed row: no value begins with the byte 0xc1")]
    Reserved,
    #[error("malformed row: values are nested more than {DEPTH_LIMIT} deep")]
    TooDeep,
    #[error("malformed row: bytes follow the value")]
    Trailing,
    #[error("malformed row: it has no columns")]
    Empty,
}

/// The first value's head, and the bytes it takes.
///
/// Always inlined: what a call gives goes through memory, piece by piece, and is read back at once.
#[inline(always)]
pub(crate) fn head(bytes: &[u8]) -> Result<(Value<'_>, usize), Malformed> {
    let marker = *bytes.first().ok_or(Malformed::Truncated)?;
    let fixed = |value| Ok((value, 1));
    match marker {
        0x00..=0x7f => fixed(Value::Int(i64::from(marker))),
        0x80..=0x8f => fixed(Value::Map(u32::from(marker & 0x0f))),
        0x90..=0x9f => fixed(Value::Array(u32::from(marker & 0x0f))),
        0xa0..=0xbf => {
            let (text, used) = span(bytes, 1, usize::from(marker & 0x1f))?;
            Ok((Value::Str(text), used))
        }
        0xc0 => fixed(Value::Nil),
        0xc1 => Err(Malformed::Reserved),
        0xc2 => fixed(Value::Bool(false)),
        0xc3 => fixed(Value::Bool(true)),
        0xc4..=0xc6 => {
            let (length, at) = length(bytes, marker - 0xc4)?;
            let (data, used) = span(bytes, at, length)?;
            Ok((Value::Bin(data), used))
        }
        0xc7..=0xc9 => {
            let (length, at) = length(bytes, marker - 0xc7)?;
            ext(bytes, at, length)
        }
        0xca => Ok((Value::Float(f64::from(f32::from_be_bytes(array(bytes)?))), 5)),
        0xcb => Ok((Value::Float(f64::from_be_bytes(array(bytes)?)), 9)),
        0xcc => Ok((Value::Int(i64::from(u8::from_be_bytes(array(bytes)?))), 2)),
        0xcd => Ok((Value::Int(i64::from(u16::from_be_bytes(array(bytes)?))), 3)),
        0xce => Ok((Value::Int(i64::from(u32::from_be_bytes(array(bytes)?))), 5)),
        0xcf => {
            let number = u64::from_be_bytes(array(bytes)?);
            Ok((i64::try_from(number).map_or(Value::UInt(number), Value::Int), 9))
        }
        0xd0 => Ok((Value::Int(i64::from(i8::from_be_bytes(array(bytes)?))), 2)),
        0xd1 => Ok((Value::Int(i64::from(i16::from_be_bytes(array(bytes)?))), 3)),
        0xd2 => Ok((Value::Int(i64::from(i32::from_be_bytes(array(bytes)?))), 5)),
        0xd3 => Ok((Value::Int(i64::from_be_bytes(array(bytes)?)), 9)),
        0xd4..=0xd8 => ext(bytes, 1, 1 << (marker - 0xd4)),
        0xd9..=0xdb => {
            let (length, at) = length(bytes, marker - 0xd9)?;
            let (text, used) = span(bytes, at, length)?;
            Ok((Value::Str(text), used))
        }
        0xdc => Ok((Value::Array(u32::from(u16::from_be_bytes(array(bytes)?))), 3)),
        0xdd => Ok((Value::Array(u32::from_be_bytes(array(bytes)?)), 5)),
        0xde => Ok((Value::Map(u32::from(u16::from_be_bytes(array(bytes)?))), 3)),
        0xdf => Ok((Value::Map(u32::from_be_bytes(array(bytes)?)), 5)),
        0xe0..=0xff => fixed(Value::Int(i64::from(marker as i8))),
    }
}

/// The `N` bytes behind the marker.
#[inline]
fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes[1..].first_chunk().copied().ok_or(Malformed::Truncated)
}

/// A length of 1, 2 or 4 bytes (`size` 0, 1, 2) behind the marker, and where it ends.
#[inline]
fn length(bytes: &[u8], size: u8) -> Result<(usize, usize), Malformed> {
    Ok(match size {
        0 => (usize::from(u8::from_be_bytes(array(bytes)?)), 2),
        1 => (usize::from(u16::from_be_bytes(array(bytes)?)), 3),
        _ => (u32::from_be_bytes(array(bytes)?) as usize, 5),
    })
}

/// `length` bytes from `at`, and where they end.
#[inline]
fn span(bytes: &[u8], at: usize, length: usize) -> Result<(&[u8], usize), Malformed> {
    let end = at.checked_add(length).ok_or(Malformed::Truncated)?;
    Ok((bytes.get(at..end).ok_or(Malformed::Truncated)?, end))
}

fn ext(bytes: &[u8], at: usize, length: usize) -> Result<(Value<'_>, usize), Malformed> {
    let kind = *bytes.get(at).ok_or(Malformed::Truncated)?;
    let (data, used) = span(bytes, at + 1, length)?;
    Ok((Value::Ext(kind as i8, data), used))
}

/// The length of the whole first value, nested ones included.
#[inline]
pub(crate) fn skip(bytes: &[u8]) -> Result<usize, Malformed> {
    match head(bytes)? {
        (Value::Array(count), used) => skip_nested(bytes, used, u64::from(count), 1),
        (Value::Map(count), used) => skip_nested(bytes, used, 2 * u64::from(count), 1),
        (_, used) => Ok(used),
    }
}

/// Goes past `count` values from `at`; they stand inside `depth` containers.
fn skip_nested(bytes: &[u8], at: usize, count: u64, depth: u32) -> Result<usize, Malformed> {
    if depth > DEPTH_LIMIT {
        return Err(Malformed::TooDeep);
    }
    let mut at = at;
    // A count that the bytes cannot hold ends at their end, after as many turns as there are bytes.
    for _ in 0..count {
        let (value, used) = head(&bytes[at..])?;
        at += used;
        match value {
            Value::Array(count) => at = skip_nested(bytes, at, u64::from(count), depth + 1)?,
            Value::Map(count) => at = skip_nested(bytes, at, 2 * u64::from(count), depth + 1)?,
            _ => {}
        }
    }
    Ok(at)
}

/// The columns of a row, each as the bytes of one value.
#[derive(Clone, Debug)]
pub(crate) struct Columns<'a> {
    rest: &'a [u8],
}

/// Splits a payload into its columns.
#[inline]
pub(crate) fn columns(payload: &[u8]) -> Columns<'_> {
    Columns { rest: payload }
}

impl<'a> Iterator for Columns<'a> {
    type Item = Result<&'a [u8], Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        Some(match skip(self.rest) {
            Ok(length) => {
                let (column, rest) = self.rest.split_at(length);
                self.rest = rest;
                Ok(column)
            }
            Err(error) => {
                self.rest = &[];
                Err(error)
            }
        })
    }
}

/// One column, counted from 1; `None` if the row has fewer.
#[inline]
pub(crate) fn column(payload: &[u8], index: u32) -> Result<Option<&[u8]>, Malformed> {
    let Some(before) = index.checked_sub(1) else {
        return Ok(None);
    };
    let mut columns = columns(payload);
    for _ in 0..before {
        if columns.next().transpose()?.is_none() {
            return Ok(None);
        }
    }
    columns.next().transpose()
}

/// Checks a whole payload; the number of its columns.
pub(crate) fn validate(payload: &[u8]) -> Result<u32, Malformed> {
    let mut count = 0;
    for column in columns(payload) {
        column?;
        count += 1;
    }
    if count == 0 { Err(Malformed::Empty) } else { Ok(count) }
}

pub(crate) fn put_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub(crate) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

#[inline]
pub(crate) fn put_int(out: &mut Vec<u8>, value: i64) {
    match value {
        0.. => put_uint(out, value as u64),
        -32.. => out.push(value as u8),
        -0x80.. => out.extend_from_slice(&[0xd0, value as u8]),
        -0x8000.. => put_marked(out, 0xd1, (value as i16).to_be_bytes()),
        -0x8000_0000.. => put_marked(out, 0xd2, (value as i32).to_be_bytes()),
        _ => put_marked(out, 0xd3, value.to_be_bytes()),
    }
}

#[inline]
pub(crate) fn put_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(value as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, value as u8]),
        0x100..=0xffff => put_marked(out, 0xcd, (value as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => put_marked(out, 0xce, (value as u32).to_be_bytes()),
        _ => put_marked(out, 0xcf, value.to_be_bytes()),
    }
}

#[inline]
pub(crate) fn put_float(out: &mut Vec<u8>, value: f64) {
    put_marked(out, 0xcb, value.to_be_bytes());
}

#[inline]
fn put_marked<const N: usize>(out: &mut Vec<u8>, marker: u8, bytes: [u8; N]) {
    out.push(marker);
    out.extend_from_slice(&bytes);
}

/// Writes a string that is known to be valid UTF-8.
#[inline]
pub(crate) fn put_str(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length @ 32..=0xff => out.extend_from_slice(&[0xd9, length as u8]),
        length @ 0x100..=0xffff => put_marked(out, 0xda, (length as u16).to_be_bytes()),
        length => put_marked(out, 0xdb, length_32(length)),
    }
    out.extend_from_slice(text);
}

/// Writes the first `length` bytes, a string that is known to be valid UTF-8.
#[inline]
pub(crate) fn put_short_str<const N: usize>(out: &mut Vec<u8>, bytes: &[u8; N], length: usize) {
    const { assert!(N < 32, "its head is one byte") };
    out.reserve(1 + N);
    out.push(0xa0 | length as u8);
    let end = out.len() + length;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

#[inline]
pub(crate) fn put_bin(out: &mut Vec<u8>, data: &[u8]) {
    put_bin_len(out, data.len());
    out.extend_from_slice(data);
}

/// Writes what stands before so many bytes.
#[inline]
pub(crate) fn put_bin_len(out: &mut Vec<u8>, length: usize) {
    match length {
        length @ 0..=0xff => out.extend_from_slice(&[0xc4, length as u8]),
        length @ 0x100..=0xffff => put_marked(out, 0xc5, (length as u16).to_be_bytes()),
        length => put_marked(out, 0xc6, length_32(length)),
    }
}

/// Writes bytes as a string where they are valid UTF-8, else as binary.
#[inline]
pub(crate) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    if is_ascii(text) || str::from_utf8(text).is_ok() {
        put_str(out, text);
    } else {
        put_bin(out, text);
    }
}

/// As the library's own, which a call makes slow for short texts.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    let (words, _) = text.as_chunks::<8>();
    let Some(last) = text.last_chunk::<8>() else {
        return text.iter().fold(0, |bits, byte| bits | byte) < 0x80;
    };
    let bits = words.iter().fold(0, |bits, word| bits | u64::from_ne_bytes(*word));
    (bits | u64::from_ne_bytes(*last)) & 0x8080_8080_8080_8080 == 0
}

pub(crate) fn put_array_len(out: &mut Vec<u8>, count: u32) {
    match count {
        0..=15 => out.push(0x90 | count as u8),
        16..=0xffff => put_marked(out, 0xdc, (count as u16).to_be_bytes()),
        _ => put_marked(out, 0xdd, count.to_be_bytes()),
    }
}

pub(crate) fn put_map_len(out: &mut Vec<u8>, pairs: u32) {
    match pairs {
        0..=15 => out.push(0x80 | pairs as u8),
        16..=0xffff => put_marked(out, 0xde, (pairs as u16).to_be_bytes()),
        _ => put_marked(out, 0xdf, pairs.to_be_bytes()),
    }
}

fn length_32(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("rows are limited far below 4 GiB").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::model::{self, any_value};

    fn written(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out);
        out
    }

    #[test]
    fn integers_take_the_smallest_form() {
        for (value, bytes) in [
            (0, &[0x00][..]),
            (127, &[0x7f]),
            (128, &[0xcc, 0x80]),
            (256, &[0xcd, 1, 0]),
            (65_536, &[0xce, 0, 1, 0, 0]),
            (1 << 32, &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
            (-1, &[0xff]),
            (-32, &[0xe0]),
            (-33, &[0xd0, 0xdf]),
            (-129, &[0xd1, 0xff, 0x7f]),
            (-32_769, &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
            (i64::MIN, &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let out = written(|out| put_int(out, value));
            assert_eq!(out, bytes, "{value}");
            assert_eq!(head(&out), Ok((Value::Int(value), bytes.len())));
        }
        let out = written(|out| put_uint(out, u64::MAX));
        assert_eq!(head(&out), Ok((Value::UInt(u64::MAX), 9)));
    }

    #[test]
    fn lengths_take_the_smallest_form() {
        for (length, str_head, bin_head) in [
            (0, &[0xa0][..], &[0xc4, 0][..]),
            (31, &[0xbf], &[0xc4, 31]),
            (32, &[0xd9, 32], &[0xc4, 32]),
            (256, &[0xda, 1, 0], &[0xc5, 1, 0]),
            (65_536, &[0xdb, 0, 1, 0, 0], &[0xc6, 0, 1, 0, 0]),
        ] {
            let text = vec![b'x'; length];
            let out = written(|out| put_text(out, &text));
            assert!(out.starts_with(str_head));
            assert_eq!(head(&out), Ok((Value::Str(&text), out.len())));
            let out = written(|out| put_bin(out, &text));
            assert!(out.starts_with(bin_head));
            assert_eq!(head(&out), Ok((Value::Bin(&text), out.len())));
        }
        assert_eq!(written(|out| put_text(out, b"\xff")), [0xc4, 1, 0xff]);
        assert_eq!(written(|out| put_array_len(out, 16)), [0xdc, 0, 16]);
        assert_eq!(written(|out| put_map_len(out, 15)), [0x8f]);
    }

    #[test]
    fn a_missing_column_is_none() {
        let payload = [1, 0x92, 2, 3, 0xa1, b'x'];
        assert_eq!(column(&payload, 2), Ok(Some(&payload[1..4])));
        assert_eq!(column(&payload, 3), Ok(Some(&payload[4..])));
        assert_eq!(column(&payload, 4), Ok(None));
        assert_eq!(column(&payload, 0), Ok(None));
        assert_eq!(validate(&payload), Ok(3));
    }

    #[test]
    fn malformed_bytes_are_refused() {
        assert_eq!(validate(&[]), Err(Malformed::Empty));
        assert_eq!(validate(&[0xc1]), Err(Malformed::Reserved));
        assert_eq!(validate(&[0xa2, b'x']), Err(Malformed::Truncated));
        assert_eq!(validate(&[0xdd, 0xff, 0xff, 0xff, 0xff]), Err(Malformed::Truncated));
        assert_eq!(validate(&[0xc6, 0xff, 0xff, 0xff, 0xff, 0]), Err(Malformed::Truncated));
        let mut nest = vec![0x91; 100];
        nest.push(0xc0);
        assert_eq!(skip(&nest), Ok(101));
        nest.insert(0, 0x91);
        assert_eq!(skip(&nest), Err(Malformed::TooDeep));
    }

    proptest! {
        #[test]
        fn every_cut_of_a_value_is_truncated(value in any_value()) {
            let bytes = model::encode(&value);
            prop_assert_eq!(skip(&bytes), Ok(bytes.len()));
            for end in 0..bytes.len() {
                prop_assert_eq!(skip(&bytes[..end]), Err(Malformed::Truncated));
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut total = 0;
            for column in columns(&bytes).flatten() {
                total += column.len();
            }
            prop_assert!(total <= bytes.len());
        }

        #[test]
        fn our_bytes_are_those_of_rmpv(value in any_value()) {
            let mut theirs = Vec::new();
            rmpv::encode::write_value(&mut theirs, &value).expect("memory takes all");
            prop_assert_eq!(model::encode(&value), theirs);
        }
    }
}
