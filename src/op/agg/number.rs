//! Values that have to be numbers.
//!
//! A newcomer's trap: nil is no number and no mistake.

use super::Unfit;
use crate::row::msgpack::{self, Value};
use crate::row::text::Number;

/// A value as a number; `None` of nil.
#[inline]
pub(super) fn number(value: &[u8]) -> Result<Option<Number>, Unfit> {
    match msgpack::head(value)?.0 {
        Value::Nil => Ok(None),
        Value::Int(number) => Ok(Some(Number::Int(number))),
        Value::UInt(number) => Ok(Some(Number::UInt(number))),
        Value::Float(number) => Ok(Some(Number::Float(number))),
        Value::Str(_) | Value::Bin(_) => Err(Unfit::Text),
        Value::Bool(_) | Value::Array(_) | Value::Map(_) | Value::Ext(..) => Err(Unfit::NoNumber),
    }
}

/// The same as a double.
#[inline]
pub(super) fn float(value: &[u8]) -> Result<Option<f64>, Unfit> {
    Ok(number(value)?.map(|number| match number {
        Number::Int(number) => number as f64,
        Number::UInt(number) => number as f64,
        Number::Float(number) => number,
    }))
}

#[inline]
pub(super) fn is_nil(value: &[u8]) -> bool {
    value == [0xc0]
}

/// A double as bits in the order of values: -0.0 is 0.0, and NaN, whichever, is above all.
#[inline]
pub(super) fn ordered_bits(number: f64) -> u64 {
    let number = if number.is_nan() { f64::NAN.abs() } else { number + 0.0 };
    let bits = number.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

/// The double of [`ordered_bits`].
#[inline]
pub(super) fn of_ordered_bits(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

/// The rank of a quantile among `count` values, from 0, and what lies between that rank and the next.
pub(super) fn rank(q: f64, count: u64) -> (u64, f64) {
    let at = q * count.saturating_sub(1) as f64;
    let rank = (at.floor() as u64).min(count.saturating_sub(1));
    (rank, (at - rank as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_bits_are_in_the_order_of_values() {
        let numbers =
            [f64::NEG_INFINITY, -1e300, -1.0, -5e-324, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
        assert!(numbers.map(ordered_bits).is_sorted());
        assert_eq!(ordered_bits(-0.0), ordered_bits(0.0));
        assert_eq!(ordered_bits(-f64::NAN), ordered_bits(f64::NAN));
        for number in numbers {
            let again = of_ordered_bits(ordered_bits(number));
            assert!(again == number || again.is_nan() && number.is_nan());
        }
    }
}
