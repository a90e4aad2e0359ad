//! `sessions`: a Lua function for rows between which there is no large gap.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::op::{Column, Ordered};
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function, as `f(rows)`, with the rows of each session of a column whose numbers
    /// never decrease: a row begins a new one where the column is more than `gap` above the row
    /// before. Columns out: the column's first and last value in the session, then what the function
    /// returns; where it returns nothing there is no row.
    ///
    /// `for i, a, b in rows do` goes through the rows, as in [`Dataset::group_map`]; they may be left
    /// unread, and are never together in memory.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let clicks = Flow::new().rows([("ann", 0), ("bob", 5), ("ann", 20), ("ann", 100)]);
    /// let count = "function(rows) local n = 0 for i in rows do n = i end return n end";
    /// let sessions: Vec<(String, i64, i64, u64)> =
    ///     clicks.sessions(30, 2, count).by([1]).collect()?;
    /// assert_eq!(sessions[0], ("ann".into(), 0, 20, 2));
    /// assert_eq!(sessions[1], ("ann".into(), 100, 100, 1));
    /// assert_eq!(sessions[2], ("bob".into(), 5, 5, 1));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a gap that is below 0 or NaN; a value of the column that is no number (see
    /// [`Dataset::numbers`]), or less than the one before (see [`Dataset::sort`]); a column that a
    /// row does not have (see [`Dataset::pad`]); what is no Lua function, and what it throws.
    #[track_caller]
    pub fn sessions(
        &self,
        gap: impl Into<f64>,
        column: impl Into<Column>,
        function: impl IntoScript,
    ) -> Ordered {
        let (gap, column) = (gap.into(), column.into());
        let script = function.into_script();
        Ordered::lua(self, "sessions", Location::caller(), script, move |names| {
            if gap.is_nan() || gap < 0.0 {
                let message = format!("a gap of {gap}: it must not be below 0");
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            Ok(vec![column.number(names)?.to_string(), format!("{gap:?}")])
        })
    }
}
