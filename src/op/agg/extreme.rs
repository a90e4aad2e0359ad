//! `Agg::min`, `Agg::max`: the least and the greatest value of a column.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::slots::Slots;
use super::{Accumulate, Agg, Unfit, number};
use crate::error::Failure;
use crate::op::Column;
use crate::op::native::malformed;
use crate::plan::named::Arguments;
use crate::row::key;
use crate::row::msgpack;

impl Agg {
    /// The least value in a column by the order of values, which [`Sort`](crate::Sort) tells:
    /// values of any kind may be compared, and NaN is above all other numbers. Nil if there is no
    /// other value. Of values that are equal, such as 1 and 1.0, it is the first.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().lines(["pear", "apple"]);
    /// assert_eq!(rows.aggregate([], [Agg::min(1)]).collect::<String>()?, ["apple"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn min(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Extreme::new(false))
    }

    /// The greatest value in a column: see [`Agg::min`].
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([(1, 0.5), (2, 3.0), (3, 1.5)]);
    /// assert_eq!(rows.aggregate([], [Agg::max(2)]).collect::<f64>()?, [3.0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn max(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Extreme::new(true))
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Extreme {
    greatest: bool,
    #[serde(skip)]
    values: Slots,
    /// The key bytes of the values, and of the one that is looked at.
    #[serde(skip)]
    keys: Slots,
    #[serde(skip)]
    key: Vec<u8>,
}

impl Extreme {
    fn new(greatest: bool) -> Extreme {
        Extreme { greatest, values: Slots::default(), keys: Slots::default(), key: Vec::new() }
    }

    #[inline]
    fn see(&mut self, group: usize, value: &[u8]) -> Result<(), msgpack::Malformed> {
        if number::is_nil(value) {
            return Ok(());
        }
        self.key.clear();
        key::append(&mut self.key, value)?;
        let better = self.keys.get(group).is_none_or(|kept| match self.greatest {
            true => &self.key[..] > kept,
            false => &self.key[..] < kept,
        });
        if better {
            self.keys.set(group, &self.key);
            self.values.set(group, value);
        }
        Ok(())
    }
}

impl Arguments for Extreme {
    const NAME: &str = "extreme";
}

impl fmt::Display for Extreme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.greatest { "max" } else { "min" })
    }
}

impl Accumulate for Extreme {
    fn begin_group(&mut self) {
        self.values.begin_group();
        self.keys.begin_group();
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        Ok(self.see(group, value)?)
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        match self.values.get(group) {
            Some(value) => out.extend_from_slice(value),
            None => msgpack::put_nil(out),
        }
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        self.see(0, part).map_err(malformed)
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.put_part(0, out);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.values.bytes() + self.keys.bytes()
    }

    fn clear(&mut self) {
        self.values.clear();
        self.keys.clear();
    }
}
