//! `Agg::count_distinct`: how many different values a column has.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use super::{Accumulate, Agg, Unfit, number};
use crate::error::Failure;
use crate::op::Column;
use crate::op::group::GroupTask;
use crate::plan::named::Arguments;
use crate::row::msgpack;

impl Agg {
    /// How many different values a column has; nil is none. Values are equal as keys are: 1 and 1.0
    /// are one value, and the text `1` is another. They may be more than fit in memory; then
    /// [`Agg::approx_distinct`] is much cheaper.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().lines(["b", "a", "b"]);
    /// assert_eq!(rows.aggregate([], [Agg::count_distinct(1)]).collect::<u64>()?, [2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn count_distinct(column: impl Into<Column>) -> Agg {
        Agg::of(column, &CountDistinct { tally: Tally::default() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct CountDistinct {
    #[serde(skip)]
    tally: Tally,
}

impl Arguments for CountDistinct {
    const NAME: &str = "count_distinct";
}

impl fmt::Display for CountDistinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("count_distinct")
    }
}

impl Accumulate for CountDistinct {
    fn begin_group(&mut self) {
        self.tally.begin_group();
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        if number::is_nil(value) { Ok(()) } else { Ok(self.tally.add(group, value)?) }
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
        let mut values = 0;
        self.tally.take_each(|_, _| {
            values += 1;
            Ok(())
        })?;
        msgpack::put_uint(out, values);
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
