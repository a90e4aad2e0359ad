//! `lag`: each row together with one before it.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Failed, Failure, Origin};
use crate::op::Ordered;
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::op::native::malformed;
use crate::plan::exchange::Group;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::row::layout::Rows;
use crate::row::missing::column_of;
use crate::row::msgpack;

impl Dataset {
    /// Each row, and behind its columns those of the row that is `rows` before it; where there is
    /// none, as many nils as the row itself has columns. By key it is the row so many before of the
    /// same key, and the keys come out once: the keys, the row's other columns, those of the row
    /// before.
    ///
    /// So many rows are in memory.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let steps = Flow::new().range(5..8).lag(2);
    /// let rows: Vec<(i64, Option<i64>)> = steps.collect()?;
    /// assert_eq!(rows, [(5, None), (6, None), (7, Some(5))]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row that is too large with the one before it.
    #[track_caller]
    pub fn lag(&self, rows: u64) -> Ordered {
        let origin = Origin::new("lag", Location::caller());
        Ordered::new(self, origin, move |_, step, names, keys| {
            let lag = Lag { rows, keys: keys.to_vec(), before: VecDeque::new() };
            let names = names.select(keys).and(names.without(keys));
            Ok((Group::Step(Native::new(step, &lag)), names))
        })
    }
}

/// Keeps the last rows of a group.
#[derive(Serialize, Deserialize)]
pub(super) struct Lag {
    rows: u64,
    /// The key columns, from 1.
    keys: Vec<u32>,
    /// Of each of the last rows, the columns that are no keys.
    #[serde(skip)]
    before: VecDeque<Vec<u8>>,
}

impl Lag {
    fn take(&mut self, row: &[u8], out: &mut Emit<'_>) -> Result<(), Failed> {
        // The row that is too many makes room for this one.
        let is_full = self.before.len() as u64 > self.rows;
        let mut others = if is_full { self.before.pop_front() } else { None }.unwrap_or_default();
        others.clear();
        let mut width = 0;
        for (column, value) in (1..).zip(msgpack::columns(row)) {
            if !self.keys.contains(&column) {
                others.extend_from_slice(value.map_err(malformed)?);
                width += 1;
            }
        }
        self.before.push_back(others);
        let before = (self.before.len() as u64 > self.rows).then(|| &self.before[0]);
        out.row(|out| {
            for &column in &self.keys {
                out.extend_from_slice(column_of(row, column)?);
            }
            out.extend_from_slice(&self.before[self.before.len() - 1]);
            match before {
                Some(before) => out.extend_from_slice(before),
                None => (0..width).for_each(|_| msgpack::put_nil(out)),
            }
            Ok(())
        })
    }
}

impl GroupStep for Lag {
    fn begin(&mut self, _: &GroupTask<'_>) -> Result<(), Failure> {
        self.before.clear();
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each_marked(|row, mark| {
            if mark.begins_key() {
                self.before.clear();
            }
            self.take(row, out)
        })
    }
}

impl Arguments for Lag {
    const NAME: &str = "lag";
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lag {}", self.rows)
    }
}
