//! `merge_sorted`: two datasets in one order.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Sort;
use crate::plan::exchange::{Cuts, Exchange, Keep, Side};

impl Dataset {
    /// The rows of this dataset and of another one of the same flow in one order. Of rows that the
    /// order does not tell apart, this one's come first, each side's as they stood: what
    /// `union(other).sort(order)` gives. The sides need not be in this order; if they are, sorting
    /// them again costs little, but it waits for all of them.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let (one, other) = (flow.rows([(1, "a"), (3, "b")]), flow.rows([(1, "c"), (2, "d")]));
    /// let rows: Vec<(i64, String)> = one.merge_sorted(&other, 1).collect()?;
    /// assert_eq!(rows[..2], [(1, "a".to_string()), (1, "c".to_string())]);
    /// assert_eq!(rows[3], (3, "b".to_string()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column 0 in the order, or one that a row does not have; a dataset of another
    /// flow.
    #[track_caller]
    pub fn merge_sorted(&self, other: &Dataset, order: impl Into<Sort>) -> Dataset {
        let order = order.into();
        self.add_two("merge_sorted", Location::caller(), other, move |plan, step, both| {
            let names = both[0].names().common(both[1].names());
            let orders = [order.keys(both[0].names())?, order.keys(both[1].names())?];
            let [one, other] = both;
            let [of_one, of_other] = orders;
            let sides =
                [Side::sorted(one, of_one, Keep::All), Side::sorted(other, of_other, Keep::All)];
            let exchange = Exchange { keep: Keep::All, cuts: Cuts::Rows, group: None };
            Ok(plan.exchange(step, sides, exchange).named(names))
        })
    }
}
