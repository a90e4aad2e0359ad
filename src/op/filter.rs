//! `filter`: keeps some of the rows.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::chain::Step;
use crate::script::IntoScript;

impl Dataset {
    /// Keeps the rows for which a Lua function returns neither `nil` nor `false`, in their order.
    /// Numbers that have been to Lua are Lua's: a double of 1.0 comes back as the integer 1.
    ///
    /// What the function keeps from row to row lasts for one task only: see [`Dataset::map`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let odd: Vec<i64> = Flow::new()
    ///     .range(0..6)
    ///     .filter("function(x) return x % 2 == 1 end")
    ///     .collect()?;
    /// assert_eq!(odd, [1, 3, 5]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, and what the function throws.
    #[track_caller]
    pub fn filter(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("filter", Location::caller(), function.into_script(), |plan, rows, code| {
            let names = rows.names().clone();
            Ok(plan.fuse(rows, Step::lua("filter", code)).named(names))
        })
    }
}
