//! `flat_map`: one row in, any number of rows out.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::chain::Step;
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function with the columns of each row; it returns many rows.
    ///
    /// It may return an iterator (all values of one step are a row), a list (one row of one
    /// column for each element; `unpack_rows(list)` takes a list of rows), or nothing. Order is
    /// kept, and rows given to `emit(…)` come first.
    ///
    /// What the function keeps from row to row lasts for one task only: see [`Dataset::map`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let words: Vec<String> = Flow::new()
    ///     .lines(["the quick", "fox"])
    ///     .flat_map("function(line) return line:gmatch('%w+') end")
    ///     .collect()?;
    /// assert_eq!(words, ["the", "quick", "fox"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what the function or its iterator throws, and any other returned value.
    #[track_caller]
    pub fn flat_map(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("flat_map", Location::caller(), function.into_script(), |plan, rows, code| {
            Ok(plan.fuse(rows, Step::lua("flat_map", code)))
        })
    }
}
