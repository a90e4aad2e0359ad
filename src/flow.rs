//! [`Flow`]: the graph under construction, and the knobs of its runs.
//!
//! A newcomer's trap: a `Flow` is a handle. Its clones, and the datasets made from it, all speak of
//! the same graph; nothing runs before a terminal or [`Flow::run`].

mod ends;
mod watched;

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

pub use ends::CancelHandle;
use tokio_util::sync::CancellationToken;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, Origin};
use crate::plan::graph::{Graph, Node, Operation, Shared};
use crate::plan::source::Source;
use crate::report::{Progress, Report};
use crate::script::{IntoScript, Script};
use crate::sink::Attached;
use crate::source::held::Held;

/// A dataflow under construction.
///
/// ```
/// use gleamflow::Flow;
///
/// let words: Vec<(String, u64)> = Flow::new()
///     .lines(["to be or", "not to be"])
///     .flat_map("function(line) return line:gmatch('%w+') end")
///     .map("function(word) return word, 1 end")
///     .reduce("function(x, y) return x + y end")
///     .collect()?;
/// assert_eq!(words[0], ("be".to_string(), 2));
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a flow does nothing until a terminal such as `save_text_to`, or `run`"]
pub struct Flow {
    state: Arc<Mutex<State>>,
}

/// What a flow has been told so far.
#[derive(Default)]
pub(crate) struct State {
    pub graph: Graph,
    pub settings: Settings,
    /// What plans of this flow name by number.
    pub held: Held,
    pub attached: Vec<Attached>,
    /// Ends runs.
    pub cancel: CancellationToken,
    pub on_progress: Option<OnProgress>,
    /// Of the last run.
    pub report: Option<Report>,
}

/// What a run calls to say how far it is.
pub(crate) type OnProgress = Arc<dyn Fn(&Progress) + Send + Sync>;

/// The knobs of a run. `None` leaves the choice to the environment, then to the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub workers: Option<usize>,
    pub memory: Option<u64>,
    pub temp_dir: Option<PathBuf>,
    pub step_timeout: Option<Duration>,
    pub deadline: Option<Duration>,
    pub max_row: Option<usize>,
    pub in_process: bool,
    pub split_bytes: Option<u64>,
    pub block_bytes: Option<usize>,
    pub exchange_bytes: Option<usize>,
    pub no_rewrites: bool,
}

impl Settings {
    /// Where temporary files go, by the flow or by the environment; what is empty there is unset.
    pub(crate) fn temp_dir(&self) -> PathBuf {
        let set = |name| std::env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        let directory = self.temp_dir.clone().or_else(|| set("GLEAMFLOW_TMPDIR"));
        directory.or_else(|| set("TMPDIR")).unwrap_or_else(|| PathBuf::from("/tmp"))
    }
}

