//! The plan: stages, what each reads, and how rows lie between them.
//!
//! A newcomer's trap: stages are listed so that each reads only from stages before it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Failure, Origin, StepId};
use crate::plan::chain::{Chain, Code, Head, KeyColumn, Step, Tail};
use crate::plan::closure::Closure;
use crate::plan::command::Command;
use crate::plan::exchange::{Cuts, Keep};
use crate::plan::guard::Guard;
use crate::plan::source::Source;
use crate::plan::tables::{Table, TableId};
use crate::row::layout::Layout;

/// A stage's place in the plan.
pub(crate) type StageId = usize;

/// A flow, checked and cut into stages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub shared: Vec<Code>,
    pub stages: Vec<Stage>,
    pub tables: Vec<Table>,
    /// The stage that feeds each sink, in the order the sinks were asked for.
    pub outputs: Vec<StageId>,
    /// Where each step was asked for, by step.
    pub origins: Vec<Origin>,
    /// What the columns behind a step are called, for people.
    pub names: Vec<(StepId, String)>,
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
    /// Stages of sorted runs that each worker holds, all of them.
    pub held: Vec<StageId>,
    /// Logical partitions of the output.
    pub partitions: u32,
}

/// What a stage reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Input {
    Source(Source),
    /// Stages: one after another, or all at once where their runs are merged.
    Stages(Vec<StageId>),
}

impl Input {
    pub(crate) fn stages(&self) -> &[StageId] {
        match self {
            Input::Source(_) => &[],
            Input::Stages(stages) => stages,
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Rows pass as they are: the engine reads a source, or one stage after another.
    Forward,
    /// Tasks in workers.
    Chain(Chain),
    /// Tasks in workers, each over a key range of the input stages' runs.
    Merge { chain: Chain, merge: Merge },
    /// Commands, each one's stdout the next one's stdin.
    Commands(Vec<Command>),
    /// Closures of the program, one after another.
    Closures(Vec<Closure>),
    /// Some neighbouring rows only.
    Slice(Slice),
    /// Each row of the first input beside that of the second which stands at the same place.
    Zip(Zip),
    /// Each row of the first input, with columns of that of the second which stands at the same place.
    Replace(Replace),
    /// Row `i` goes to partition `i % count`.
    Deal { count: u32 },
}

/// Neighbouring rows: those behind the first `skip`, at most `take` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slice {
    pub skip: u64,
    pub take: Option<u64>,
}

/// How rows are paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Zip {
    /// The input that ends first goes on with nils; else that is an error.
    pub longest: bool,
}

/// Which columns of rows are replaced by those that a command has made of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replace {
    /// From 1, in the order in which the command has got them.
    pub columns: Vec<u32>,
    /// What a person calls the command.
    pub command: String,
}

/// What a merge does with rows of equal keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Merge {
    /// The order of each side, for people; the runs have it as key bytes.
    pub orders: Vec<Vec<KeyColumn>>,
    pub keep: Keep,
    pub cuts: Cuts,
}

impl Work {
    /// The chain that workers run for this stage, and how its input is merged.
    pub(crate) fn chain(&self) -> Option<(&Chain, Option<&Merge>)> {
        match self {
            Work::Chain(chain) => Some((chain, None)),
            Work::Merge { chain, merge } => Some((chain, Some(merge))),
            _ => None,
        }
    }

    pub(crate) fn chain_mut(&mut self) -> Option<&mut Chain> {
        match self {
            Work::Chain(chain) | Work::Merge { chain, .. } => Some(chain),
            _ => None,
        }
    }

    /// Whether only the number of rows leaves the stage.
    pub(crate) fn only_counts(&self) -> bool {
        self.chain().is_some_and(|(chain, _)| chain.tail == Tail::Count)
    }

    /// Whether all rows of a partition go through one task, as one group.
    pub(crate) fn is_in_order(&self) -> bool {
        matches!(self, Work::Chain(Chain { head: Head::Groups(_), .. }))
    }

    /// Whether its tasks say for each block to which partition it goes.
    pub(crate) fn is_routed(&self) -> bool {
        self.chain().is_some_and(|(chain, _)| matches!(chain.tail, Tail::Partition { .. }))
    }
}

