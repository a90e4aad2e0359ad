//! `scan`: a fold that gives each of its partial results.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Ordered;
use crate::plan::exchange::{Group, LuaGroup};
use crate::script::IntoScript;

/// # Windows over ordered rows
///
/// Each of these goes through the rows in their order: all of them, one after the other, or with
/// [`Ordered::by`] those of each key, in parallel.
impl Dataset {
    /// Folds the rows strictly from the first to the last, and gives what there is at each row: the
    /// first row as it is, then what the Lua function makes of that and the next one, and so on.
    ///
    /// With one column the function is called as `f(acc, v)`, with `n` as `f(a1, …, an, b1, …, bn)`,
    /// and returns as many. By key it gets the columns that are no keys; columns out: the keys, as
    /// each row has them, then what is folded.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let sums = Flow::new().range(1..6).scan("function(sum, n) return sum + n end");
    /// assert_eq!(sums.collect::<i64>()?, [1, 3, 6, 10, 15]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, and what it throws; rows, of one key, with different
    /// numbers of columns; more or fewer values returned than there are.
    #[track_caller]
    pub fn scan(&self, function: impl IntoScript) -> Ordered {
        let script = function.into_script();
        let origin = script.origin("scan", Location::caller());
        let text = script.into_text();
        Ordered::new(self, origin, move |plan, step, names, keys| {
            let group = LuaGroup::new("scan", keys.to_vec(), plan.code(step, &text));
            Ok((Group::Lua(group), names.select(keys).and(names.without(keys))))
        })
    }
}
