//! `union`: the rows of two datasets, one after the other.

use std::panic::Location;

use crate::dataset::Dataset;

/// # Two datasets
///
/// Both must be of one flow: see [`Dataset::flow`].
impl Dataset {
    /// All rows of this dataset, then all rows of another one of the same flow. Rows that both
    /// have come twice; they may be of different widths.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let (small, large) = (flow.range(0..2), flow.range(10..12));
    /// let rows: Vec<i64> = large.union(&small).collect()?;
    /// assert_eq!(rows, [10, 11, 0, 1]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a dataset of another flow.
    #[track_caller]
    pub fn union(&self, other: &Dataset) -> Dataset {
        self.add_two("union", Location::caller(), other, |plan, step, both| {
            let names = both[0].names().common(both[1].names());
            Ok(plan.concat(step, both).named(names))
        })
    }
}
