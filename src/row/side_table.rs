//! A side table as bytes: a directory of buckets, then the rows, bucket by bucket.
//!
//! A bucket has the rows whose keys' hashes are neighbours, about [`BUCKET_ROWS`] of them, as frames
//! one behind another. So what a lookup waits for is one place in memory: the directory is small
//! enough for the caches, 4 little-endian bytes for each bucket, and one more at its end: where the
//! bucket begins among the rows, in units of 8 bytes. Buckets are in [`PARTS`] parts by the upper
//! bits of the hash, by which a table larger than memory is brought into this order.
//!
//! A newcomer's trap: keys are equal as everywhere, 1 = 1.0 and str = bin, and yet no key bytes are
//! stored: text and numbers are compared as they lie in the row, and hashed by their values.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::frame::LENGTH_BYTES;
use super::key;
use super::msgpack::{self, Malformed, Value};

/// Rows are dealt out to so many parts before they are brought into order.
pub(crate) const PARTS: usize = 256;

/// More would have to be compared, fewer make a larger directory.
const BUCKET_ROWS: u64 = 8;

/// Buckets begin at multiples of this.
const UNIT: usize = 8;

/// Bytes of a bucket's entry in the directory.
const ENTRY_BYTES: usize = 4;

/// So many bytes of rows can be found.
pub(crate) const MOST_BYTES: u64 = (u32::MAX as u64) * UNIT as u64;

/// How a table lies in its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Of each row.
    pub columns: u32,
    /// Buckets of each part.
    pub buckets: u64,
    /// Of directory and rows together.
    pub bytes: u64,
}

/// A key that is looked for.
#[derive(Clone, Copy)]
pub(crate) enum Wanted<'a> {
    Text(&'a [u8]),
    Number(f64),
    /// Any value, encoded.
    Value(&'a [u8]),
}

/// A whole table, wherever its bytes are.
pub(crate) struct SideTable {
    bytes: Bytes,
    shape: Shape,
}

/// Two rows have one key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Twice<'a> {
    pub row: &'a [u8],
}

impl Shape {
    /// For so many rows, none of which is there yet.
    pub(crate) fn of(columns: u32, rows: u64) -> Shape {
        let buckets = rows.div_ceil(PARTS as u64 * BUCKET_ROWS).max(1);
        let mut shape = Shape { columns, buckets, bytes: 0 };
        shape.bytes = shape.rows_at();
        shape
    }

    /// Where the rows begin.
    pub(crate) fn rows_at(&self) -> u64 {
        let entries = PARTS as u64 * self.buckets + 1;
        (entries * ENTRY_BYTES as u64).next_multiple_of(UNIT as u64)
    }

    /// Where the entries of a part begin.
    pub(crate) fn entries_at(&self, part: usize) -> u64 {
        part as u64 * self.buckets * ENTRY_BYTES as u64
    }

    #[inline]
    fn bucket(&self, hash: u64) -> u64 {
        ((u128::from(hash << PARTS.ilog2()) * u128::from(self.buckets)) >> 64) as u64
    }

    /// Brings the rows of a part into order, and puts them behind those of the parts before it: what
    /// is to be appended to the directory, and to the rows.
    pub(crate) fn arrange<'a>(&mut self, part: &'a [u8]) -> Result<(Vec<u8>, Vec<u8>), Twice<'a>> {
        let mut rows = Vec::new();
        let mut at = 0;
        while let Some(row) = row_at(part, at) {
            at += LENGTH_BYTES + row.len();
            if let Some(hash) = Wanted::of(row).hash() {
                rows.push((self.bucket(hash), hash, row));
            }
        }
        // It is stable: rows of a bucket keep their order.
        rows.sort_by_key(|(bucket, ..)| *bucket);
        let (mut entries, mut ordered) = (Vec::new(), Vec::with_capacity(part.len()));
        let mut rest = &rows[..];
        for bucket in 0..self.buckets {
            let unit = (self.bytes - self.rows_at()) as usize / UNIT + ordered.len() / UNIT;
            entries.extend_from_slice(&(unit as u32).to_le_bytes());
            let count = rest.iter().take_while(|(its, ..)| *its == bucket).count();
            let (here, behind) = rest.split_at(count);
            rest = behind;
            for (nth, (_, hash, row)) in here.iter().enumerate() {
                let is_same = |(_, other_hash, other): &(u64, u64, &[u8])| {
                    other_hash == hash && Wanted::of(row).is(other).is_some()
                };
                if here[..nth].iter().any(is_same) {
                    return Err(Twice { row });
                }
                ordered.extend_from_slice(&(row.len() as u32).to_le_bytes());
                ordered.extend_from_slice(row);
            }
            ordered.resize(ordered.len().next_multiple_of(UNIT), 0);
        }
        self.bytes += ordered.len() as u64;
        Ok((entries, ordered))
    }

    /// The end of the directory, once all parts have been arranged.
    pub(crate) fn last_entry(&self) -> [u8; ENTRY_BYTES] {
        (((self.bytes - self.rows_at()) / UNIT as u64) as u32).to_le_bytes()
    }
}

