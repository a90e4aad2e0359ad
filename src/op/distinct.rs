//! `distinct`: each row once.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::graph::Operation;

impl Dataset {
    /// Each different row once, sorted. Of rows that are equal without being the same bytes
    /// (`1` and `1.0`), the first is kept.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<String> = Flow::new().lines(["b", "a", "b"]).distinct().collect()?;
    /// assert_eq!(rows, ["a", "b"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn distinct(&self) -> Dataset {
        self.add("distinct", Location::caller(), Operation::Distinct)
    }
}
