//! Key bytes: values written so that comparing the bytes compares the values.
//!
//! The order is nil < false < true < numbers by value < NaN < strings by bytes < arrays < maps <
//! extensions. Each value's bytes are self-delimiting, so columns are simply written one behind
//! another. The format is normative: partition numbers are computed from it.
//!
//! A newcomer's trap: key bytes cannot be turned back into values (1 and 1.0 are the same key);
//! the row travels beside its key.

use memchr::memchr;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::missing::Missing;
use super::msgpack::{self, DEPTH_LIMIT, Malformed, Value};
use super::text::parse_number;
use crate::error::{ErrorKind, Failure};

/// Ends arrays, maps and whole rows; below every tag, so that the shorter comes first.
const END: u8 = 0;
const NIL: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const NUMBER: u8 = 4;
const NAN: u8 = 5;
const STRING: u8 = 6;
const ARRAY: u8 = 7;
const MAP: u8 = 8;
const EXT: u8 = 9;

/// One column of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyColumn {
    /// Counted from 1; [`WHOLE_ROW`] stands for all columns in order.
    pub column: u32,
    pub descending: bool,
    /// Text that reads as a number is ordered as that number.
    pub numeric: bool,
}

impl KeyColumn {
    /// A column by the order of values.
    pub(crate) fn ascending(column: u32) -> KeyColumn {
        KeyColumn { column, descending: false, numeric: false }
    }
}

/// `KeyColumn::column` of an order over all columns of the row.
pub(crate) const WHOLE_ROW: u32 = 0;

/// Appends the key bytes of one value.
#[inline]
pub(crate) fn append(out: &mut Vec<u8>, value: &[u8]) -> Result<(), Malformed> {
    if append_first(out, value, 0)? == value.len() { Ok(()) } else { Err(Malformed::Trailing) }
}

/// Appends the key bytes of one value, text that reads as a number as that number.
pub(crate) fn append_numeric(out: &mut Vec<u8>, value: &[u8]) -> Result<(), Malformed> {
    let (head, used) = msgpack::head(value)?;
    let (Value::Str(text) | Value::Bin(text)) = head else {
        return append(out, value);
    };
    if used != value.len() {
        return Err(Malformed::Trailing);
    }
    append_numeric_text(out, text);
    Ok(())
}

/// Appends the key bytes of text that reads as a number, or of the text.
pub(super) fn append_numeric_text(out: &mut Vec<u8>, text: &[u8]) {
    match parse_number(text) {
        Some(number) => put_scalar(out, number.value()),
        None => append_text(out, text),
    }
}

/// Appends the key bytes of a string.
#[inline]
pub(super) fn append_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(STRING);
    put_escaped(out, text);
}

/// Ends the key bytes of a whole row, so that of two rows with equal beginnings the shorter comes
/// first.
pub(super) fn end_row(out: &mut Vec<u8>) {
    out.push(END);
}

/// The hash of key bytes, from which partition numbers are computed: XXH3-64 with seed 0.
#[inline]
pub(crate) fn hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Appends the key bytes of a row under an order.
#[inline]
pub(crate) fn append_row_key(
    out: &mut Vec<u8>,
    payload: &[u8],
    order: &[KeyColumn],
) -> Result<(), Failure> {
    // Invariant: `rest` begins with the column numbered `next`.
    let (mut rest, mut next) = (payload, 1);
    for part in order {
        if part.column == WHOLE_ROW {
            append_whole_row(out, payload, *part).map_err(damaged)?;
            continue;
        }
        if part.column < next {
            (rest, next) = (payload, 1);
        }
        while next < part.column && !rest.is_empty() {
            rest = &rest[msgpack::skip(rest).map_err(damaged)?..];
            next += 1;
        }
        let start = out.len();
        if rest.is_empty() {
            return Err(Missing { column: part.column, width: next - 1 }.into());
        } else if part.numeric {
            let length = msgpack::skip(rest).map_err(damaged)?;
            append_numeric(out, &rest[..length]).map_err(damaged)?;
            (rest, next) = (&rest[length..], next + 1);
        } else {
            let length = append_first(out, rest, 0).map_err(damaged)?;
            (rest, next) = (&rest[length..], next + 1);
        }
        if part.descending {
            complement(&mut out[start..]);
        }
    }
    Ok(())
}

#[cold]
fn damaged(error: Malformed) -> Failure {
    Failure::new(ErrorKind::Row, error.to_string())
}

fn append_whole_row(out: &mut Vec<u8>, payload: &[u8], part: KeyColumn) -> Result<(), Malformed> {
    let start = out.len();
    for column in msgpack::columns(payload) {
        if part.numeric {
            append_numeric(out, column?)?;
        } else {
            append(out, column?)?;
        }
    }
    end_row(out);
    if part.descending {
        complement(&mut out[start..]);
    }
    Ok(())
}

