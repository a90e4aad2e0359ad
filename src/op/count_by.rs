//! `count_by`: how many rows there are of each key.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Failure;
use crate::op::Columns;
use crate::op::native::{Fold, malformed};
use crate::plan::exchange::{Combine, Cuts, Exchange, Group, Keep, Side};
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::row::msgpack::{self, Value};

impl Dataset {
    /// Counts the rows of each key, which is the named columns, counted from 1. Columns out: the
    /// keys in the order named, then the number of rows. Sorted by key.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, u64)> = Flow::new().lines(["b", "a", "b"]).count_by([1]).collect()?;
    /// assert_eq!(rows, [("a".to_string(), 1), ("b".to_string(), 2)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no key columns (see [`Dataset::count`]); a column that a row does not have
    /// (see [`Dataset::pad`]).
    #[track_caller]
    pub fn count_by(&self, keys: impl Into<Columns>) -> Dataset {
        let keys = keys.into();
        self.add("count_by", Location::caller(), move |plan, step, rows| {
            let keys = keys.some_numbers(rows.names(), "`count` counts all rows")?;
            let names = rows.names().select(&keys);
            let fold = Native::new(step, &Count { counts: Vec::new() });
            let width = u32::try_from(keys.len()).expect("fewer than 2^32 key columns");
            let combine = Combine::Native { keys, fold: fold.clone() };
            let group = Some(Group::Fold { keys: width, fold });
            let exchange = Exchange { keep: Keep::All, cuts: Cuts::Keys, group };
            let side = Side::folded(rows, width, combine);
            Ok(plan.exchange(step, [side], exchange).named(names))
        })
    }
}

/// The number of rows of each group.
#[derive(Serialize, Deserialize)]
pub(super) struct Count {
    #[serde(skip)]
    counts: Vec<u64>,
}

impl Arguments for Count {
    const NAME: &str = "count_by";
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("count_by")
    }
}

impl Count {
    fn of(&mut self, group: usize) -> &mut u64 {
        if group == self.counts.len() {
            self.counts.push(0);
        }
        &mut self.counts[group]
    }
}

impl Fold for Count {
    fn add(&mut self, group: usize, _row: &[u8]) -> Result<(), Failure> {
        *self.of(group) += 1;
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        msgpack::put_uint(out, self.counts[group]);
    }

    fn merge(&mut self, group: usize, part: &[u8]) -> Result<(), Failure> {
        *self.of(group) += match msgpack::head(part).map_err(malformed)?.0 {
            Value::UInt(count) => count,
            Value::Int(count) => count.try_into().map_err(malformed)?,
            other => return Err(malformed(format!("{other:?} is no count"))),
        };
        Ok(())
    }

    fn put_result(&self, group: usize, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.put_part(group, out);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.counts.len() * size_of::<u64>()
    }

    fn clear(&mut self) {
        self.counts.clear();
    }
}
