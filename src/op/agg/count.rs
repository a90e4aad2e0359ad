//! `Agg::count`: how many rows there are.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Accumulate, Agg, Unfit, no_part};
use crate::error::Failure;
use crate::plan::named::Arguments;
use crate::row::msgpack::{self, Value};

impl Agg {
    /// How many rows there are, whatever is in them.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// assert_eq!(Flow::new().range(0..0).aggregate([], [Agg::count()]).collect::<u64>()?, [0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn count() -> Agg {
        Agg::of_rows(&Count { counts: Vec::new() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Count {
    #[serde(skip)]
    counts: Vec<u64>,
}

impl Arguments for Count {
    const NAME: &str = "count";
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("count")
    }
}

impl Accumulate for Count {
    fn begin_group(&mut self) {
        self.counts.push(0);
    }

    fn add(&mut self, group: usize, _: &[u8]) -> Result<(), Unfit> {
        self.counts[group] += 1;
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        msgpack::put_uint(out, self.counts[group]);
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        self.counts[0] += count_of(part)?;
        Ok(())
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        msgpack::put_uint(out, self.counts[0]);
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.counts[..])
    }

    fn clear(&mut self) {
        self.counts.clear();
    }
}

/// A count in a part.
#[inline]
pub(super) fn count_of(part: &[u8]) -> Result<u64, Failure> {
    match msgpack::head(part) {
        Ok((Value::Int(count), _)) => u64::try_from(count).map_err(|_| no_part()),
        Ok((Value::UInt(count), _)) => Ok(count),
        _ => Err(no_part()),
    }
}
