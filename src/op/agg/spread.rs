//! `Agg::var`, `Agg::stddev`: how far the numbers of a column lie from their average.
//!
//! A newcomer's trap: squares are never added up, since what is wanted is often the small
//! difference of two large ones. Values are added as by B. P. Welford, "Note on a method for
//! calculating corrected sums of squares and products" (1962), and groups as by T. F. Chan, G. H.
//! Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
//! variances" (1979).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::count::count_of;
use super::{Accumulate, Agg, Unfit, no_part, number};
use crate::error::Failure;
use crate::op::Column;
use crate::plan::named::Arguments;
use crate::row::msgpack::{self, Value};

impl Agg {
    /// The variance of the numbers in a column, as of a sample: the sum of squared distances from
    /// the average, divided by one less than there are numbers (`var_samp` in SQL). Nil for fewer
    /// than two numbers. For any number of workers it is the same, as in [`Agg::sum`].
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([1, 2, 3, 4, 5]);
    /// assert_eq!(rows.aggregate([], [Agg::var(1)]).collect::<f64>()?, [2.5]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number.
    pub fn var(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Spread { root: false, moments: Vec::new() })
    }

    /// The standard deviation of the numbers in a column, as of a sample: the root of
    /// [`Agg::var`].
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([2, 6, 10]);
    /// assert_eq!(rows.aggregate([], [Agg::stddev(1)]).collect::<f64>()?, [4.0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number.
    pub fn stddev(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Spread { root: true, moments: Vec::new() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Spread {
    /// The root is asked for.
    root: bool,
    #[serde(skip)]
    moments: Vec<Moments>,
}

#[derive(Clone, Copy, Default)]
struct Moments {
    count: u64,
    mean: f64,
    /// The sum of squared distances from the mean.
    squares: f64,
}

impl Moments {
    #[inline]
    fn add(&mut self, number: f64) {
        self.count += 1;
        let before = number - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (number - self.mean);
    }

    fn merge(&mut self, other: Moments) {
        if self.count == 0 || other.count == 0 {
            if self.count == 0 {
                *self = other;
            }
            return;
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        let share = other.count as f64 / count as f64;
        self.squares += other.squares + apart * apart * self.count as f64 * share;
        self.mean += apart * share;
        self.count = count;
    }
}

impl Arguments for Spread {
    const NAME: &str = "spread";
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.root { "stddev" } else { "var" })
    }
}

impl Accumulate for Spread {
    fn begin_group(&mut self) {
        self.moments.push(Moments::default());
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        if let Some(number) = number::float(value)? {
            self.moments[group].add(number);
        }
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        let Moments { count, mean, squares } = self.moments[group];
        msgpack::put_array_len(out, 3);
        msgpack::put_uint(out, count);
        msgpack::put_float(out, mean);
        msgpack::put_float(out, squares);
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let Ok((Value::Array(3), at)) = msgpack::head(part) else { return Err(no_part()) };
        let mut rest = &part[at..];
        let count = count_of(rest)?;
        rest = &rest[msgpack::skip(rest).map_err(|_| no_part())?..];
        let mut float = || match msgpack::head(rest) {
            Ok((Value::Float(number), used)) => {
                rest = &rest[used..];
                Ok(number)
            }
            _ => Err(no_part()),
        };
        let (mean, squares) = (float()?, float()?);
        self.moments[0].merge(Moments { count, mean, squares });
        Ok(())
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Moments { count, squares, .. } = self.moments[0];
        if count < 2 {
            msgpack::put_nil(out);
        } else {
            let variance = squares / (count - 1) as f64;
            msgpack::put_float(out, if self.root { variance.sqrt() } else { variance });
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.moments[..])
    }

    fn clear(&mut self) {
        self.moments.clear();
    }
}
