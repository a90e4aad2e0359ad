//! `skip`: all but the first rows.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::stage::Slice;

impl Dataset {
    /// All rows but the first `rows`, in their order. Fewer rows than that give none.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<i64> = Flow::new().range(0..5).skip(3).collect()?;
    /// assert_eq!(rows, [3, 4]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn skip(&self, rows: u64) -> Dataset {
        self.add("skip", Location::caller(), move |plan, step, input| {
            Ok(plan.slice(step, input, Slice { skip: rows, take: None }))
        })
    }
}
