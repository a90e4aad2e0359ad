//! What a run has to tell: how far it is, and when it is over, how many rows and bytes went where
//! and what that took.
//!
//! A newcomer's trap: these are plain numbers for people and for JSON; `local/tally.rs` collects
//! them while the run goes on.

mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

/// What a run has done: given by [`Flow::run`](crate::Flow::run), and after any terminal by
/// [`Flow::report`](crate::Flow::report). `Display` makes a table of it for people, serde JSON with
/// the names of these fields, durations in seconds.
///
/// ```
/// use gleamflow::Flow;
///
/// let flow = Flow::new();
/// let words = flow.lines(["a b", "c"]).flat_map("function(line) return line:gmatch('%w+') end");
/// assert_eq!(words.count()?, 3);
/// let report = flow.report().unwrap();
/// assert!(report.completed);
/// assert_eq!(report.steps[0].operator, "lines");
/// assert_eq!(report.steps[0].rows_out, Some(2));
/// assert_eq!((report.steps[1].rows_in, report.steps[1].rows_out), (Some(2), Some(3)));
/// println!("{report}");
/// assert_eq!(serde_json::to_value(&report).unwrap()["steps"][1]["rows_out"], 3);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether all sinks got their rows. Of a run that failed or was cancelled the report tells
    /// what was done until then.
    pub completed: bool,
    /// From the start to the end of the last process of the run.
    #[serde(rename = "wall_seconds", serialize_with = "as_seconds")]
    pub wall: Duration,
    /// Time of the processor that tasks and commands have taken; not that of the program's own
    /// threads, which move blocks.
    #[serde(rename = "cpu_seconds", serialize_with = "as_seconds")]
    pub cpu: Duration,
    /// How many workers there could be at once.
    pub workers: usize,
    /// The most memory that this program and the workers have had at once, in bytes, as seen ten
    /// times a second and at the end: heaps and stacks, not files and code, which may be shared.
    /// What else the program holds is in it, commands are not.
    pub peak_memory_bytes: u64,
    /// Bytes written to temporary files: sorted runs, and what did not fit into memory.
    pub spilled_bytes: u64,
    /// All steps and sinks of the run, in the order in which they were added to the flow.
    pub steps: Vec<StepReport>,
    /// How the steps were done: each stage in its own tasks.
    pub stages: Vec<StageReport>,
    /// What user code has counted, by name. Of tasks whose rows nobody wanted any more, since a
    /// `limit` had enough, nothing is in it: the sums are the same for any number of workers.
    pub counters: BTreeMap<String, Counter>,
    /// What the run had to say, each thing once, as `tracing` has got it.
    pub warnings: Vec<String>,
}

/// What went through one step of a run.
///
/// Rows are counted where they leave one process or loop for another. Lua steps that follow each
/// other are one loop, and so are closures, so of those only the rows into the first and out of the
/// last are known, and of native steps in between all are. [`Dataset::explain`](crate::Dataset::explain) shows what is
/// one stage. The numbers are those of the input and the flow alone, except before a `limit` that
/// has enough: how much was done until then depends on the run.
///
/// ```
/// use gleamflow::Flow;
///
/// let flow = Flow::new();
/// let long = flow.lines(["fox", "ox", "hen"]).filter("function(word) return #word > 2 end");
/// let upper = long.map("function(word) return word:upper() end");
/// assert_eq!(upper.collect::<String>()?, ["FOX", "HEN"]);
/// let steps = flow.report().unwrap().steps;
/// assert_eq!((steps[1].operator.as_str(), steps[1].rows_in), ("filter", Some(3)));
/// // One loop calls both functions.
/// assert_eq!((steps[1].rows_out, steps[2].rows_in), (None, None));
/// assert_eq!((steps[2].operator.as_str(), steps[2].rows_out), ("map", Some(2)));
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepReport {
    /// The builder method, such as `flat_map`.
    pub operator: String,
    /// The file and line of the program where it was called.
    pub file: String,
    /// See `file`.
    pub line: u32,
    /// What the columns behind the step are called, if they have names: `word, n`.
    pub columns: Option<String>,
    /// Rows that went in; `None` where they are not seen. Of a step with two inputs all of both.
    pub rows_in: Option<u64>,
    /// Rows that came out; `None` where they are not seen, and of a sink.
    pub rows_out: Option<u64>,
    /// The bytes of the rows that went in, as they lay there: text, or encoded.
    pub bytes_in: Option<u64>,
    /// The bytes of the rows that came out.
    pub bytes_out: Option<u64>,
    /// Time of the processor that its commands have taken, or the step itself. Of steps that are one
    /// loop, steps with an exchange, sources and sinks only that of the [stage](StageReport::cpu) is
    /// known.
    #[serde(rename = "cpu_seconds", serialize_with = "as_seconds_if_known")]
    pub cpu: Option<Duration>,
    /// Commands that were started again.
    pub retries: u64,
    /// Rows that were left out because they failed.
    pub skipped: u64,
}

