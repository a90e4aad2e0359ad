//! `select`: columns by number.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Failed;
use crate::op::native::{BlockStep, column_of, each_row};
use crate::op::{Listed, columns};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::row::layout::Rows;

/// # Columns without Lua
///
/// One row of each row, in order, made without a Lua state.
impl Dataset {
    /// Keeps the named columns, counted from 1, in the order given. A column may be named twice.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(i64, String)> =
    ///     Flow::new().rows([("a", true, 1), ("b", false, 2)]).select([3, 1]).collect()?;
    /// assert_eq!(rows, [(1, "a".to_string()), (2, "b".to_string())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no columns; a column that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn select(&self, wanted: impl AsRef<[u32]>) -> Dataset {
        let columns = match wanted.as_ref() {
            [] => Err(crate::error::Failure::new(
                crate::error::ErrorKind::Plan,
                "no columns are named, and a row has at least one",
            )),
            wanted => columns(wanted),
        };
        self.try_add("select", Location::caller(), columns, |plan, step, rows, columns| {
            plan.fuse(rows, Step::native(step, &Select { columns: columns.clone() }))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Select {
    columns: Vec<u32>,
}

impl Arguments for Select {
    const NAME: &str = "select";
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "select {}", Listed(&self.columns))
    }
}

impl BlockStep for Select {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        each_row(rows, max_row, out, |payload, out| {
            for &column in &self.columns {
                out.extend_from_slice(column_of(payload, column)?);
            }
            Ok(())
        })
    }
}
