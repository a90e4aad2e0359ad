//! A chain: the fused steps that one worker runs between two exchanges.
//!
//! A newcomer's trap: a reduce stands in two chains. The first ends in [`Tail::Runs`], which
//! combines and sorts what one task has; the second begins with [`Head::Groups`], which folds the
//! merged runs of all tasks.

use serde::{Deserialize, Serialize};

use crate::error::StepId;
use crate::plan::exchange::{Combine, Group, Keep};
use crate::plan::guard::Guard;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::plan::tables::TableId;
use crate::plan::view::{Columns, TAB, View};
use crate::plan::writing::Writing;
pub(crate) use crate::row::key::{KeyColumn, WHOLE_ROW};
use crate::row::layout::Layout;

/// A piece of the user's Lua: one function expression, or the text given to `lua(code)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Code {
    pub step: StepId,
    pub text: String,
    /// Seeds its `math.random`, together with the task: see [`crate::plan::seed`].
    pub seed: u64,
    /// The side tables that it may look into.
    pub tables: Vec<TableId>,
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
        let Head::Rows(layout @ (Layout::Lines | Layout::Columns)) = self.head else { return None };
        let (layout, steps) = self.viewed(layout);
        steps.is_empty().then_some(layout)
    }

    /// How its rows lie when the first steps that are only another view of lines are over, and the
    /// steps behind those.
    pub(crate) fn viewed(&self, layout: Layout) -> (Layout, &[Step]) {
        match &self.steps[..] {
            [Step::Native(Native { view: Some(View::Cut(TAB)), .. }), rest @ ..]
                if layout == Layout::Lines =>
            {
                (Layout::Columns, rest)
            }
            steps => (layout, steps),
        }
    }

    /// The columns that the first function in Lua, or a fold, gets of rows which come as lines, where
    /// the steps before it are views of them, and the steps from it on.
    pub(crate) fn columns_of_lines(&self) -> Option<(Columns, &[Step])> {
        let Head::Rows(layout) = self.head else { return None };
        let (cut, mut steps) = match (layout, &self.steps[..]) {
            (Layout::Columns, steps) => (TAB, steps),
            (
                Layout::Lines,
                [Step::Native(Native { view: Some(View::Cut(cut)), .. }), rest @ ..],
            ) => (*cut, rest),
            _ => return None,
        };
        let mut then = Vec::new();
        while let [Step::Native(Native { step, view: Some(view), .. }), rest @ ..] = steps
            && !matches!(view, View::Cut(_))
        {
            then.push((*step, view.clone()));
            steps = rest;
        }
        let combines = || matches!(self.tail, Tail::Runs { combine: Some(_), .. });
        let reads_lines = steps.first().map_or_else(combines, Step::is_lua);
        reads_lines.then_some((Columns { cut, then }, steps))
    }

    /// The steps that it does, or does a part of.
    pub(crate) fn all_steps(&self) -> impl Iterator<Item = StepId> {
        let head = match &self.head {
            Head::Rows(_) | Head::Columns(..) => None,
            Head::Groups(Group::Lua(group)) => Some(group.code.step),
            Head::Groups(Group::Fold { fold: native, .. } | Group::Step(native)) => {
                Some(native.step)
            }
        };
        let tail = match &self.tail {
            Tail::Frames | Tail::Count => None,
            Tail::Written(writing) => Some(writing.step),
            Tail::Partition { step, .. } | Tail::Runs { step, .. } => Some(*step),
        };
        head.into_iter().chain(self.steps.iter().map(Step::id)).chain(tail)
    }

    /// The side tables that its functions may look into, each once.
    pub(crate) fn tables(&self) -> Vec<TableId> {
        let mut tables: Vec<_> =
            self.codes().flat_map(|code| code.tables.iter().copied()).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// The user's functions in it.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Code> {
        let tail = match &self.tail {
            Tail::Runs { combine: Some(Combine::Lua { code, .. }), .. } => Some(code),
            _ => None,
        };
        codes(&self.head, &self.steps).chain(tail)
    }
}

/// The user's functions in the beginning of a chain.
pub(super) fn codes<'a>(head: &'a Head, steps: &'a [Step]) -> impl Iterator<Item = &'a Code> {
    let head = match head {
        Head::Groups(Group::Lua(group)) => Some(&group.code),
        _ => None,
    };
    let steps = steps.iter().filter_map(|step| match step {
        Step::Lua(LuaStep { code, .. }) => Some(code),
        Step::Native(_) | Step::Spread(_) => None,
    });
    head.into_iter().chain(steps)
}

/// How the rows of a task arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Head {
    Rows(Layout),
    /// Lines, which lie as they do, as rows of columns.
    Columns(Layout, Columns),
    /// Frames sorted by key, with marks; or without an exchange, all rows of a partition as one
    /// group.
    Groups(Group),
}

impl Head {
    /// How the rows lie when they arrive.
    pub(crate) fn layout(&self) -> Layout {
        match self {
            Head::Rows(layout) | Head::Columns(layout, _) => *layout,
            Head::Groups(_) => Layout::Frames,
        }
    }
}

/// One map-like step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Lua(LuaStep),
    /// Code that makes one row of each row.
    Native(Native),
    /// Code that makes any number of rows of each: a group step without an exchange.
    Spread(Native),
}

/// A step that calls the user's function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LuaStep {
    /// The file of its part of the loop, in `lua/steps`.
    pub template: String,
    /// What else the loop is told.
    pub arguments: Vec<String>,
    pub code: Code,
    /// What becomes of rows that fail in it; else they end the run.
    pub guard: Option<Guard>,
}

impl Step {
    /// A step that calls the user's function in the loop of `lua/steps/TEMPLATE.lua`.
    pub(crate) fn lua(template: &str, code: Code) -> Step {
        Step::lua_told(template, Vec::new(), code)
    }

    /// The same where the loop is told more.
    pub(crate) fn lua_told(template: &str, arguments: Vec<String>, code: Code) -> Step {
        Step::Lua(LuaStep { template: template.to_owned(), arguments, code, guard: None })
    }

    /// A step of the registry of native code.
    pub(crate) fn native(step: StepId, arguments: &impl Arguments) -> Step {
        Step::Native(Native::new(step, arguments))
    }

    pub(crate) fn is_lua(&self) -> bool {
        matches!(self, Step::Lua(_))
    }

    /// The step of the plan.
    pub(crate) fn id(&self) -> StepId {
        match self {
            Step::Lua(step) => step.code.step,
            Step::Native(native) | Step::Spread(native) => native.step,
        }
    }
}

/// Where the rows of a task go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tail {
    /// Encoded rows.
    Frames,
    /// Text, a line for each row.
    Written(Writing),
    /// Nothing: only the number of rows counts.
    Count,
    /// Encoded rows, routed by the hash of their key columns (from 1) to one of `count` partitions.
    Partition { step: StepId, keys: Vec<u32>, count: u32 },
    /// Sorted runs for a keyed exchange. `raw`: of the lines as they came, see [`Chain::raw`].
    Runs {
        step: StepId,
        order: Vec<KeyColumn>,
        keep: Keep,
        combine: Option<Combine>,
        /// See [`Side::measured`](crate::plan::exchange::Side).
        measured: bool,
        raw: bool,
    },
}

impl Tail {
    /// Whether rows of different partitions stay apart. All else looks through them, partition 0
    /// first.
    pub(crate) fn keeps_partitions(&self) -> bool {
        matches!(self, Tail::Frames | Tail::Written(_))
    }
}
