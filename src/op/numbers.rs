//! `numbers`: text columns as numbers.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Failed;
use crate::op::native::{BlockStep, each_row};
use crate::op::{Columns, Listed};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::plan::view::View;
use crate::row::layout::Rows;
use crate::row::numeric::append_numbers;

impl Dataset {
    /// Reads the named columns, counted from 1, as numbers: decimal integers of up to 64 bits
    /// stay exact, all else is a double; `nan`, `NaN`, `inf` and `-inf` are read as those. Numbers
    /// stay as they are; an empty text is nil.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, i64)> =
    ///     Flow::new().lines(["a 1", "b 22"]).split(" ").numbers([2]).collect()?;
    /// assert_eq!(rows, [("a".into(), 1), ("b".into(), 22)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column that does not read as a number, or as one beyond all doubles, such
    /// as `1e400`; a column that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn numbers(&self, wanted: impl Into<Columns>) -> Dataset {
        let wanted = wanted.into();
        self.add("numbers", Location::caller(), move |plan, step, rows| {
            let names = rows.names().clone();
            let columns = wanted.numbers(&names)?;
            let mut numbers = Native::new(step, &Numbers { columns: columns.clone() });
            numbers.view = Some(View::Numbers(columns));
            Ok(plan.fuse(rows, Step::Native(numbers)).named(names))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Numbers {
    columns: Vec<u32>,
}

impl Arguments for Numbers {
    const NAME: &str = "numbers";
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numbers {}", Listed(&self.columns))
    }
}

impl BlockStep for Numbers {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        each_row(rows, max_row, out, |payload, out| append_numbers(&self.columns, payload, out))
    }
}