pub(super) fn complement(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}

/// Appends the first of the values; the bytes it took.
#[inline]
fn append_first(out: &mut Vec<u8>, bytes: &[u8], depth: u32) -> Result<usize, Malformed> {
    let (value, used) = msgpack::head(bytes)?;
    match value {
        Value::Array(count) => append_array(out, bytes, used, count, depth + 1),
        Value::Map(count) => append_map(out, bytes, used, count, depth + 1),
        scalar => {
            put_scalar(out, scalar);
            Ok(used)
        }
    }
}

fn append_array(
    out: &mut Vec<u8>,
    bytes: &[u8],
    mut at: usize,
    count: u32,
    depth: u32,
) -> Result<usize, Malformed> {
    if depth > DEPTH_LIMIT {
        return Err(Malformed::TooDeep);
    }
    out.push(ARRAY);
    for _ in 0..count {
        at += append_first(out, &bytes[at..], depth)?;
    }
    out.push(END);
    Ok(at)
}

/// A map is the list of its entries sorted by key, so that the order in which they were written
/// does not matter.
fn append_map(
    out: &mut Vec<u8>,
    bytes: &[u8],
    mut at: usize,
    count: u32,
    depth: u32,
) -> Result<usize, Malformed> {
    if depth > DEPTH_LIMIT {
        return Err(Malformed::TooDeep);
    }
    out.push(MAP);
    let mut unsorted = Vec::new();
    let mut entries = Vec::new();
    for _ in 0..count {
        let start = unsorted.len();
        at += append_first(&mut unsorted, &bytes[at..], depth)?;
        at += append_first(&mut unsorted, &bytes[at..], depth)?;
        entries.push(start..unsorted.len());
    }
    // Keys are prefix-free, so comparing whole entries compares the keys first.
    entries.sort_unstable_by(|a, b| unsorted[a.clone()].cmp(&unsorted[b.clone()]));
    for entry in entries {
        out.extend_from_slice(&unsorted[entry]);
    }
    out.push(END);
    Ok(at)
}

#[inline]
fn put_scalar(out: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Nil => out.push(NIL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(number) => put_integer(out, i128::from(number), number as f64),
        Value::UInt(number) => put_integer(out, i128::from(number), number as f64),
        Value::Float(number) if number.is_nan() => out.push(NAN),
        Value::Float(number) => put_number(out, number, 0),
        Value::Str(text) | Value::Bin(text) => append_text(out, text),
        Value::Ext(kind, data) => {
            out.extend_from_slice(&[EXT, kind as u8 ^ 0x80]);
            put_escaped(out, data);
        }
        Value::Array(_) | Value::Map(_) => unreachable!("containers are written by append_first"),
    }
}

/// An integer is the greatest double that is not above it, and its distance from that double:
/// below 2^11, the spacing of doubles under 2^64.
#[inline]
fn put_integer(out: &mut Vec<u8>, number: i128, nearest: f64) {
    let below = if nearest as i128 > number { nearest.next_down() } else { nearest };
    put_number(out, below, (number - below as i128) as u16);
}

/// A double in an order of its bits, and what an integer has above it.
#[inline]
fn put_number(out: &mut Vec<u8>, number: f64, above: u16) {
    // Adding a positive zero turns -0.0 into 0.0.
    let bits = (number + 0.0).to_bits();
    let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    let mut bytes = [NUMBER; 11];
    bytes[1..9].copy_from_slice(&ordered.to_be_bytes());
    bytes[9..].copy_from_slice(&above.to_be_bytes());
    out.extend_from_slice(&bytes);
}

