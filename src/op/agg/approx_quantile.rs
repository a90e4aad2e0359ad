//! `Agg::approx_quantile`: a quantile in little memory.
//!
//! A newcomer's trap: the sketch is a histogram whose bins are fixed, and its counts are integers,
//! so that it does not matter in which pieces the numbers come. (As in C. Masson, J. E. Rim and H.
//! K. Lee, "DDSketch" (2019), with bins of a double's highest bits instead of logarithms.)

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use super::{Accumulate, Agg, Unfit, checked_quantile, no_part, number};
use crate::error::Failure;
use crate::op::Column;
use crate::op::group::GroupTask;
use crate::op::native::malformed;
use crate::plan::named::Arguments;
use crate::row::msgpack::{self, Value};

impl Agg {
    /// A number near a [`quantile`](Agg::quantile) of the numbers in a column, as a float; nil if
    /// there are none. It is at most 0.4 % away from the number whose rank, from 0, is `q · (n - 1)`
    /// rounded down. Integers up to 256 are exact. Takes little memory however many numbers there are:
    /// a few KiB for numbers of similar size, and at most a few MiB.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().range(0..10_001);
    /// let near = rows.aggregate([], [Agg::approx_quantile(1, 0.5)]).collect::<f64>()?;
    /// assert!((near[0] - 5000.0).abs() <= 20.0);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number; a `q` that is not from 0 to 1.
    pub fn approx_quantile(column: impl Into<Column>, q: f64) -> Agg {
        match checked_quantile(q) {
            Ok(q) => {
                Agg::of(column, &ApproxQuantile { q, tally: Tally::default(), bin: Vec::new() })
            }
            Err(failure) => Agg::refused(failure),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct ApproxQuantile {
    q: f64,
    /// The bins.
    #[serde(skip)]
    tally: Tally,
    #[serde(skip)]
    bin: Vec<u8>,
}

impl Arguments for ApproxQuantile {
    const NAME: &str = "approx_quantile";
}

impl fmt::Display for ApproxQuantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "approx_quantile {}", self.q)
    }
}

impl Accumulate for ApproxQuantile {
    fn begin_group(&mut self) {
        self.tally.begin_group();
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        if let Some(number) = number::float(value)? {
            self.bin.clear();
            msgpack::put_float(&mut self.bin, bin_of(number));
            self.tally.add(group, &self.bin)?;
        }
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        self.tally.put_part(group, out);
    }

    fn begin_merging(&mut self, task: &GroupTask<'_>) {
        self.tally.begin_merging(task);
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        self.tally.merge(part)
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let (mut bins, mut count) = (Vec::new(), 0);
        self.tally.take_each(|bin, numbers| {
            let (Value::Float(bin), _) = msgpack::head(bin).map_err(malformed)? else {
                return Err(no_part());
            };
            bins.push((number::ordered_bits(bin), numbers));
            count += numbers;
            Ok(())
        })?;
        bins.sort_unstable();
        let (mut rank, _) = number::rank(self.q, count);
        let bin = bins.iter().find(|(_, numbers)| {
            let here = rank < *numbers;
            rank = rank.saturating_sub(*numbers);
            here
        });
        match bin {
            Some((bin, _)) => msgpack::put_float(out, number::of_ordered_bits(*bin)),
            None => msgpack::put_nil(out),
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.tally.bytes()
    }

    fn largest_part(&self) -> usize {
        self.tally.largest_part()
    }

    fn clear(&mut self) {
        self.tally.clear();
    }
}

/// Bits of a double's fraction that a bin leaves out: 7 are left, and rounding halves the step.
const LEFT_OUT: u32 = 52 - 7;

/// The number for which a bin stands.
#[inline]
fn bin_of(number: f64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    let rounded = (number.to_bits() + (1 << (LEFT_OUT - 1))) >> LEFT_OUT << LEFT_OUT;
    let bin = f64::from_bits(rounded);
    // The last bin of all would be infinite.
    if bin.is_finite() { bin } else { f64::MAX.copysign(number) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_integers_are_their_own_bins() {
        assert!((-256..=256).all(|number| bin_of(f64::from(number)) == f64::from(number)));
        assert_eq!(bin_of(f64::MAX), f64::MAX);
        assert_eq!(bin_of(f64::NEG_INFINITY), f64::NEG_INFINITY);
    }

    proptest! {
        #[test]
        fn a_bin_is_near(number in prop::num::f64::NORMAL, other in prop::num::f64::NORMAL) {
            prop_assert!((bin_of(number) - number).abs() <= number.abs() / 256.0);
            prop_assert!(number > other || bin_of(number) <= bin_of(other));
        }
    }
}
