//! `reduce`, `reduce_by`, `fold`: many rows into one.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Columns;
use crate::plan::chain::Code;
use crate::plan::exchange::{Combine, Cuts, Exchange, Group, Keep, LuaGroup, Side};
use crate::plan::lower::{Lower, Open};
use crate::script::IntoScript;

/// # By key and in order
///
/// Each of these sees all rows and gives one sequence, sorted: by key, by the order named, or by the
/// whole row. What does not fit into memory goes to disk.
impl Dataset {
    /// Folds the rows of each key, which is the first column, into one row: the key, then what the
    /// Lua function made of the other columns. Sorted by key.
    ///
    /// With one value column the function is called as `f(acc, v)`, with `n` as
    /// `f(a1, …, an, b1, …, bn)`, and returns as many. It gets partial results, so it must be
    /// associative; rows keep their order, so it need not be commutative. It is not called for a
    /// key with a single row.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, i64)> = Flow::new()
    ///     .rows([("b", 1), ("a", 2), ("b", 3)])
    ///     .reduce("function(x, y) return x + y end")
    ///     .collect()?;
    /// assert_eq!(rows, [("a".to_string(), 2), ("b".to_string(), 4)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no Lua function, and what the function throws; rows of one key with
    /// different numbers of columns; more or fewer values returned than there are.
    #[track_caller]
    pub fn reduce(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("reduce", Location::caller(), function.into_script(), |plan, rows, code| {
            Ok(folded(plan, rows, &[1], code))
        })
    }

    /// [`Dataset::reduce`] by the named columns, counted from 1. Columns out: the keys in the
    /// order named, then what the function made of the others, in their order. Sorted by key.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, i64)> = Flow::new()
    ///     .rows([(1, "b"), (2, "a"), (3, "b")])
    ///     .reduce_by([2], "function(x, y) return x + y end")
    ///     .collect()?;
    /// assert_eq!(rows, [("a".to_string(), 2), ("b".to_string(), 4)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::reduce`]; no key columns (see [`Dataset::fold`]); a column that a row does
    /// not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn reduce_by(&self, keys: impl Into<Columns>, function: impl IntoScript) -> Dataset {
        let (keys, script) = (keys.into(), function.into_script());
        self.add_lua("reduce_by", Location::caller(), script, move |plan, rows, code| {
            let keys = keys.some_numbers(rows.names(), "`fold` makes one row of all rows")?;
            Ok(folded(plan, rows, &keys, code))
        })
    }

    /// Folds all rows into one. The function is called as for [`Dataset::reduce`], with all
    /// columns as values. No rows give no row.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let sum: Option<i64> =
    ///     Flow::new().range(1..101).fold("function(x, y) return x + y end").first()?;
    /// assert_eq!(sum, Some(5050));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::reduce`].
    #[track_caller]
    pub fn fold(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("fold", Location::caller(), function.into_script(), |plan, rows, code| {
            Ok(folded(plan, rows, &[], code))
        })
    }
}

/// Folds within each task, sorts by key, and folds what comes together.
fn folded(plan: &mut Lower, rows: Open, keys: &[u32], code: Code) -> Open {
    let count = u32::try_from(keys.len()).expect("fewer than 2^32 key columns");
    let step = code.step;
    let names = rows.names().select(keys);
    let combine =
        Combine::Lua { template: "combine".to_owned(), keys: keys.to_vec(), code: code.clone() };
    let side = Side::folded(rows, count, combine);
    let group =
        LuaGroup { keeps_single: true, ..LuaGroup::new("reduce", (1..=count).collect(), code) };
    let group = Some(Group::Lua(group));
    plan.exchange(step, [side], Exchange { keep: Keep::All, cuts: Cuts::Keys, group }).named(names)
}
