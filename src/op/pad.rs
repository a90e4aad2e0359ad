//! `pad`: rows of at least so many columns.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Failed;
use crate::op::native::{BlockStep, each_row, malformed};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::row::layout::Rows;
use crate::row::msgpack;

impl Dataset {
    /// Makes rows at least `width` columns wide: what is missing at the end becomes nil. Wider rows
    /// stay as they are.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, Option<String>)> =
    ///     Flow::new().lines(["a:1", "b"]).split(":").pad(2).collect()?;
    /// assert_eq!(rows, [("a".into(), Some("1".into())), ("b".into(), None)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn pad(&self, width: u32) -> Dataset {
        self.add("pad", Location::caller(), move |plan, step, rows| {
            let names = rows.names().clone();
            Ok(plan.fuse(rows, Step::native(step, &Pad { width })).named(names))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Pad {
    width: u32,
}

impl Arguments for Pad {
    const NAME: &str = "pad";
}

impl fmt::Display for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pad {}", self.width)
    }
}

impl BlockStep for Pad {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        each_row(rows, max_row, out, |payload, out| {
            let mut columns = 0;
            for column in msgpack::columns(payload).take(self.width as usize) {
                column.map_err(malformed)?;
                columns += 1;
            }
            out.extend_from_slice(payload);
            (columns..self.width).for_each(|_| msgpack::put_nil(out));
            Ok(())
        })
    }
}