/// Which part a row belongs to; `None` for a row whose key is nil, which nothing finds.
pub(crate) fn part_of(row: &[u8]) -> Option<usize> {
    Wanted::of(row).hash().map(part)
}

#[inline]
fn part(hash: u64) -> usize {
    (hash >> (64 - PARTS.ilog2())) as usize
}

impl SideTable {
    /// Of bytes that were made so.
    pub(crate) fn new(bytes: Bytes, shape: Shape) -> SideTable {
        SideTable { bytes, shape }
    }

    /// Of frames, of rows of so many columns.
    #[cfg(test)]
    pub(crate) fn of_frames(columns: u32, frames: &[u8]) -> Result<SideTable, Vec<u8>> {
        let rows: Vec<&[u8]> =
            super::layout::Rows::frames(frames).each().map(Result::unwrap).collect();
        SideTable::of_shape(Shape::of(columns, rows.len() as u64), &rows)
    }

    #[cfg(test)]
    fn of_shape(mut shape: Shape, rows: &[&[u8]]) -> Result<SideTable, Vec<u8>> {
        let mut parts = vec![Vec::new(); PARTS];
        for row in rows {
            if let Some(part) = part_of(row) {
                super::frame::put(&mut parts[part], row).unwrap();
            }
        }
        let (mut directory, mut all) = (Vec::new(), Vec::new());
        for part in &parts {
            let (entries, mut rows) = shape.arrange(part).map_err(|twice| twice.row.to_vec())?;
            directory.extend(entries);
            all.append(&mut rows);
        }
        directory.extend(shape.last_entry());
        directory.resize(shape.rows_at() as usize, 0);
        directory.append(&mut all);
        assert_eq!(directory.len() as u64, shape.bytes);
        Ok(SideTable::new(directory.into(), shape))
    }

    /// How many columns each row has.
    pub(crate) fn columns(&self) -> u32 {
        self.shape.columns
    }

    /// The columns behind the key, of the row that has it.
    #[inline]
    pub(crate) fn find(&self, wanted: Wanted<'_>) -> Option<&[u8]> {
        let hash = wanted.hash()?;
        let bucket = part(hash) as u64 * self.shape.buckets + self.shape.bucket(hash);
        let entries: &[u8; 2 * ENTRY_BYTES] =
            self.bytes.get(bucket as usize * ENTRY_BYTES..)?.first_chunk()?;
        let [from, to] = [0, ENTRY_BYTES].map(|at| {
            let entry = *entries[at..].first_chunk().expect("there are two");
            u32::from_le_bytes(entry) as usize * UNIT
        });
        let rows = self.bytes.get(self.shape.rows_at() as usize..)?.get(from..to)?;
        let mut at = 0;
        while let Some(row) = row_at(rows, at) {
            if let Some(key_bytes) = wanted.is(row) {
                return Some(&row[key_bytes..]);
            }
            at += LENGTH_BYTES + row.len();
        }
        None
    }
}

/// The row whose frame begins here; none is empty, so what fills a bucket up is none.
#[inline]
fn row_at(rows: &[u8], at: usize) -> Option<&[u8]> {
    let rest = rows.get(at..)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    rest.get(LENGTH_BYTES..LENGTH_BYTES + length).filter(|row| !row.is_empty())
}

