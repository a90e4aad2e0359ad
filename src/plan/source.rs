//! A source in a plan, and a part of one in a task.
//!
//! A newcomer's trap: what only the program has, such as a reader or rows that it gave, is named by
//! its number there. A plan with such a source can't leave the program.

use serde::{Deserialize, Serialize};

use crate::plan::named::{Arguments, Name};
use crate::row::layout::Layout;

/// Where rows come from: a name in the registry of `source/registry.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub code: Name,
    /// How its rows lie.
    pub layout: Layout,
    /// Its rows are where only the program has them: in what the flow holds.
    pub is_held: bool,
}

impl Source {
    pub(crate) fn new(source: &impl Arguments, layout: Layout) -> Source {
        Source { code: Name::new(source), layout, is_held: false }
    }

    /// The same of what the flow holds.
    pub(crate) fn held(self) -> Source {
        Source { is_held: true, ..self }
    }
}
