//! `limit`: the first rows.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::stage::Slice;

/// # Rows by their place
impl Dataset {
    /// The first rows, at most `rows` of them, in order. What comes before stops as soon as they
    /// are there, and failures behind them are not reported.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<i64> = Flow::new().range(0..1_000_000_000).limit(3).collect()?;
    /// assert_eq!(rows, [0, 1, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn limit(&self, rows: u64) -> Dataset {
        self.add("limit", Location::caller(), move |plan, step, input| {
            Ok(plan.slice(step, input, Slice { skip: 0, take: Some(rows) }))
        })
    }
}
