//! A chain: the fused steps that one worker runs between two exchanges.
//!
//! A newcomer's trap: a reduce stands in two chains. The first ends in [`Tail::Runs`], which
//! combines and sorts what one task has; the second begins with [`Head::Reduce`], which folds the
//! merged runs of all tasks.

use serde::{Deserialize, Serialize};

use crate::error::StepId;
use crate::plan::exchange::{Combine, Keep};
pub(crate) use crate::row::key::{KeyColumn, WHOLE_ROW};
use crate::row::layout::Layout;

/// A piece of the user's Lua: one function expression, or the text given to `lua(code)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Code {
    pub step: StepId,
    pub text: String,
    /// Seeds its `math.random`, together with the task: see [`crate::plan::seed`].
    pub seed: u64,
}

/// Everything a worker needs to run the tasks of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    pub head: Head,
    pub steps: Vec<Step>,
    pub tail: Tail,
}

impl Chain {
    /// How the rows leave if they are text all the way: lines that no step looks into. Cutting
    /// them at TAB is only another view of them.
    pub(crate) fn raw(&self) -> Option<Layout> {
        match (&self.head, &self.steps[..]) {
            (Head::Rows(layout @ (Layout::Lines | Layout::Columns)), []) => Some(*layout),
            (Head::Rows(Layout::Lines), [Step::Split { separator, .. }]) if separator == b"\t" => {
                Some(Layout::Columns)
            }
            _ => None,
        }
    }

    /// Whether the sorted runs that it makes are of raw lines.
    pub(crate) fn makes_raw_runs(&self) -> bool {
        matches!(self.tail, Tail::Runs { raw: true, .. })
    }

    /// The user's functions in it.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Code> {
        let head = match &self.head {
            Head::Reduce { code, .. } => Some(code),
            _ => None,
        };
        let steps = self.steps.iter().filter_map(|step| match step {
            Step::Map(code) | Step::FlatMap(code) | Step::Filter(code) | Step::ForEach(code) => {
                Some(code)
            }
            _ => None,
        });
        let tail = match &self.tail {
            Tail::Runs { combine: Some(Combine::Lua { code, .. }), .. } => Some(code),
            _ => None,
        };
        head.into_iter().chain(steps).chain(tail)
    }
}

/// How the rows of a task arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Head {
    Rows(Layout),
    /// Frames sorted by their first `keys` columns, to be folded where those are equal.
    Reduce {
        keys: u32,
        code: Code,
    },
}

impl Head {
    /// How the rows lie when they arrive.
    pub(crate) fn layout(&self) -> Layout {
        match self {
            Head::Rows(layout) => *layout,
            Head::Reduce { .. } => Layout::Frames,
        }
    }
}

/// One map-like step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Map(Code),
    FlatMap(Code),
    Filter(Code),
    ForEach(Code),
    /// Keeps the named columns, counted from 1, in the order given.
    Select {
        step: StepId,
        columns: Vec<u32>,
    },
    /// Cuts a row of one text column at each separator.
    Split {
        step: StepId,
        separator: Vec<u8>,
    },
    /// Reads the named text columns as numbers.
    Numbers {
        step: StepId,
        columns: Vec<u32>,
    },
}

impl Step {
    pub(crate) fn is_lua(&self) -> bool {
        matches!(self, Step::Map(_) | Step::FlatMap(_) | Step::Filter(_) | Step::ForEach(_))
    }
}

/// Where the rows of a task go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tail {
    /// Encoded rows.
    Frames,
    /// Columns joined by TAB, a line per row: for commands and line sinks.
    Lines { step: StepId },
    /// Formatted text, a line per row.
    Text { step: StepId, format: String },
    /// Nothing: only the number of rows counts.
    Count,
    /// Encoded rows, routed by the hash of their key columns (from 1) to one of `count` partitions.
    Partition { step: StepId, keys: Vec<u32>, count: u32 },
    /// Sorted runs for a keyed exchange. `raw`: of the lines as they came, see [`Chain::raw`].
    Runs { step: StepId, order: Vec<KeyColumn>, keep: Keep, combine: Option<Combine>, raw: bool },
}

impl Tail {
    /// Whether rows of different partitions stay apart. All else looks through them, partition 0
    /// first.
    pub(crate) fn keeps_partitions(&self) -> bool {
        matches!(self, Tail::Frames | Tail::Lines { .. })
    }
}
