//! Sums by group: integers exactly, floats apart from them.
//!
//! A newcomer's trap: integers are summed in 128 bits, so that a sum may go beyond 64 bits and come
//! back. Only who wants to see it as an integer minds.

use super::{Unfit, no_part, number};
use crate::error::Failure;
use crate::row::msgpack::{self, Value};
use crate::row::text::Number;

#[derive(Default)]
pub(super) struct Sums {
    integers: Vec<i128>,
    /// A group without floats has none.
    floats: Vec<Option<f64>>,
    /// Whether there is a value at all.
    some: Vec<bool>,
}

/// What values add up to.
pub(super) enum Total {
    Nothing,
    Integer(i128),
    Float(f64),
}

impl Total {
    /// The sum as a double.
    pub(super) fn float(self) -> Option<f64> {
        match self {
            Total::Nothing => None,
            Total::Integer(sum) => Some(sum as f64),
            Total::Float(sum) => Some(sum),
        }
    }
}

impl Sums {
    pub(super) fn begin_group(&mut self) {
        self.integers.push(0);
        self.floats.push(None);
        self.some.push(false);
    }

    /// Whether there was a number to add.
    #[inline]
    pub(super) fn add(&mut self, group: usize, value: &[u8]) -> Result<bool, Unfit> {
        match number::number(value)? {
            None => return Ok(false),
            Some(Number::Int(number)) => self.integers[group] += i128::from(number),
            Some(Number::UInt(number)) => self.integers[group] += i128::from(number),
            Some(Number::Float(number)) => add_float(&mut self.floats[group], number),
        }
        self.some[group] = true;
        Ok(true)
    }

    /// A part is nil, or an integer, or a float, or a list: the bytes of an integer, then a float
    /// unless there is none.
    pub(super) fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        if !self.some[group] {
            return msgpack::put_nil(out);
        }
        match (self.integers[group], self.floats[group]) {
            (sum, None) if i64::try_from(sum).is_ok() => msgpack::put_int(out, sum as i64),
            (0, Some(sum)) => msgpack::put_float(out, sum),
            (sum, float) => {
                msgpack::put_array_len(out, 1 + u32::from(float.is_some()));
                msgpack::put_bin(out, &sum.to_le_bytes());
                float.into_iter().for_each(|sum| msgpack::put_float(out, sum));
            }
        }
    }

    #[inline]
    pub(super) fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        match msgpack::head(part).map_err(|_| no_part())? {
            (Value::Nil, _) => return Ok(()),
            (Value::Int(sum), _) => self.integers[0] += i128::from(sum),
            (Value::Float(sum), _) => add_float(&mut self.floats[0], sum),
            (Value::Array(count), at) => {
                let (integer, used) = msgpack::head(&part[at..]).map_err(|_| no_part())?;
                let Value::Bin(sum) = integer else { return Err(no_part()) };
                self.integers[0] += i128::from_le_bytes(sum.try_into().map_err(|_| no_part())?);
                if count == 2 {
                    let Ok((Value::Float(sum), _)) = msgpack::head(&part[at + used..]) else {
                        return Err(no_part());
                    };
                    add_float(&mut self.floats[0], sum);
                }
            }
            _ => return Err(no_part()),
        }
        self.some[0] = true;
        Ok(())
    }

    /// What the values of group 0 add up to.
    pub(super) fn total(&self) -> Total {
        match (self.some[0], self.floats[0]) {
            (false, _) => Total::Nothing,
            (true, None) => Total::Integer(self.integers[0]),
            (true, Some(sum)) => Total::Float(sum + self.integers[0] as f64),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.some.len() * (size_of::<i128>() + size_of::<Option<f64>>() + 1)
    }

    pub(super) fn clear(&mut self) {
        self.integers.clear();
        self.floats.clear();
        self.some.clear();
    }
}

#[inline]
fn add_float(sum: &mut Option<f64>, number: f64) {
    *sum = Some(sum.map_or(number, |sum| sum + number));
}
