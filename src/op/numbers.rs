//! `numbers`: text columns as numbers.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::columns;
use crate::plan::chain::Step;

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
    /// as `1e400`.
    #[track_caller]
    pub fn numbers(&self, wanted: impl AsRef<[u32]>) -> Dataset {
        let columns = columns(wanted.as_ref());
        self.try_add("numbers", Location::caller(), columns, |plan, step, rows, columns| {
            plan.fuse(rows, Step::Numbers { step, columns: columns.clone() })
        })
    }
}
