//! An exchange as data: whose rows meet by key, in which order, and what becomes of them.
//!
//! A newcomer's trap: `reduce`, `fold`, `sort`, `distinct` and `top` are values of [`Exchange`];
//! nothing here knows their names.

use serde::{Deserialize, Serialize};

use crate::plan::chain::{Code, KeyColumn};
use crate::plan::lower::Open;
use crate::plan::native::Native;

/// The rows that come to an exchange from one dataset.
pub(crate) struct Side {
    pub rows: Open,
    pub order: Vec<KeyColumn>,
    /// Which rows of a task are kept.
    pub keep: Keep,
    pub combine: Option<Combine>,
    /// Whether the group is told [what its rows have in common](Facts).
    pub measured: bool,
}

/// What is known of all rows of one side of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The most columns that a row has; 0 where there is none.
    pub width: u32,
    /// Of each column of the order, what kinds of values it has.
    pub kinds: Vec<Kinds>,
}

/// Kinds of values, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const TEXT: Kinds = Kinds(1);
    pub(crate) const NUMBER: Kinds = Kinds(2);
    pub(crate) const OTHER: Kinds = Kinds(4);

    pub(crate) fn has(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn add(&mut self, other: Kinds) {
        self.0 |= other.0;
    }
}

impl Facts {
    /// What is known of two sets of rows together.
    pub(crate) fn add(&mut self, other: &Facts) {
        self.width = self.width.max(other.width);
        if self.kinds.len() < other.kinds.len() {
            self.kinds.resize(other.kinds.len(), Kinds::default());
        }
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(all, kinds)| all.add(*kinds));
    }
}

impl Side {
    /// Rows in an order.
    pub(crate) fn sorted(rows: Open, order: Vec<KeyColumn>, keep: Keep) -> Side {
        Side { rows, order, keep, combine: None, measured: false }
    }

    /// The same side, of whose rows the group wants to know what they have in common.
    pub(crate) fn measured(self) -> Side {
        Side { measured: true, ..self }
    }

    /// Rows folded by the columns `keys`, which come first then.
    pub(crate) fn folded(rows: Open, keys: u32, combine: Combine) -> Side {
        let order = (1..=keys).map(KeyColumn::ascending).collect();
        Side { rows, order, keep: Keep::All, combine: Some(combine), measured: false }
    }
}

/// What a task may do to rows of equal keys before the exchange. `keys` are the key columns of the
/// arriving rows, counted from 1; combined rows have the keys first, and the side's order names
/// those.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Combine {
    /// Folds with the user's function, at the end of a loop that `lua/tails/TEMPLATE.lua` makes.
    Lua { template: String, keys: Vec<u32>, code: Code },
    /// Folds with a fold of the registry.
    Native { keys: Vec<u32>, fold: Native },
}

/// What happens between the sides' rows and the rows that come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub keep: Keep,
    pub cuts: Cuts,
    pub group: Option<Group>,
}

/// Which rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Keep {
    All,
    /// The first row of each key.
    First,
    /// The first rows of the order.
    Top(u64),
}

/// Where the rows may be divided into ranges that are merged apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cuts {
    /// Between keys.
    Keys,
    /// Anywhere: rows of one key may be dealt with by several tasks.
    Rows,
    /// Nowhere: there is one range, even of no rows.
    One,
}

/// A user's function that takes the rows of each key, in a loop of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LuaGroup {
    /// The file of the loop, in `lua/heads`.
    pub template: String,
    /// The key columns of the arriving rows, counted from 1.
    pub keys: Vec<u32>,
    /// What else the loop is told: numbers and words.
    pub arguments: Vec<String>,
    /// A row that is alone under its key comes out as it is, so that it need not go to Lua.
    pub keeps_single: bool,
    pub code: Code,
}

impl LuaGroup {
    /// A function in the loop of `lua/heads/TEMPLATE.lua`.
    pub(crate) fn new(template: &str, keys: Vec<u32>, code: Code) -> LuaGroup {
        let template = template.to_owned();
        LuaGroup { template, keys, arguments: Vec::new(), keeps_single: false, code }
    }
}

/// What takes the rows of each key, which come one after another.
///
/// Without an exchange before it all rows of a task are one group: see
/// [`Lower::in_order`](crate::plan::lower::Lower::in_order).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Group {
    /// The user's function takes them.
    Lua(LuaGroup),
    /// The same by a fold of the registry. Without key columns there is a group even of no rows, if
    /// there is a range for it: see [`Cuts::One`].
    Fold { keys: u32, fold: Native },
    /// A group step of the registry.
    Step(Native),
}
