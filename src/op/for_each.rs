//! `for_each`: looks at each row and passes it on.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::chain::Step;
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function with the columns of each row and passes the row on. What the function
    /// returns is ignored; rows given to `emit(…)` come before the row.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<i64> = Flow::new()
    ///     .range(1..3)
    ///     .for_each("function(x) emit(-x) end")
    ///     .collect()?;
    /// assert_eq!(rows, [-1, 1, -2, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, and what the function throws.
    #[track_caller]
    pub fn for_each(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("for_each", Location::caller(), function.into_script(), |plan, rows, code| {
            let names = rows.names().clone();
            Ok(plan.fuse(rows, Step::lua("for_each", code)).named(names))
        })
    }
}
