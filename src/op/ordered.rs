//! [`Ordered`]: what goes through rows strictly in order, over a whole dataset or by key.
//!
//! A newcomer's trap: over the whole dataset one task takes all rows, one after the other; by key
//! there are as many tasks as an exchange makes.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

use crate::dataset::Dataset;
use crate::error::{Failure, Origin, StepId};
use crate::op::Columns;
use crate::plan::chain::KeyColumn;
use crate::plan::exchange::{Cuts, Exchange, Group, Keep, LuaGroup, Side};
use crate::plan::graph::Operation;
use crate::plan::lower::{Lower, Open};
use crate::plan::names::Names;
use crate::script::Script;

/// The rows of an operator that goes through rows in order: those over the whole dataset, which it
/// can be used as, or [by](Ordered::by) key.
///
/// ```
/// use gleamflow::Flow;
///
/// let rows = Flow::new().rows([("a", 1), ("b", 2), ("a", 3)]);
/// let before = rows.lag(1).select([2, 4]);
/// assert_eq!(before.collect::<(i64, Option<i64>)>()?, [(1, None), (2, Some(1)), (3, Some(2))]);
/// let by_key = rows.lag(1).by([1]).select([2, 3]);
/// assert_eq!(by_key.collect::<(i64, Option<i64>)>()?, [(1, None), (3, Some(1)), (2, None)]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a dataset is computed by a terminal such as `save_text_to`, or by `Flow::run`"]
pub struct Ordered {
    over_all: Dataset,
    input: Dataset,
    origin: Origin,
    made: Arc<Make>,
}

/// Makes what takes the rows of each key, where these are the key columns, or else all rows; and
/// says what the columns are called that come out.
type Make = dyn Fn(&Lower, StepId, &Names, &[u32]) -> Result<(Group, Names), Failure> + Send + Sync;

impl Ordered {
    pub(super) fn new(
        input: &Dataset,
        origin: Origin,
        make: impl Fn(&Lower, StepId, &Names, &[u32]) -> Result<(Group, Names), Failure>
        + Send
        + Sync
        + 'static,
    ) -> Ordered {
        let made: Arc<Make> = Arc::new(make);
        let over_all = add(input, &origin, &made, None);
        Ordered { over_all, input: input.clone(), origin, made }
    }

    /// An operator whose Lua function runs in the loop of `lua/heads/TEMPLATE.lua`; `told` says
    /// what else the loop is told. Of the columns out only those of the key have names.
    pub(super) fn lua(
        input: &Dataset,
        template: &'static str,
        caller: &Location<'_>,
        script: Script,
        told: impl Fn(&Names) -> Result<Vec<String>, Failure> + Send + Sync + 'static,
    ) -> Ordered {
        let origin = script.origin(template, caller);
        let text = script.into_text();
        Ordered::new(input, origin, move |plan, step, names, keys| {
            let group = LuaGroup::new(template, keys.to_vec(), plan.code(step, &text));
            let group = LuaGroup { arguments: told(names)?, ..group };
            Ok((Group::Lua(group), names.select(keys)))
        })
    }

    /// The same for the rows of each key, which is the columns `keys`, by themselves and in
    /// parallel. Columns out: the keys, then what the operator gives. Sorted by key; the rows of a
    /// key keep their order. Without columns it is the whole dataset.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("b", 1), ("a", 2), ("b", 4)]);
    /// let sums: Vec<(String, i64)> =
    ///     rows.scan("function(sum, n) return sum + n end").by([1]).collect()?;
    /// assert_eq!(sums, [("a".into(), 2), ("b".into(), 1), ("b".into(), 5)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: those of the operator; a column 0, or one that a row does not have (see
    /// [`Dataset::pad`]).
    pub fn by(&self, keys: impl Into<Columns>) -> Dataset {
        add(&self.input, &self.origin, &self.made, Some(keys.into()))
    }
}

fn add(input: &Dataset, origin: &Origin, made: &Arc<Make>, keys: Option<Columns>) -> Dataset {
    let made = made.clone();
    let operation = Operation::new(move |plan, step, [rows]: [Open; 1]| {
        let keys = match &keys {
            Some(keys) => keys.numbers(rows.names())?,
            None => Vec::new(),
        };
        let (group, names) = made(plan, step, rows.names(), &keys)?;
        let ordered = match keys[..] {
            [] => plan.in_order(step, rows, false, group),
            _ => by_key(plan, step, rows, &keys, group),
        };
        Ok(ordered.named(names))
    });
    input.flow.add(origin.clone(), [input], Ok(operation))
}

/// Brings the rows of each key together, in order, for a group.
pub(super) fn by_key(
    plan: &mut Lower,
    step: StepId,
    rows: Open,
    keys: &[u32],
    group: Group,
) -> Open {
    let order = keys.iter().map(|&column| KeyColumn::ascending(column)).collect();
    let exchange = Exchange { keep: Keep::All, cuts: Cuts::Keys, group: Some(group) };
    plan.exchange(step, [Side::sorted(rows, order, Keep::All)], exchange)
}

impl Deref for Ordered {
    type Target = Dataset;

    fn deref(&self) -> &Dataset {
        &self.over_all
    }
}

impl From<Ordered> for Dataset {
    fn from(ordered: Ordered) -> Dataset {
        ordered.over_all
    }
}

impl fmt::Debug for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ordered").field("over_all", &self.over_all).finish_non_exhaustive()
    }
}
