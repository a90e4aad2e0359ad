//! What engine and worker tell each other about a run's stages and tasks.
//!
//! A newcomer's trap: a task says nothing about workers, budgets or blocks; what it computes is a
//! function of the plan and its input alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::StepId;
use crate::lua::Outcome;
use crate::plan::chain::{Chain, Code};
use crate::plan::cut::Cut;
use crate::plan::exchange::{Facts, Keep};
use crate::plan::guard::Guarded;
use crate::plan::named::Name;
use crate::plan::stage::StageId;
use crate::report::Counter;
use crate::row::side_table::Shape;
use crate::worker::runs::{Run, RunInput, TaskRuns};

/// The stages of a run, sent once to each worker that serves it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub shared: Vec<Code>,
    pub stages: Vec<(StageId, StageWork)>,
    pub limits: Limits,
    /// The number of the file into which this worker appends runs.
    pub run_file: u32,
}

/// What tasks of a stage do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StageWork {
    pub chain: Chain,
    /// Which rows of a merge are kept, if it is one.
    pub keep: Option<Keep>,
}

/// The sizes a worker keeps to. They move bytes, never results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub lua_bytes: usize,
    pub arena_bytes: usize,
    pub merge_bytes: usize,
    pub held_bytes: usize,
    pub max_row: usize,
    pub block_bytes: usize,
    pub step_timeout_ms: Option<u64>,
}

/// A stage over one piece of its input.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TaskSpec {
    pub stage: StageId,
    /// Seeds `math.random`.
    pub seed: u64,
    pub input: TaskInput,
    /// What the worker is to hold for it, all of it.
    pub held: Vec<HeldRuns>,
    /// The side tables that its functions may look into.
    pub tables: Vec<TableFile>,
}

/// A side table in a file that the worker has been sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TableFile {
    pub name: String,
    pub file: u32,
    pub shape: Shape,
}

/// The rows of one side that each worker holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HeldRuns {
    pub runs: Vec<RunInput>,
    pub facts: Facts,
}

/// Where a task's rows come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum TaskInput {
    /// Blocks that the engine sends.
    Blocks,
    /// A part of a source, which the worker reads.
    Part(Name),
    /// A key range of sorted runs.
    Merge {
        runs: Vec<RunInput>,
        from: Option<Cut>,
        to: Option<Cut>,
        /// The first task of each side of the exchange.
        sides_from: Vec<u32>,
        /// What is known of each side.
        facts: Vec<Facts>,
    },
    /// Sorted runs to be made one.
    MergeRuns { runs: Vec<RunInput>, keep: Keep },
}

impl TaskInput {
    /// What is known of each side of an exchange.
    pub(crate) fn facts(&self) -> &[Facts] {
        match self {
            TaskInput::Merge { facts, .. } => facts,
            _ => &[],
        }
    }
}

/// What came of a task, besides its blocks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TaskResult {
    pub rows: u64,
    pub runs: Option<TaskRuns>,
    pub merged: Option<Run>,
    pub counts: Counts,
    pub work: TaskWork,
}

/// What a task has done: it counts for the report once it is done, whoever wants its rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TaskWork {
    /// Time of the processor, in nanoseconds.
    pub cpu: u64,
    /// The same by step, of those that are alone in a segment of its chain.
    pub cpu_of: Vec<(StepId, u64)>,
    /// What it has read by itself.
    pub read: Amount,
    /// What has gone into steps and has come out of them, where that is seen: between the segments
    /// of its chain.
    pub into: Vec<(StepId, Amount)>,
    pub out_of: Vec<(StepId, Amount)>,
    /// Bytes that the worker has written to its temporary file since its last task was done.
    pub spilled: u64,
}

/// Rows, and the bytes in which they lay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Amount {
    pub rows: u64,
    pub bytes: u64,
}

impl Amount {
    pub(crate) fn add(&mut self, rows: u64, bytes: usize) {
        self.rows += rows;
        self.bytes += bytes as u64;
    }
}

/// What a task has counted for the report. It counts when the task's turn comes, so that the
/// numbers are the same for any number of workers, sums of doubles included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// What user code has counted, by name.
    pub counters: BTreeMap<String, Counter>,
    /// Rows that steps have left out because they failed.
    pub skipped: BTreeMap<StepId, u64>,
    /// Rows that those steps have been given.
    pub seen: BTreeMap<StepId, u64>,
}

impl Counts {
    pub(crate) fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.skipped.is_empty() && self.seen.is_empty()
    }

    /// Adds what the Lua of a task has counted.
    pub(crate) fn add_outcome(&mut self, outcome: Outcome) {
        let counters = outcome.counts.into_iter().map(|(name, amount)| (name, Counter::of(amount)));
        let mut counts = Counts { counters: counters.collect(), ..Counts::default() };
        for Guarded { step, rows, rejected } in outcome.guarded {
            counts.seen.insert(step, rows);
            counts.skipped.extend((rejected > 0).then_some((step, rejected)));
        }
        self.add(&counts);
    }

    /// Adds what came later.
    pub(crate) fn add(&mut self, later: &Counts) {
        for (name, amount) in &later.counters {
            match self.counters.get_mut(name) {
                Some(sum) => sum.add(*amount),
                None => drop(self.counters.insert(name.clone(), *amount)),
            }
        }
        for (step, rows) in &later.skipped {
            *self.skipped.entry(*step).or_default() += rows;
        }
        for (step, rows) in &later.seen {
            *self.seen.entry(*step).or_default() += rows;
        }
    }
}