impl<'a> Wanted<'a> {
    /// The key of a row, which has one.
    fn of(row: &'a [u8]) -> Wanted<'a> {
        match msgpack::head(row) {
            Ok((Value::Str(text) | Value::Bin(text), _)) => Wanted::Text(text),
            Ok((Value::Float(number), _)) => Wanted::Number(number),
            _ => Wanted::Value(&row[..msgpack::skip(row).unwrap_or(row.len())]),
        }
    }

    /// `None` for nil, which is nobody's key.
    #[inline]
    fn hash(&self) -> Option<u64> {
        Some(match self {
            Wanted::Text(text) => key::hash(text),
            Wanted::Number(number) => number_hash(*number),
            Wanted::Value(value) => match msgpack::head(value).ok()?.0 {
                Value::Nil => return None,
                Value::Str(text) | Value::Bin(text) => key::hash(text),
                Value::Int(number) => number_hash(number as f64),
                Value::UInt(number) => number_hash(number as f64),
                Value::Float(number) => number_hash(number),
                _ => {
                    let mut bytes = Vec::new();
                    key::append(&mut bytes, value).ok()?;
                    key::hash(&bytes)
                }
            },
        })
    }

    /// Whether it is the row's key, and how many bytes that takes there.
    #[inline]
    fn is(&self, row: &[u8]) -> Option<usize> {
        let (there, used) = msgpack::head(row).ok()?;
        match (*self, there) {
            (Wanted::Text(text), Value::Str(key) | Value::Bin(key)) => {
                same_text(text, key).then_some(used)
            }
            (Wanted::Text(_), _) => None,
            (Wanted::Number(number), Value::Float(key)) => {
                (number == key || (number.is_nan() && key.is_nan())).then_some(used)
            }
            (Wanted::Number(number), Value::Int(key)) => {
                is_integer(number, i128::from(key)).then_some(used)
            }
            (Wanted::Number(number), Value::UInt(key)) => {
                is_integer(number, i128::from(key)).then_some(used)
            }
            (Wanted::Number(_), _) => None,
            (Wanted::Value(value), _) => same(value, row).ok().flatten(),
        }
    }
}

/// Keys are mostly short: two overlapping words are compared sooner than a function is called.
#[inline]
fn same_text(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        0..=3 => one.iter().eq(other),
        4..=7 => ends::<4>(one) == ends::<4>(other),
        8..=16 => ends::<8>(one) == ends::<8>(other),
        _ => ends::<8>(one) == ends::<8>(other) && one == other,
    }
}

#[inline]
fn ends<const N: usize>(text: &[u8]) -> (Option<&[u8; N]>, Option<&[u8; N]>) {
    (text.first_chunk(), text.last_chunk())
}

/// Whether a value is the first one of a row, and how many bytes that takes.
fn same(value: &[u8], row: &[u8]) -> Result<Option<usize>, Malformed> {
    let used = msgpack::skip(row)?;
    let (mut one, mut other) = (Vec::new(), Vec::new());
    key::append(&mut one, value)?;
    key::append(&mut other, &row[..used])?;
    Ok((one == other).then_some(used))
}

#[inline]
fn is_integer(number: f64, key: i128) -> bool {
    number.fract() == 0.0 && number as i128 == key
}

