//! `distinct_by`: the first row of each key.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Columns;
use crate::plan::chain::KeyColumn;
use crate::plan::exchange::{Cuts, Exchange, Keep, Side};

impl Dataset {
    /// The first row of each key, sorted by key. A key is the columns `keys`, counted from 1; the
    /// rows stay whole. Without columns the first row is all there is.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("b", 1), ("a", 2), ("b", 3)]);
    /// let first: Vec<(String, i64)> = rows.distinct_by([1]).collect()?;
    /// assert_eq!(first, [("a".to_string(), 2), ("b".to_string(), 1)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column 0, or one that a row does not have.
    #[track_caller]
    pub fn distinct_by(&self, keys: impl Into<Columns>) -> Dataset {
        let keys = keys.into();
        self.add("distinct_by", Location::caller(), move |plan, step, rows| {
            let names = rows.names().clone();
            let order = keys.numbers(&names)?.into_iter().map(KeyColumn::ascending).collect();
            let exchange = Exchange { keep: Keep::First, cuts: Cuts::Keys, group: None };
            let side = Side::sorted(rows, order, Keep::First);
            Ok(plan.exchange(step, [side], exchange).named(names))
        })
    }
}
