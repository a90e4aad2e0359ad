//! `Agg::first`, `Agg::last`: the value of the first and of the last row.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::slots::Slots;
use super::{Accumulate, Agg, Unfit};
use crate::error::Failure;
use crate::op::Column;
use crate::plan::named::Arguments;
use crate::row::msgpack;

impl Agg {
    /// The value of a column in the first row of each key, also if that is nil. Nil of no rows.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([("a", 3), ("b", 1), ("a", 2)]);
    /// let first: Vec<(String, i64)> = rows.aggregate([1], [Agg::first(2)]).collect()?;
    /// assert_eq!(first, [("a".to_string(), 3), ("b".to_string(), 1)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn first(column: impl Into<Column>) -> Agg {
        Agg::of(column, &FirstLast { last: false, values: Slots::default() })
    }

    /// The value of a column in the last row of each key: see [`Agg::first`].
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let last = Flow::new().range(0..10).aggregate([], [Agg::last(1)]);
    /// assert_eq!(last.collect::<i64>()?, [9]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn last(column: impl Into<Column>) -> Agg {
        Agg::of(column, &FirstLast { last: true, values: Slots::default() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct FirstLast {
    last: bool,
    #[serde(skip)]
    values: Slots,
}

impl FirstLast {
    #[inline]
    fn see(&mut self, group: usize, value: &[u8]) {
        if self.last || self.values.get(group).is_none() {
            self.values.set(group, value);
        }
    }
}

impl Arguments for FirstLast {
    const NAME: &str = "first_last";
}

impl fmt::Display for FirstLast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.last { "last" } else { "first" })
    }
}

impl Accumulate for FirstLast {
    fn begin_group(&mut self) {
        self.values.begin_group();
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        self.see(group, value);
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        match self.values.get(group) {
            Some(value) => out.extend_from_slice(value),
            None => msgpack::put_nil(out),
        }
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        self.see(0, part);
        Ok(())
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.put_part(0, out);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }

    fn clear(&mut self) {
        self.values.clear();
    }
}
