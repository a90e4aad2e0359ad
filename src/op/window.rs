//! `window`: a Lua function for so many neighbouring rows at a time.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::op::Ordered;
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function with windows of `size` neighbouring rows, as `f(rows)`; a window begins
    /// at every `step`-th row. Columns out: the numbers of the window's first and last row, counted
    /// from 1, then what the function returns; where it returns nothing there is no row.
    ///
    /// `for i, a, b in rows do` goes through the rows of the window, as in
    /// [`Dataset::group_map`]. With a step of `size` windows are next to each other, with a smaller
    /// one they overlap, with a larger one there are rows in no window. The last window may be of
    /// fewer rows; it comes only if some of them are in none before.
    ///
    /// The rows of one window are in memory.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let sum = "function(rows) local sum = 0 for _, x in rows do sum = sum + x end return sum end";
    /// let numbers = Flow::new().range(1..6);
    /// let sums: Vec<(u64, u64, i64)> = numbers.window(2, 2, sum).collect()?;
    /// assert_eq!(sums, [(1, 2, 3), (3, 4, 7), (5, 5, 5)]);
    /// let sums: Vec<(u64, u64, i64)> = numbers.window(3, 1, sum).collect()?;
    /// assert_eq!(sums, [(1, 3, 6), (2, 4, 9), (3, 5, 12)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a size or a step of 0; what is no Lua function, and what it throws.
    #[track_caller]
    pub fn window(&self, size: u64, step: u64, function: impl IntoScript) -> Ordered {
        let script = function.into_script();
        Ordered::lua(self, "window", Location::caller(), script, move |_| {
            let failure = |message| Failure::new(ErrorKind::Plan, message);
            if size == 0 {
                return Err(failure("a window of 0 rows").hint("a window has at least one row"));
            }
            if step == 0 {
                return Err(failure("a step of 0 rows from window to window")
                    .hint("a step of 1 begins a window at every row, one of `size` side by side"));
            }
            Ok(vec![size.to_string(), step.to_string()])
        })
    }
}
