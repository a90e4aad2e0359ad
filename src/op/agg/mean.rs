//! `Agg::mean`: the average of the numbers of a column.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::count::count_of;
use super::sums::Sums;
use super::{Accumulate, Agg, Unfit, no_part};
use crate::error::Failure;
use crate::op::Column;
use crate::plan::named::Arguments;
use crate::row::msgpack::{self, Value};

impl Agg {
    /// The average of the numbers in a column, as a float; nil if there are none. They are added up
    /// as for [`Agg::sum`], however large the sum is.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([1, 2, 4, 5]);
    /// assert_eq!(rows.aggregate([], [Agg::mean(1)]).collect::<f64>()?, [3.0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number.
    pub fn mean(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Mean { sums: Sums::default(), counts: Vec::new() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Mean {
    #[serde(skip)]
    sums: Sums,
    #[serde(skip)]
    counts: Vec<u64>,
}

impl Arguments for Mean {
    const NAME: &str = "mean";
}

impl fmt::Display for Mean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mean")
    }
}

impl Accumulate for Mean {
    fn begin_group(&mut self) {
        self.sums.begin_group();
        self.counts.push(0);
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        self.counts[group] += u64::from(self.sums.add(group, value)?);
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        msgpack::put_array_len(out, 2);
        msgpack::put_uint(out, self.counts[group]);
        self.sums.put_part(group, out);
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let Ok((Value::Array(2), at)) = msgpack::head(part) else { return Err(no_part()) };
        let count = &part[at..];
        self.counts[0] += count_of(count)?;
        self.sums.merge(&count[msgpack::skip(count).map_err(|_| no_part())?..])
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        match self.sums.total().float() {
            None => msgpack::put_nil(out),
            Some(sum) => msgpack::put_float(out, sum / self.counts[0] as f64),
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.sums.bytes() + size_of_val(&self.counts[..])
    }

    fn clear(&mut self) {
        self.sums.clear();
        self.counts.clear();
    }
}