/// Text ended by 00 00; a 00 within is 00 ff, so that the end comes before whatever goes on.
#[inline]
fn put_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(zero) = memchr(0, rest) {
        out.extend_from_slice(&rest[..zero]);
        out.extend_from_slice(&[0, 0xff]);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(&[0, 0]);
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::*;

    use super::*;
    use crate::row::model::{self, any_value};

    fn key(value: &rmpv::Value) -> Vec<u8> {
        let mut out = Vec::new();
        append(&mut out, &model::encode(value)).expect("the model writes whole values");
        out
    }

    fn part(column: u32) -> KeyColumn {
        KeyColumn { column, descending: false, numeric: false }
    }

    fn row_key(payload: &[u8], order: &[KeyColumn]) -> Vec<u8> {
        let mut out = Vec::new();
        append_row_key(&mut out, payload, order).expect("the payload is well formed");
        out
    }

    fn floats(number: f64) -> rmpv::Value {
        rmpv::Value::F64(number)
    }

    #[test]
    fn key_bytes_are_these() {
        let one = [4, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0, 0];
        let minus_one = [4, 0x40, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
        let greatest = [4, 0xc3, 0xef, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07, 0xff];
        for (value, bytes) in [
            (rmpv::Value::Nil, &[1][..]),
            (false.into(), &[2]),
            (true.into(), &[3]),
            (1.into(), &one),
            (floats(1.0), &one),
            ((-1).into(), &minus_one),
            (floats(-0.0), &[4, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (u64::MAX.into(), &greatest),
            (floats(-f64::NAN), &[5]),
            ("a\0b".into(), &[6, b'a', 0, 0xff, b'b', 0, 0]),
            (rmpv::Value::Binary(vec![b'a', 0, b'b']), &[6, b'a', 0, 0xff, b'b', 0, 0]),
            (rmpv::Value::Array(vec![true.into(), "x".into()]), &[7, 3, 6, b'x', 0, 0, 0]),
            (
                rmpv::Value::Map(vec![("b".into(), true.into()), ("a".into(), false.into())]),
                &[8, 6, b'a', 0, 0, 2, 6, b'b', 0, 0, 3, 0],
            ),
            (rmpv::Value::Ext(-1, vec![9]), &[9, 0x7f, 9, 0, 0]),
        ] {
            assert_eq!(key(&value), bytes, "{value}");
        }
    }

    #[test]
    fn hashes_are_those_of_the_reference_xxh3() {
        assert_eq!(hash(&key(&1.into())), 0xa59d_f0b0_1281_c97d);
        assert_eq!(hash(&key(&"fox".into())), 0x7f74_c172_6938_b765);
    }

    #[test]
    fn a_row_key_takes_columns_in_any_order() {
        let payload = [0xc3, 0xa1, b'x', 0xc2];
        assert_eq!(row_key(&payload, &[part(3), part(1)]), [FALSE, TRUE]);
        assert_eq!(row_key(&payload, &[part(2), part(2)]), [6, b'x', 0, 0, 6, b'x', 0, 0]);
        let missing = append_row_key(&mut Vec::new(), &payload, &[part(1), part(9)]);
        let message = missing.expect_err("there is no column 9").message;
        assert_eq!(message, "there is no column 9: the row has 3 columns");
        assert_eq!(row_key(&payload, &[part(WHOLE_ROW)]), [TRUE, 6, b'x', 0, 0, FALSE, END]);
        let down = KeyColumn { descending: true, ..part(1) };
        assert_eq!(row_key(&payload, &[down, part(3)]), [!TRUE, FALSE]);
    }

    #[test]
    fn a_shorter_row_comes_first() {
        let [short, long] = [&[7][..], &[7, 0xc0]];
        let whole = part(WHOLE_ROW);
        assert!(row_key(short, &[whole]) < row_key(long, &[whole]));
        let down = KeyColumn { descending: true, ..whole };
        assert!(row_key(short, &[down]) > row_key(long, &[down]));
    }

    #[test]
    fn numeric_text_is_ordered_as_its_number() {
        let numeric = |value: rmpv::Value| {
            row_key(&model::encode(&value), &[KeyColumn { numeric: true, ..part(1) }])
        };
        assert_eq!(numeric(" 10 ".into()), key(&10.into()));
        assert_eq!(numeric("1e1".into()), key(&10.into()));
        assert!(numeric("9".into()) < numeric("10".into()));
        assert!(numeric("10".into()) < numeric("ten".into()));
        assert_eq!(numeric("ten".into()), key(&"ten".into()));
    }

    #[test]
    fn malformed_values_have_no_key() {
        let mut out = Vec::new();
        assert_eq!(append(&mut out, &[1, 2]), Err(Malformed::Trailing));
        assert_eq!(append(&mut out, &[0x91]), Err(Malformed::Truncated));
        assert_eq!(append(&mut out, &[0x91; 200]), Err(Malformed::TooDeep));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn bytes_are_ordered_as_values(a in any_value(), b in any_value()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), model::compare(&a, &b));
        }

        #[test]
        fn numbers_are_ordered_exactly(a in model::any_scalar(), b in model::any_scalar()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), model::compare(&a, &b));
        }

        #[test]
        fn two_columns_are_ordered_one_after_the_other(
            a in [model::any_scalar(), model::any_scalar()],
            b in [model::any_scalar(), model::any_scalar()],
            descending in any::<bool>(),
        ) {
            let order = [KeyColumn { descending, ..part(1) }, part(2)];
            let bytes = |row: &[rmpv::Value; 2]| {
                row_key(&[model::encode(&row[0]), model::encode(&row[1])].concat(), &order)
            };
            let mut first = model::compare(&a[0], &b[0]);
            if descending {
                first = first.reverse();
            }
            let expected: Ordering = first.then_with(|| model::compare(&a[1], &b[1]));
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), expected);
        }

        #[test]
        fn any_bytes_are_keyed_without_panic(bytes: Vec<u8>) {
            let _ = append(&mut Vec::new(), &bytes);
            let _ = append_row_key(&mut Vec::new(), &bytes, &[part(2), part(WHOLE_ROW)]);
        }
    }
}
