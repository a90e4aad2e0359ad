//! `Agg::sum`: what the numbers of a column add up to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sums::{Sums, Total};
use super::{Accumulate, Agg, Unfit};
use crate::error::{ErrorKind, Failure};
use crate::op::Column;
use crate::plan::named::Arguments;
use crate::row::msgpack;

impl Agg {
    /// The sum of the numbers in a column; nil if there are none. Integers add up exactly, and
    /// integers and floats to a float.
    ///
    /// Floats are rounded with each addition. They are added up in pieces whose size depends on
    /// the rows alone, and the pieces in the order of the rows, so that the sum is the same for any
    /// number of workers.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([(1, 0.5), (2, 2.0)]);
    /// let sums = rows.aggregate([], [Agg::sum(1), Agg::sum(2)]);
    /// assert_eq!(sums.collect::<(i64, f64)>()?, [(3, 2.5)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number; integers that add up to one beyond 64 bits.
    pub fn sum(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Sum { sums: Sums::default() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Sum {
    #[serde(skip)]
    sums: Sums,
}

impl Arguments for Sum {
    const NAME: &str = "sum";
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sum")
    }
}

impl Accumulate for Sum {
    fn begin_group(&mut self) {
        self.sums.begin_group();
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        self.sums.add(group, value).map(drop)
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        self.sums.put_part(group, out);
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        self.sums.merge(part)
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        match self.sums.total() {
            Total::Nothing => msgpack::put_nil(out),
            Total::Float(sum) => msgpack::put_float(out, sum),
            Total::Integer(sum) => match (i64::try_from(sum), u64::try_from(sum)) {
                (Ok(sum), _) => msgpack::put_int(out, sum),
                (_, Ok(sum)) => msgpack::put_uint(out, sum),
                _ => return Err(beyond(sum)),
            },
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.sums.bytes()
    }

    fn clear(&mut self) {
        self.sums.clear();
    }
}

#[cold]
fn beyond(sum: i128) -> Failure {
    let message = format!("sum: the integers add up to {sum}, which is beyond 64 bits");
    Failure::new(ErrorKind::Row, message)
        .hint("a sum of floats is rounded instead: `map` can make a float of an integer")
}
