//! `map`: one row in, at most one row out.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::chain::Step;
use crate::script::IntoScript;

/// # Steps in Lua
///
/// A Lua function is called with the columns of each row. Order is kept.
impl Dataset {
    /// Calls a Lua function with the columns of each row; what it returns is the new row.
    ///
    /// Order is kept. Returning nothing drops the row; `return nil` is a row of one nil. Rows
    /// given to `emit(…)` come before the returned one.
    ///
    /// What the function keeps in variables lasts for one task, and tasks begin anywhere in the rows:
    /// for what goes over several rows there are [`Dataset::reduce`] by a key, [`Dataset::fold`],
    /// [`Dataset::scan`] and [`Dataset::group_map`], which see rows in order, and [`Dataset::pipe`],
    /// whose command does.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, usize)> = Flow::new()
    ///     .lines(["ab", "c"])
    ///     .map("function(line) return line:upper(), #line end")
    ///     .collect()?;
    /// assert_eq!(rows, [("AB".to_string(), 2), ("C".to_string(), 1)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function; what the function throws; a column that no row can
    /// hold (a function, a coroutine, a table deeper than 100).
    #[track_caller]
    pub fn map(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("map", Location::caller(), function.into_script(), |plan, rows, code| {
            Ok(plan.fuse(rows, Step::lua("map", code)))
        })
    }
}
