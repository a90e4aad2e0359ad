//! `accumulate`: a state for each key, made by functions of the user's.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Columns;
use crate::plan::exchange::{Combine, Cuts, Exchange, Group, Keep, LuaGroup, Side};
use crate::plan::graph::Operation;
use crate::script::IntoScript;

impl Dataset {
    /// Accumulates the rows of each key, which is the columns `keys`, in a state. The Lua text returns
    /// a table of four functions:
    ///
    /// - `init()` gives the state of no rows;
    /// - `step(state, …)` takes all columns of a row and gives the state with it;
    /// - `merge(a, b)` gives the state of the rows of `a`, then those of `b`;
    /// - `finish(state)` returns the columns that come out.
    ///
    /// A state is a table, a text, a number or a boolean; it may be changed and returned. Rows are
    /// stepped in their order, and each task steps its own; what tasks have made of a key is merged in
    /// order, and travels as columns do: functions and metatables cannot. Columns out: the keys,
    /// then what `finish` returned. Sorted by key; without key columns all rows are one group, and no
    /// rows give no row.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("b", 1.0), ("a", 2.0), ("b", 4.0)]);
    /// let means: Vec<(String, f64)> = rows
    ///     .accumulate(
    ///         [1],
    ///         "return {
    ///             init = function() return { sum = 0, count = 0 } end,
    ///             step = function(state, key, x)
    ///                 state.sum, state.count = state.sum + x, state.count + 1
    ///                 return state
    ///             end,
    ///             merge = function(a, b)
    ///                 return { sum = a.sum + b.sum, count = a.count + b.count }
    ///             end,
    ///             finish = function(state) return state.sum / state.count end,
    ///         }",
    ///     )
    ///     .collect()?;
    /// assert_eq!(means, [("a".into(), 2.0), ("b".into(), 2.5)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what is no such table; what a function throws; a state that is nil, or cannot
    /// travel; a column 0, or one that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn accumulate(&self, keys: impl Into<Columns>, functions: impl IntoScript) -> Dataset {
        let (keys, script) = (keys.into(), functions.into_script());
        let origin = script.origin("accumulate", Location::caller());
        let text = as_expression(&script.into_text());
        let operation = Operation::new(move |plan, step, [rows]| {
            let keys = keys.numbers(rows.names())?;
            let names = rows.names().select(&keys);
            let code = plan.code(step, &text);
            let count = u32::try_from(keys.len()).expect("fewer than 2^32 key columns");
            let template = "accumulate".to_owned();
            let combine = Combine::Lua { template, keys, code: code.clone() };
            let group = LuaGroup::new("accumulate", (1..=count).collect(), code);
            let group = Some(Group::Lua(group));
            let exchange = Exchange { keep: Keep::All, cuts: Cuts::Keys, group };
            Ok(plan.exchange(step, [Side::folded(rows, count, combine)], exchange).named(names))
        });
        self.flow.add(origin, [self], Ok(operation))
    }
}

/// A text that returns a table, or is one, as an expression with the same lines.
fn as_expression(text: &str) -> String {
    match text.trim_start().starts_with('{') {
        true => text.to_owned(),
        false => format!("(function() {text}\nend)()"),
    }
}
