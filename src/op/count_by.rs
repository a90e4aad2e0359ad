//! `count_by`: how many rows there are of each key.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::aggregate::aggregated;
use crate::op::{Agg, Columns};

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
            aggregated(plan, step, rows, keys, &[Agg::count()])
        })
    }
}
