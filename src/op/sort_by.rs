//! `sort_by`: an order that a Lua function makes.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Sort;
use crate::op::drop::Drop;
use crate::plan::chain::Step;
use crate::plan::exchange::{Cuts, Exchange, Keep, Side};
use crate::plan::names::Names;
use crate::script::IntoScript;

impl Dataset {
    /// The rows in the order of what a Lua function returns for each: `order` names its results, so
    /// that `1` is the first. What it returns beyond those is not looked at. Rows that the order does
    /// not tell apart keep their order.
    ///
    /// Numbers that have been to Lua are Lua's: a double of 1.0 comes back as the integer 1.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let words = Flow::new().lines(["pear", "Fig", "apple"]);
    /// let by_length: Vec<String> =
    ///     words.sort_by(1, "function(word) return #word end").collect()?;
    /// assert_eq!(by_length, ["Fig", "pear", "apple"]);
    /// let order = Sort::by(1).descending().then(2);
    /// let both = words.sort_by(order, "function(word) return #word > 3, word:lower() end");
    /// assert_eq!(both.collect::<String>()?, ["apple", "pear", "Fig"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column 0 in the order, or one by name; fewer values returned than the order
    /// names; what is no Lua function, and what it throws.
    #[track_caller]
    pub fn sort_by(&self, order: impl Into<Sort>, function: impl IntoScript) -> Dataset {
        let (order, script) = (order.into(), function.into_script());
        self.add_lua("sort_by", Location::caller(), script, move |plan, rows, code| {
            let names = rows.names().clone();
            let order = order.keys(&Names::default())?;
            let (step, width) = (code.step, order.iter().map(|key| key.column).max().unwrap_or(0));
            let rows = plan.fuse(rows, Step::lua_told("sort_by", vec![width.to_string()], code));
            let exchange = Exchange { keep: Keep::All, cuts: Cuts::Rows, group: None };
            let sorted = plan.exchange(step, [Side::sorted(rows, order, Keep::All)], exchange);
            let keys = Drop::new((1..=width).collect::<Vec<u32>>());
            Ok(plan.fuse(sorted, Step::native(step, &keys)).named(names))
        })
    }
}
