//! An exchange as data: whose rows meet by key, in which order, and what becomes of them.
//!
//! A newcomer's trap: `reduce`, `fold`, `sort`, `distinct` and `top` are values of [`Exchange`];
//! nothing here knows their names.

use serde::{Deserialize, Serialize};

use crate::plan::chain::{Code, KeyColumn};
use crate::plan::lower::Open;

/// The rows that come to an exchange from one dataset.
pub(crate) struct Side {
    pub rows: Open,
    pub order: Vec<KeyColumn>,
    pub combine: Option<Combine>,
}

impl Side {
    /// Rows in an order, as they are.
    pub(crate) fn sorted(rows: Open, order: Vec<KeyColumn>) -> Side {
        Side { rows, order, combine: None }
    }
}

/// What a task may do to rows of equal keys before the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Combine {
    /// Folds with the user's function. `keys` are the key columns (from 1) of the arriving rows;
    /// combined rows have the keys first, so that the side's order names columns 1..=n.
    Lua { keys: Vec<u32>, code: Code },
}

/// What happens between the sides' rows and the rows that come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub keep: Keep,
    pub cuts: Cuts,
    pub group: Option<Group>,
}

/// Which rows are kept, before the exchange and behind it.
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
    /// Nowhere.
    One,
}

/// What folds the rows of each key, which come one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Group {
    /// The user's function; the first `keys` columns are the key.
    Lua { keys: u32, code: Code },
}
