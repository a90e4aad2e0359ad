//! `with_index`, `reverse`: rows and their numbers.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Failed, Failure};
use crate::op::drop::Drop;
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::plan::chain::{KeyColumn, Step};
use crate::plan::exchange::{Cuts, Exchange, Group, Keep, Side};
use crate::plan::lower::{Lower, Open};
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::row::layout::Rows;
use crate::row::msgpack;

impl Dataset {
    /// Each row with its number, counted from 1, behind its columns. One task goes through all rows
    /// in order.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, u64)> = Flow::new().lines(["a", "b"]).with_index().collect()?;
    /// assert_eq!(rows, [("a".to_string(), 1), ("b".to_string(), 2)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn with_index(&self) -> Dataset {
        self.add("with_index", Location::caller(), |plan, step, rows| {
            let names = rows.names().clone();
            Ok(numbered(plan, step, rows, Index { first: false, rows: 0 }).named(names))
        })
    }

    /// The rows from the last to the first. They pass an exchange, as those of a sort do.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().lines(["a", "c", "b"]).reverse().collect::<String>()?, ["b", "c", "a"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn reverse(&self) -> Dataset {
        self.add("reverse", Location::caller(), |plan, step, rows| {
            let names = rows.names().clone();
            let rows = numbered(plan, step, rows, Index { first: true, rows: 0 });
            let last_first = KeyColumn { descending: true, ..KeyColumn::ascending(1) };
            let exchange = Exchange { keep: Keep::All, cuts: Cuts::Rows, group: None };
            let side = Side::sorted(rows, vec![last_first], Keep::All);
            let rows = plan.exchange(step, [side], exchange);
            Ok(plan.fuse(rows, Step::native(step, &Drop::new([1]))).named(names))
        })
    }
}

/// Gives each row its number.
fn numbered(plan: &mut Lower, step: u32, rows: Open, index: Index) -> Open {
    plan.in_order(step, rows, false, Group::Step(Native::new(step, &index)))
}

#[derive(Serialize, Deserialize)]
pub(super) struct Index {
    /// The number comes before the other columns.
    first: bool,
    #[serde(skip)]
    rows: u64,
}

impl GroupStep for Index {
    fn begin(&mut self, _: &GroupTask<'_>) -> Result<(), Failure> {
        self.rows = 0;
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each(|row| {
            self.rows += 1;
            out.row(|out| {
                if self.first {
                    msgpack::put_uint(out, self.rows);
                }
                out.extend_from_slice(row);
                if !self.first {
                    msgpack::put_uint(out, self.rows);
                }
                Ok(())
            })
        })
    }
}

impl Arguments for Index {
    const NAME: &str = "with_index";
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.first { "number" } else { "with_index" })
    }
}