impl Stage {
    /// The side tables that its functions may look into.
    pub(crate) fn tables(&self) -> Vec<TableId> {
        self.work.chain().map_or(Vec::new(), |(chain, _)| chain.tables())
    }

    /// Whether each partition of the input is worked on apart. All else looks through them.
    pub(crate) fn keeps_partitions(&self) -> bool {
        match &self.work {
            Work::Chain(chain) => chain.tail.keeps_partitions(),
            Work::Commands(_) | Work::Closures(_) | Work::Replace(_) => true,
            Work::Forward
            | Work::Merge { .. }
            | Work::Slice(_)
            | Work::Zip(_)
            | Work::Deal { .. } => false,
        }
    }
}

impl Stage {
    /// The steps whose work it does, in the order in which rows meet them.
    pub(crate) fn steps(&self) -> Vec<StepId> {
        let mut steps = Vec::new();
        if let Input::Source(_) = self.input {
            steps.push(self.step);
        }
        match &self.work {
            Work::Chain(chain) => steps.extend(chain.all_steps()),
            Work::Merge { chain, .. } => {
                steps.push(self.step);
                steps.extend(chain.all_steps());
            }
            Work::Commands(commands) => steps.extend(commands.iter().map(|command| command.step)),
            Work::Closures(closures) => steps.extend(closures.iter().map(|closure| closure.step)),
            Work::Forward
            | Work::Slice(_)
            | Work::Zip(_)
            | Work::Replace(_)
            | Work::Deal { .. } => {
                steps.push(self.step);
            }
        }
        steps.dedup();
        steps
    }
}

impl Plan {
    /// Names the user's own line for a failure.
    pub(crate) fn error(&self, failure: Failure) -> Error {
        let origin = failure.step.and_then(|step| self.origins.get(step as usize)).cloned();
        Error::new(failure, origin)
    }

    /// The steps that leave bad rows out.
    pub(crate) fn guards(&self) -> impl Iterator<Item = (StepId, &Guard)> {
        let chains = self.stages.iter().filter_map(|stage| Some(stage.work.chain()?.0));
        let in_chains = chains.flat_map(|chain| &chain.steps).filter_map(|step| match step {
            Step::Lua(step) => Some((step.code.step, step.guard.as_ref()?)),
            Step::Native(step) | Step::Spread(step) => Some((step.step, step.guard.as_ref()?)),
        });
        let commands = self.stages.iter().flat_map(|stage| match &stage.work {
            Work::Commands(commands) => &commands[..],
            _ => &[],
        });
        in_chains.chain(commands.filter_map(|one| Some((one.step, one.guard.as_ref()?))))
    }

    /// The step of a sink: they come last.
    pub(crate) fn sink_step(&self, sink: usize) -> StepId {
        let step = self.origins.len() - self.outputs.len() + sink;
        u32::try_from(step).expect("fewer than 2^32 steps")
    }

    /// How many stages, side tables and sinks read each stage.
    pub(crate) fn readers(&self) -> Vec<u32> {
        let mut readers = vec![0; self.stages.len()];
        let inputs = self.stages.iter().flat_map(|stage| stage.input.stages());
        let tables = self.tables.iter().filter_map(|table| table.stage.as_ref());
        inputs.chain(tables).chain(&self.outputs).for_each(|&stage| readers[stage] += 1);
        readers
    }

    /// Whether workers write sorted runs.
    pub(crate) fn has_exchange(&self) -> bool {
        self.stages.iter().any(|stage| stage.output == Output::Runs)
    }

    /// All of the user's Lua, each piece once, in the order of its steps: and whether it is a
    /// step's function.
    pub(crate) fn codes(&self) -> Vec<(&Code, bool)> {
        let chains = self.stages.iter().filter_map(|stage| Some(stage.work.chain()?.0));
        let steps = chains.flat_map(Chain::codes).map(|code| (code, true));
        let mut codes: Vec<_> = self.shared.iter().map(|code| (code, false)).chain(steps).collect();
        codes.sort_by_key(|(code, _)| code.step);
        codes.dedup_by_key(|(code, _)| code.step);
        codes
    }
}
