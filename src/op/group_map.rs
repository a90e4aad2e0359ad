//! `group_map`: a Lua function for the rows of each key.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Columns;
use crate::op::ordered::by_key;
use crate::plan::exchange::{Group, LuaGroup};
use crate::script::IntoScript;

impl Dataset {
    /// Calls a Lua function once for each key, which is the columns `keys`, as `f(key…, rows)`: with
    /// the key as its first row has it, and an iterator over the rows in order.
    ///
    /// `for i, a, b in rows do` goes through them: `i` counts from 1, then come all columns, the
    /// key's too. Rows may be left unread; they serve until what the function has returned is
    /// through. The rows of a key are never together in memory, however many they are.
    ///
    /// What the function returns is taken as [`Dataset::flat_map`] takes it: an iterator, a list or
    /// nothing. Rows given to `emit(…)` come first. Sorted by key; a nil is a key like others.
    /// Without key columns all rows are one group.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("b", 1), ("a", 5), ("b", 4)]);
    /// let steps: Vec<(String, i64)> = rows
    ///     .group_map(
    ///         [1],
    ///         "function(key, rows)
    ///             local before = 0
    ///             for _, _, n in rows do
    ///                 emit(key, n - before)
    ///                 before = n
    ///             end
    ///         end",
    ///     )
    ///     .collect()?;
    /// assert_eq!(steps, [("a".into(), 5), ("b".into(), 1), ("b".into(), 3)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, what it or its iterator throws, and any other returned
    /// value; a column 0, or one that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn group_map(&self, keys: impl Into<Columns>, function: impl IntoScript) -> Dataset {
        let (keys, script) = (keys.into(), function.into_script());
        self.add_lua("group_map", Location::caller(), script, move |plan, rows, code| {
            let keys = keys.numbers(rows.names())?;
            let (step, group) = (code.step, LuaGroup::new("group_map", keys.clone(), code));
            Ok(by_key(plan, step, rows, &keys, Group::Lua(group)))
        })
    }
}
