//! `drop`: rows without some of their columns.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure};
use crate::op::native::{BlockStep, each_row, malformed};
use crate::op::{Columns, Listed};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::row::layout::Rows;
use crate::row::missing::Missing;
use crate::row::msgpack;

impl Dataset {
    /// Leaves out the columns `unwanted`; the others stay in their order.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("a", 1, true)]).drop([2]);
    /// assert_eq!(rows.collect::<(String, bool)>()?, [("a".to_string(), true)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column 0, one that a row does not have (see [`Dataset::pad`]), and a row of
    /// which no column is left.
    #[track_caller]
    pub fn drop(&self, unwanted: impl Into<Columns>) -> Dataset {
        let unwanted = unwanted.into();
        self.add("drop", Location::caller(), move |plan, step, rows| {
            let columns = unwanted.numbers(rows.names())?;
            let names = rows.names().without(&columns);
            Ok(plan.fuse(rows, Step::native(step, &Drop { columns })).named(names))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Drop {
    pub columns: Vec<u32>,
}

impl Drop {
    pub(super) fn new(columns: impl Into<Vec<u32>>) -> Drop {
        Drop { columns: columns.into() }
    }
}

impl Arguments for Drop {
    const NAME: &str = "drop";
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "drop {}", Listed(&self.columns))
    }
}

impl BlockStep for Drop {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        let last = self.columns.iter().copied().max().unwrap_or(0);
        each_row(rows, max_row, out, |payload, out| {
            let (start, mut width) = (out.len(), 0);
            for (column, value) in (1..).zip(msgpack::columns(payload)) {
                width = column;
                let value = value.map_err(malformed)?;
                if !self.columns.contains(&column) {
                    out.extend_from_slice(value);
                }
            }
            if width < last {
                return Err(Missing { column: last, width }.into());
            }
            if out.len() == start {
                let message = "no column of the row is left";
                return Err(Failure::new(ErrorKind::Row, message));
            }
            Ok(())
        })
    }
}