/// What the tasks of one stage took.
///
/// ```
/// use gleamflow::Flow;
///
/// let flow = Flow::new();
/// assert_eq!(flow.lines(["b", "a", "b"]).count_by([1]).count()?, 2);
/// let report = flow.report().unwrap();
/// // Before the exchange, and behind it.
/// assert_eq!((&report.stages[0].steps[..], report.stages[0].tasks), (&[0, 1][..], 1));
/// assert_eq!((&report.stages[1].steps[..], report.stages[1].tasks), (&[1][..], 1));
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StageReport {
    /// Its steps, as indices of [`Report::steps`](field@Report::steps). A step with an exchange is in two stages.
    pub steps: Vec<usize>,
    /// Tasks that were done, or commands that were run; a stage that the engine does by itself has
    /// none.
    pub tasks: u64,
    /// Time of the processor that its tasks and commands have taken.
    #[serde(rename = "cpu_seconds", serialize_with = "as_seconds")]
    pub cpu: Duration,
}

/// The sum of what user code has counted under one name.
///
/// Integers stay exact: a sum beyond 64 bits goes on as a double.
///
/// ```
/// use gleamflow::Counter;
///
/// assert_eq!(Counter::Int(3).as_f64(), 3.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Counter {
    /// The sum of integers.
    Int(i64),
    /// A sum with a double in it.
    Float(f64),
}

impl Counter {
    /// A number of Lua's.
    pub(crate) fn of(number: f64) -> Counter {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match number.fract() == 0.0 && number.abs() <= EXACT {
            true => Counter::Int(number as i64),
            false => Counter::Float(number),
        }
    }

    pub(crate) fn add(&mut self, amount: Counter) {
        *self = match (*self, amount) {
            (Counter::Int(sum), Counter::Int(amount)) => match sum.checked_add(amount) {
                Some(sum) => Counter::Int(sum),
                None => Counter::Float(sum as f64 + amount as f64),
            },
            // However the tasks have added it up before, a whole number is shown as one.
            (sum, amount) => Counter::of(sum.as_f64() + amount.as_f64()),
        };
    }

    /// The sum as a double.
    ///
    /// ```
    /// assert_eq!(gleamflow::Counter::Float(0.5).as_f64(), 0.5);
    /// ```
    pub fn as_f64(self) -> f64 {
        match self {
            Counter::Int(sum) => sum as f64,
            Counter::Float(sum) => sum,
        }
    }
}

/// How far a run is, for [`Flow::on_progress`](crate::Flow::on_progress).
///
/// ```
/// use gleamflow::{Flow, Progress};
///
/// fn show(progress: &Progress) {
///     let Progress { rows_read, tasks_done, tasks_known, elapsed, .. } = progress;
///     eprint!("\r{rows_read} rows, {tasks_done} of {tasks_known} tasks, {elapsed:.1?}");
/// }
///
/// assert_eq!(Flow::new().on_progress(show).range(0..1000).count()?, 1000);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Since the run began.
    #[serde(rename = "elapsed_seconds", serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// Rows that sources have given. A worker tells with each task that it has done.
    pub rows_read: u64,
    /// The bytes of these rows, as they lay in the source; of numbers and of the program's own rows
    /// as they are encoded.
    pub bytes_read: u64,
    /// The bytes of all sources, where all of them know: files of text do.
    pub bytes_to_read: Option<u64>,
    /// Tasks that are done, and commands that have ended.
    pub tasks_done: u64,
    /// Tasks and commands that are known of. More are when a stage begins that reads another's rows.
    pub tasks_known: u64,
}

fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn as_seconds_if_known<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}
