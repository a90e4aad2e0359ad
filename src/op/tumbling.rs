//! `tumbling`: a Lua function for the rows of each stretch of a column's values.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::op::{Column, Ordered};
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function, as `f(rows)`, with the rows of each window of a column whose numbers
    /// never decrease: of values from `n · width` to below `(n + 1) · width`, for whole `n`.
    /// Columns out: where the window begins and where it ends, then what the function returns;
    /// where it returns nothing there is no row, and a window without rows does not come.
    ///
    /// `for i, a, b in rows do` goes through the rows, as in [`Dataset::group_map`]; they may be left
    /// unread, and are never together in memory.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let visits = Flow::new().rows([(3, "a"), (59, "b"), (61, "a"), (200, "c")]);
    /// let count = "function(rows) local n = 0 for i in rows do n = i end return n end";
    /// let minutes: Vec<(u64, u64, u64)> = visits.tumbling(60, 1, count).collect()?;
    /// assert_eq!(minutes, [(0, 60, 2), (60, 120, 1), (180, 240, 1)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a width that is not above 0; a value of the column that is no finite number
    /// (see [`Dataset::numbers`]), or less than the one before (see [`Dataset::sort`]); a column that
    /// a row does not have (see [`Dataset::pad`]); what is no Lua function, and what it throws.
    #[track_caller]
    pub fn tumbling(
        &self,
        width: impl Into<f64>,
        column: impl Into<Column>,
        function: impl IntoScript,
    ) -> Ordered {
        let (width, column) = (width.into(), column.into());
        let script = function.into_script();
        Ordered::lua(self, "tumbling", Location::caller(), script, move |names| {
            if !(width > 0.0 && width.is_finite()) {
                let message = format!("windows of width {width}: it must be above 0");
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            Ok(vec![column.number(names)?.to_string(), format!("{width:?}")])
        })
    }
}
