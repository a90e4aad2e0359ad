//! `distinct`: each row once.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::chain::{KeyColumn, WHOLE_ROW};
use crate::plan::exchange::{Cuts, Exchange, Keep, Side};

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
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn distinct(&self) -> Dataset {
        self.add("distinct", Location::caller(), |plan, step, rows| {
            let order = vec![KeyColumn::ascending(WHOLE_ROW)];
            let exchange = Exchange { keep: Keep::First, cuts: Cuts::Keys, group: None };
            let names = rows.names().clone();
            let side = Side::sorted(rows, order, Keep::First);
            Ok(plan.exchange(step, [side], exchange).named(names))
        })
    }
}
