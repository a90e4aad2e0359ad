//! The plan: stages, what each reads, and how rows lie between them.
//!
//! A newcomer's trap: stages are listed so that each reads only from stages before it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{Origin, StepId};
use crate::plan::chain::{Chain, Code, KeyColumn, Tail};
use crate::row::layout::Layout;

/// A stage's place in the plan.
pub(crate) type StageId = usize;

/// A flow, checked and cut into stages.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub shared: Vec<Code>,
    pub stages: Vec<Stage>,
    /// The stage that feeds each sink, in the order the sinks were asked for.
    pub outputs: Vec<StageId>,
    /// Where each step was asked for, by step.
    pub origins: Vec<Origin>,
}

/// Work between two exchanges.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// The step that names this stage in errors.
    pub step: StepId,
    pub input: Input,
    pub work: Work,
    /// How the rows leave.
    pub output: Output,
    /// Logical partitions of the output.
    pub partitions: u32,
    /// Stages and sinks that read the output.
    pub readers: u32,
}

/// What a stage reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Input {
    Source(Source),
    Stage(StageId),
}

/// Where rows come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Source {
    TextFile {
        patterns: Vec<std::path::PathBuf>,
    },
    Lines {
        text: Bytes,
        rows: u64,
    },
    Rows {
        frames: Bytes,
        rows: u64,
    },
    Range {
        first: i64,
        end: i64,
    },
    /// A reader of the program that made the plan, by its number there.
    Reader {
        slot: usize,
    },
}

/// What leaves a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Output {
    Rows(Layout),
    /// Sorted runs, for the merge stage that follows.
    Runs,
}

impl Output {
    /// How the rows lie for those who read them. A merge gives frames, unless its runs are raw
    /// lines: see [`Chain::raw`].
    pub(crate) fn layout(self) -> Layout {
        match self {
            Output::Rows(layout) => layout,
            Output::Runs => Layout::Frames,
        }
    }
}

/// What a stage does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Rows pass as they are: the engine reads a source by itself.
    Forward,
    /// Tasks in workers.
    Chain(Chain),
    /// Tasks in workers, each over a key range of the input stage's runs.
    Merge { chain: Chain, order: MergeOrder },
    /// Shell commands, each one's stdout the next one's stdin.
    Shell { commands: Vec<(StepId, String)> },
    /// A command for each row.
    ShellPerRow { command: String },
    /// A command that reads and writes frames.
    FrameCommand { command: String },
    /// The first rows only.
    Limit { rows: u64 },
    /// Row `i` goes to partition `i % count`.
    RoundRobin { count: u32 },
}

/// What a merge does with rows of equal keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MergeOrder {
    pub order: Vec<KeyColumn>,
    /// Only the first row of each key is kept.
    pub first_only: bool,
    /// Rows of one key may be dealt with by several tasks.
    pub divide_keys: bool,
}

impl Work {
    /// The chain that workers run for this stage, and how its input is merged.
    pub(crate) fn chain(&self) -> Option<(&Chain, Option<&MergeOrder>)> {
        match self {
            Work::Chain(chain) => Some((chain, None)),
            Work::Merge { chain, order } => Some((chain, Some(order))),
            _ => None,
        }
    }

    /// Whether only the number of rows leaves the stage.
    pub(crate) fn only_counts(&self) -> bool {
        self.chain().is_some_and(|(chain, _)| chain.tail == Tail::Count)
    }
}

impl Stage {
    /// Whether each partition of the input is worked on apart. All else looks through them.
    pub(crate) fn keeps_partitions(&self) -> bool {
        match &self.work {
            Work::Chain(chain) => matches!(chain.tail, Tail::Frames | Tail::Lines { .. }),
            Work::Shell { .. } | Work::ShellPerRow { .. } | Work::FrameCommand { .. } => true,
            Work::Forward | Work::Merge { .. } | Work::Limit { .. } | Work::RoundRobin { .. } => {
                false
            }
        }
    }
}

impl Plan {
    /// Whether workers write sorted runs.
    pub(crate) fn has_exchange(&self) -> bool {
        self.stages.iter().any(|stage| stage.output == Output::Runs)
    }
}
