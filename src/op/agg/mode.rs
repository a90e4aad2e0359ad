//! `Agg::mode`: the value that a column has most often.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use super::{Accumulate, Agg, Unfit, number};
use crate::error::Failure;
use crate::op::Column;
use crate::op::group::GroupTask;
use crate::op::native::malformed;
use crate::plan::named::Arguments;
use crate::row::{key, msgpack};

impl Agg {
    /// The value that is most often in a column; nil if there is no other value. Of several that are
    /// equally often there, it is the least by the order of values. Values are equal as keys are,
    /// and the first of those that are is shown.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().lines(["c", "b", "a", "b", "a"]);
    /// assert_eq!(rows.aggregate([], [Agg::mode(1)]).collect::<String>()?, ["a"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn mode(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Mode { tally: Tally::default() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Mode {
    #[serde(skip)]
    tally: Tally,
}

impl Arguments for Mode {
    const NAME: &str = "mode";
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mode")
    }
}

impl Accumulate for Mode {
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
        let mut best: Option<(u64, Vec<u8>, Vec<u8>)> = None;
        let mut key = Vec::new();
        self.tally.take_each(|value, count| {
            if best.as_ref().is_some_and(|(most, ..)| count < *most) {
                return Ok(());
            }
            key.clear();
            key::append(&mut key, value).map_err(malformed)?;
            if best.as_ref().is_none_or(|(most, least, _)| count > *most || key < *least) {
                best = Some((count, key.clone(), value.to_vec()));
            }
            Ok(())
        })?;
        match best {
            Some((.., value)) => out.extend_from_slice(&value),
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