impl Flow {
    /// An empty flow.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let (odd, even) = (flow.rows([1, 3]), flow.rows([2]));
    /// assert_eq!(odd.union(&even).collect::<i64>()?, [1, 3, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn new() -> Flow {
        Flow::default()
    }

    /// How many workers run at once. Without it `GLEAMFLOW_WORKERS` says so, or else there is
    /// one for each core that the process may use.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let sum = |workers| {
    ///     let numbers = Flow::new().workers(workers).range(0..1000);
    ///     numbers.fold("function(x, y) return x + y end").first::<i64>()
    /// };
    /// assert_eq!(sum(1)?, sum(3)?);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no workers, or more than 65,536; what in the variable is no number.
    pub fn workers(self, workers: usize) -> Flow {
        self.state().settings.workers = Some(workers);
        self
    }

    /// How many bytes of memory a run may use, workers and their Lua heaps included. Without it
    /// `GLEAMFLOW_MEMORY` says so (`512M`, `2G`), or else it is half of what the process may use.
    /// The least is 64 MiB and 32 MiB for each worker.
    ///
    /// ```
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let numbers = |memory| Flow::new().workers(2).memory(memory).range(0..1000);
    /// assert_eq!(numbers(128 << 20).sort(1).count()?, 1000);
    /// assert_eq!(numbers(1 << 20).count().unwrap_err().kind(), ErrorKind::Memory);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: less than the least; what in the variable is no size.
    pub fn memory(self, bytes: u64) -> Flow {
        self.state().settings.memory = Some(bytes);
        self
    }

    /// Where data that does not fit into memory goes. Without it `GLEAMFLOW_TMPDIR` says so, or
    /// else `TMPDIR`. Files there have no name and are gone with the process, however it ends.
    /// [`Flow::lines`] and [`Flow::rows`] of much data use it at once, so say it before them.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let lines = Flow::new().temp_dir(directory.path()).lines(["x"]);
    /// let path: String = lines.pipe("echo $TMPDIR").first()?.unwrap();
    /// assert!(path.starts_with(directory.path().to_str().unwrap()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a directory where no file can be made, if the run needs one.
    pub fn temp_dir(self, directory: impl Into<PathBuf>) -> Flow {
        self.state().settings.temp_dir = Some(directory.into());
        self
    }

    /// How long a step may take for one row without putting out another one. Without it there is
    /// no limit, but after ten seconds a warning (by `tracing`, and on a terminal).
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let flow = Flow::new().step_timeout(Duration::from_millis(100));
    /// let error = flow.range(0..1).map("function(x) while true do end end").count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// ```
    ///
    /// # Errors
    /// At a terminal, of kind [`Timeout`](crate::ErrorKind::Timeout): the step and its row.
    pub fn step_timeout(self, limit: Duration) -> Flow {
        self.state().settings.step_timeout = Some(limit);
        self
    }

    /// The longest row in bytes, 64 MiB without this.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new().max_row(10);
    /// assert_eq!(flow.lines(["0123456789"]).count()?, 1);
    /// assert!(flow.lines(["0123456789a"]).count().is_err());
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a longer row, wherever it enters the run or is made.
    pub fn max_row(self, bytes: usize) -> Flow {
        self.state().settings.max_row = Some(bytes);
        self
    }

    /// Runs the same task loop on threads of this process instead of worker processes: for
    /// sandboxes that forbid new processes. User code then shares this process's stdin, stdout
    /// and memory, and a step without end can be reported but not stopped.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().workers_in_process().range(0..2).map("function(x) return -x end");
    /// assert_eq!(rows.collect::<i64>()?, [0, -1]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn workers_in_process(self) -> Flow {
        self.state().settings.in_process = true;
        self
    }

    /// Makes splits, blocks and the exchange's memory small, so that tests on little data meet
    /// what large data meets. Not part of the promise: splits change what a task is.
    #[doc(hidden)]
    pub fn test_sizes(
        self,
        split: Option<u64>,
        block: Option<usize>,
        exchange: Option<usize>,
    ) -> Flow {
        {
            let settings = &mut self.state().settings;
            settings.split_bytes = split;
            settings.block_bytes = block;
            settings.exchange_bytes = exchange;
        }
        self
    }

    /// Leaves a plan as the operators have made it, without what makes it faster. For tests: both
    /// give the same bytes.
    #[doc(hidden)]
    pub fn test_without_rewrites(self) -> Flow {
        self.state().settings.no_rewrites = true;
        self
    }

    /// Lua that every task runs before its steps: functions and values that they share.
    ///
    /// Beside the functions of Lua there are `emit`, `str`, `null`, `unpack_rows`, and two that are for
    /// the whole task:
    ///
    /// - `count(name, n)` adds a number, 1 if it is not given, to a counter of the run, which its
    ///   [`Report`](crate::Report) has. Integers add up exactly; which tasks count is the same for any
    ///   number of workers.
    /// - `at_end(f)` has `f` called when all rows of the task have come. In the code of a step that may
    ///   `emit`, what it emits there goes to the steps behind it. It is called where that code makes
    ///   the step's function, or here.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// // Rows of two numbers; an odd one is left when the task ends.
    /// let pairs = Flow::new().range(1..4).map(
    ///     "(function()
    ///         local first
    ///         at_end(function() if first then emit(first, 0) end end)
    ///         return function(x)
    ///             if not first then first = x return end
    ///             local pair = first
    ///             first = nil
    ///             return pair, x
    ///         end
    ///     end)()",
    /// );
    /// assert_eq!(pairs.collect::<(i64, i64)>()?, [(1, 2), (3, 0)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<i64> = Flow::new()
    ///     .lua("function double(x) return 2 * x end")
    ///     .range(1..4)
    ///     .map("function(x) return double(x) end")
    ///     .collect()?;
    /// assert_eq!(rows, [2, 4, 6]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a syntax error, and what the code throws.
    #[track_caller]
    pub fn lua(self, code: impl IntoScript) -> Flow {
        self.add_shared("lua", code.into_script(), Location::caller());
        self
    }

    /// [`Flow::lua`] with the text of a file, which is read now and travels with the flow.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("shared.lua");
    /// std::fs::write(&path, "function double(x) return 2 * x end").unwrap();
    /// let flow = Flow::new().lua_file(path);
    /// let rows: Vec<i64> = flow.range(1..3).map("function(x) return double(x) end").collect()?;
    /// assert_eq!(rows, [2, 4]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a file that cannot be read; else as for [`Flow::lua`].
    #[track_caller]
    pub fn lua_file(self, path: impl AsRef<Path>) -> Flow {
        let path = path.as_ref();
        let location = Location::caller();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_shared("lua_file", Script::from(text), location),
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                let problem = Failure::new(ErrorKind::Input, message);
                let origin = Origin::new("lua_file", location);
                self.state().graph.problem.get_or_insert((origin, problem));
            }
        }
        self
    }

    fn add_shared(&self, operator: &str, script: Script, location: &Location<'_>) {
        let origin = script.origin(operator, location);
        self.state().graph.shared.push(Shared { origin, text: script.into_text() });
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds a flow's state")
    }

    /// Adds a source and returns the handle on its rows.
    pub(crate) fn add_source(
        &self,
        operator: &str,
        caller: &Location<'_>,
        source: Result<Source, Failure>,
    ) -> Dataset {
        let operation = source.map(|source| {
            Operation::new(move |plan, step, []| Ok(plan.source(step, source.clone())))
        });
        self.add(Origin::new(operator, caller), [], operation)
    }

    /// Adds a node and returns the handle on its rows.
    pub(crate) fn add<const N: usize>(
        &self,
        origin: Origin,
        inputs: [&Dataset; N],
        operation: Result<Operation, Failure>,
    ) -> Dataset {
        let foreign = inputs.iter().any(|input| !Arc::ptr_eq(&input.flow.state, &self.state));
        let operation = if foreign { Err(of_another_flow()) } else { operation };
        let inputs = if foreign { Vec::new() } else { inputs.map(|input| input.node).to_vec() };
        let mut state = self.state();
        state.graph.nodes.push(Node { origin, inputs, operation });
        let node = state.graph.nodes.len() - 1;
        drop(state);
        Dataset::new(self.clone(), node)
    }
}

fn of_another_flow() -> Failure {
    Failure::new(ErrorKind::Plan, "the other dataset belongs to another flow")
        .hint("`dataset.flow()` gives the flow to build both from")
}
