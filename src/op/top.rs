//! `top`: the first rows of an order, found without sorting the rest.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Sort;
use crate::plan::exchange::{Cuts, Exchange, Keep, Side};

impl Dataset {
    /// The first `rows` rows in an order, sorted by it. The rows are what `sort(order).limit(rows)`
    /// gives: of rows that the order does not tell apart, the earlier ones stay. Each task keeps
    /// only so many rows, so that it costs little more than reading them.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let rows = Flow::new().rows([("a", 1), ("b", 3), ("c", 2), ("d", 3)]);
    /// let best: Vec<(String, i64)> = rows.top(2, Sort::by(2).descending()).collect()?;
    /// assert_eq!(best, [("b".to_string(), 3), ("d".to_string(), 3)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column 0 in the order, or one that a row does not have.
    #[track_caller]
    pub fn top(&self, rows: u64, order: impl Into<Sort>) -> Dataset {
        let order = order.into();
        self.add("top", Location::caller(), move |plan, step, rows_in| {
            let names = rows_in.names().clone();
            let order = order.keys(&names)?;
            let exchange = Exchange { keep: Keep::Top(rows), cuts: Cuts::One, group: None };
            let side = Side::sorted(rows_in, order, Keep::Top(rows));
            Ok(plan.exchange(step, [side], exchange).named(names))
        })
    }
}