/// Equal numbers have equal hashes: an integer has that of the nearest double.
#[inline]
fn number_hash(number: f64) -> u64 {
    if number.is_nan() {
        return 0x7ff8;
    }
    // Adding a positive zero turns -0.0 into 0.0.
    let mut x = (number + 0.0).to_bits();
    x = (x ^ (x >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::frame::put;
    use crate::row::model;

    /// A table of keys with their numbers, from 0, as values.
    fn table(keys: &[rmpv::Value]) -> Result<SideTable, Vec<u8>> {
        let mut frames = Vec::new();
        for (key, number) in keys.iter().zip(0_u64..) {
            put(&mut frames, &[model::encode(key), model::encode(&number.into())].concat())
                .unwrap();
        }
        SideTable::of_frames(2, &frames)
    }

    /// The number of a key.
    fn number(table: &SideTable, key: &rmpv::Value) -> Option<u64> {
        let encoded = model::encode(key);
        let found = table.find(Wanted::Value(&encoded));
        let text =
            key.as_slice().map(Wanted::Text).or(key.as_str().map(|it| Wanted::Text(it.as_bytes())));
        let exact =
            matches!(key, rmpv::Value::F64(_)) || key.as_i64().is_some_and(|it| it.abs() < 1 << 53);
        let other = text.or(key.as_f64().filter(|_| exact).map(Wanted::Number));
        if let Some(other) = other {
            assert_eq!(table.find(other), found, "{key}");
        }
        found.map(|columns| rmpv::decode::read_value(&mut &columns[..]).unwrap().as_u64().unwrap())
    }

    #[test]
    fn keys_are_found_by_value() {
        let keys: Vec<rmpv::Value> = vec![
            1.into(),
            "1".into(),
            rmpv::Value::Binary(b"a\0".to_vec()),
            f64::NAN.into(),
            true.into(),
            (u64::MAX).into(),
            (1_i64 << 53).into(),
            ((1_i64 << 53) + 1).into(),
            rmpv::Value::Array(vec![1.into()]),
            rmpv::Value::Nil,
            0.into(),
            1.5.into(),
        ];
        let table = table(&keys).unwrap();
        for (key, nth) in [
            (1.0.into(), Some(0)),
            ("1".into(), Some(1)),
            ("a\0".into(), Some(2)),
            ((-f64::NAN).into(), Some(3)),
            (true.into(), Some(4)),
            (false.into(), None),
            (u64::MAX.into(), Some(5)),
            ((u64::MAX as f64).into(), None),
            (((1_i64 << 53) as f64).into(), Some(6)),
            (((1_i64 << 53) + 1).into(), Some(7)),
            (rmpv::Value::Array(vec![1.0.into()]), Some(8)),
            (rmpv::Value::Nil, None),
            ((-0.0).into(), Some(10)),
            (1.5.into(), Some(11)),
            (2.into(), None),
            ("a".into(), None),
        ] {
            assert_eq!(number(&table, &key), nth, "{key}");
        }
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_with_its_row() {
        let twice = table(&[1.into(), 2.into(), 1.0.into()]).err().unwrap();
        assert_eq!(twice, [model::encode(&1.0.into()), vec![2]].concat());
        // A nil is nobody's key.
        assert!(table(&[rmpv::Value::Nil, rmpv::Value::Nil]).is_ok());
    }

    #[test]
    fn rows_are_found_whatever_the_number_of_buckets() {
        let rows: Vec<Vec<u8>> = (0..3000_u64)
            .map(|nth| [model::encode(&nth.into()), model::encode(&nth.into())].concat())
            .collect();
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        for buckets in [1, 3, 50] {
            let shape = Shape { buckets, ..Shape::of(2, 0) };
            let shape = Shape { bytes: shape.rows_at(), ..shape };
            let table = SideTable::of_shape(shape, &rows).unwrap();
            assert!((0..3000).all(|nth| number(&table, &nth.into()) == Some(nth)));
            assert!((3000..9000).all(|nth: u64| number(&table, &nth.into()).is_none()));
        }
        assert_eq!(Shape::of(2, 1_000_000).buckets, 489);
    }

    proptest! {
        #[test]
        fn any_keys_are_found(keys in prop::collection::vec(model::any_value(), 0..40), other in model::any_value()) {
            let mut different: Vec<rmpv::Value> = Vec::new();
            for key in keys {
                if different.iter().all(|known| model::compare(known, &key).is_ne()) {
                    different.push(key);
                }
            }
            let table = table(&different).unwrap();
            for (key, nth) in different.iter().zip(0..).chain([(&other, 99)]) {
                let same = |known: &rmpv::Value| model::compare(known, key).is_eq() && !key.is_nil();
                let expected = different.iter().position(same).map(|nth| nth as u64);
                prop_assert_eq!(number(&table, key), expected, "{} {}", key, nth);
            }
        }
    }
}
