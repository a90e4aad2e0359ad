//! `map_partitions`: a Lua function for all rows of each partition.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::plan::exchange::{Group, LuaGroup};
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function once for each logical partition, an empty one too, as `f(rows)`: with an
    /// iterator over its rows in order, which [`Dataset::group_map`] describes. What it returns or
    /// emits is taken as there.
    ///
    /// Where there is one partition, as at first, one task goes through all rows in order;
    /// [`Dataset::partition`] makes several, and they stay apart.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let counts: Vec<(u64, u64)> = Flow::new()
    ///     .range(0..10)
    ///     .round_robin(3)
    ///     .map_partitions(
    ///         "function(rows)
    ///             local count, last = 0, nil
    ///             for i, x in rows do count, last = i, x end
    ///             emit(count, last)
    ///         end",
    ///     )
    ///     .collect()?;
    /// assert_eq!(counts, [(4, 9), (3, 7), (3, 8)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, what it or its iterator throws, and any other returned
    /// value.
    #[track_caller]
    pub fn map_partitions(&self, function: impl IntoScript) -> Dataset {
        let script = function.into_script();
        self.add_lua("map_partitions", Location::caller(), script, |plan, rows, code| {
            let step = code.step;
            let arguments = vec!["empty".to_owned()];
            let group = LuaGroup { arguments, ..LuaGroup::new("group_map", Vec::new(), code) };
            Ok(plan.in_order(step, rows, true, Group::Lua(group)))
        })
    }
}
