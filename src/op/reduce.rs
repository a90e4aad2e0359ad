//! `reduce`, `reduce_by`, `fold`: many rows into one.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::columns;
use crate::plan::graph::Operation;
use crate::script::IntoScript;

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
    /// At a terminal: what the function throws; rows of one key with different numbers of columns;
    /// a function that returns more or fewer values than there are.
    #[track_caller]
    pub fn reduce(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("reduce", Location::caller(), function.into_script(), |code| {
            Ok(Operation::Reduce { keys: vec![1], code })
        })
    }

    /// [`Dataset::reduce`] by the named columns, counted from 1. Columns out: the keys in the
    /// order named, then the others in their order.
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
    #[track_caller]
    pub fn reduce_by(&self, keys: impl AsRef<[u32]>, function: impl IntoScript) -> Dataset {
        let keys = match keys.as_ref() {
            [] => Err(crate::error::Failure::new(crate::error::ErrorKind::Plan, "no key columns")
                .hint("`fold` makes one row of all rows")),
            keys => columns(keys),
        };
        self.add_lua("reduce_by", Location::caller(), function.into_script(), |code| {
            Ok(Operation::Reduce { keys: keys?, code })
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
    #[track_caller]
    pub fn fold(&self, function: impl IntoScript) -> Dataset {
        self.add_lua("fold", Location::caller(), function.into_script(), |code| {
            Ok(Operation::Fold { code })
        })
    }
}
