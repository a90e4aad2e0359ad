//! What a run counts for its report.
//!
//! A newcomer's trap: what user code counts is [`Counts`] of a task, and travels behind that task's
//! rows from queue to queue until they have been taken. So a task whose rows nobody wants any more,
//! since a `limit` has enough, counts nothing, whether it has run or not.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::error::StepId;
use crate::local::letters::{Letters, TaskLetters};
use crate::plan::chain::{Chain, Head};
use crate::plan::stage::{Input, Plan, Stage, StageId, Work};
use crate::report::Progress;
use crate::worker::task::{Amount, Counts, TaskWork};

/// The counts of one run.
pub(crate) struct Tally {
    pub(super) started: Instant,
    told: Mutex<Told>,
    into: Vec<Flow>,
    out_of: Vec<Flow>,
    pub(super) stages: Vec<StageTally>,
    /// Steps that put columns back which they have sent through a command: what goes in is what is
    /// sent, and what comes out are whole rows.
    replacing: HashSet<StepId>,
    /// What sources have given, and of how many bytes, where that is known.
    read: Flow,
    to_read: AtomicU64,
    /// Bytes that workers have written to temporary files.
    spilled: AtomicU64,
    /// The most memory seen.
    memory: AtomicU64,
}

#[derive(Clone, Default)]
pub(super) struct Told {
    pub counts: Counts,
    /// Commands that were started again.
    pub retries: BTreeMap<StepId, u64>,
    /// Time of the processor that commands have taken, and steps that are alone in a segment.
    pub commands_cpu: BTreeMap<StepId, Duration>,
    pub steps_cpu: BTreeMap<StepId, Duration>,
}

/// What has gone past some place, if it is looked at.
#[derive(Default)]
struct Flow {
    is_seen: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Flow {
    fn add(&self, amount: Amount) {
        self.rows.fetch_add(amount.rows, Ordering::Relaxed);
        self.bytes.fetch_add(amount.bytes, Ordering::Relaxed);
        self.is_seen.store(true, Ordering::Release);
    }

    fn get(&self) -> Option<Amount> {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let is_seen = self.is_seen.load(Ordering::Acquire);
        is_seen.then(|| Amount { rows: load(&self.rows), bytes: load(&self.bytes) })
    }
}

/// What is counted of the tasks of a stage.
#[derive(Default)]
pub(super) struct StageTally {
    /// The step of its source.
    source: Option<StepId>,
    /// The step whose rows its tasks read, sorted.
    sorted: Option<StepId>,
    /// The step that gets all rows of a key; they were counted where they went into the exchange.
    group: Option<StepId>,
    /// Tasks that are known of, begun or not.
    pub tasks: AtomicU64,
    begun: AtomicU64,
    pub done: AtomicU64,
    /// In nanoseconds.
    pub cpu: AtomicU64,
    /// Threads that call its closures just now.
    threads: AtomicU64,
}

/// Sources of unknown size: a sum with them is unknown too.
const UNKNOWN: u64 = u64::MAX;

impl Tally {
    pub(crate) fn new(plan: &Plan) -> Tally {
        let flows = || plan.origins.iter().map(|_| Flow::default()).collect();
        let replacing = plan.stages.iter().filter(|stage| matches!(stage.work, Work::Replace(_)));
        let tally = Tally {
            replacing: replacing.map(|stage| stage.step).collect(),
            started: Instant::now(),
            told: Mutex::default(),
            into: flows(),
            out_of: flows(),
            stages: plan.stages.iter().map(StageTally::new).collect(),
            read: Flow::default(),
            to_read: AtomicU64::new(0),
            spilled: AtomicU64::new(0),
            memory: AtomicU64::new(0),
        };
        tally.expect_rows(plan);
        tally
    }

    /// Where the engine itself sees rows, none of them is a number too.
    fn expect_rows(&self, plan: &Plan) {
        let none = Amount::default();
        for (stage, tally) in plan.stages.iter().zip(&self.stages) {
            let outs = [tally.source, tally.sorted, self.last_step(stage)];
            first_step(stage).into_iter().for_each(|step| self.add_in(step, none));
            outs.into_iter().flatten().for_each(|step| self.add_out(step, none));
        }
        (0..plan.outputs.len()).for_each(|sink| self.add_in(plan.sink_step(sink), none));
    }

    /// Rows have gone into a step.
    pub(crate) fn add_in(&self, step: StepId, amount: Amount) {
        self.into[step as usize].add(amount);
    }

    /// Rows have come out of a step.
    pub(crate) fn add_out(&self, step: StepId, amount: Amount) {
        self.out_of[step as usize].add(amount);
    }

    /// Sources have given rows.
    pub(crate) fn read(&self, amount: Amount) {
        self.read.add(amount);
    }

    /// A source has so many bytes, if that is known.
    pub(crate) fn to_read(&self, bytes: Option<u64>) {
        let _ = self.to_read.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |all| {
            Some(bytes.map_or(UNKNOWN, |bytes| all.saturating_add(bytes)))
        });
    }

    /// A stage will have so many more tasks.
    pub(crate) fn expect_tasks(&self, stage: StageId, tasks: u64) {
        self.stages[stage].tasks.fetch_add(tasks, Ordering::Relaxed);
    }

    /// A task is begun.
    pub(crate) fn begin(&self, stage: StageId) {
        self.stages[stage].begun.fetch_add(1, Ordering::Relaxed);
    }

    /// A command is started, which is a task of its stage.
    pub(crate) fn begin_command(&self, stage: StageId) {
        self.expect_tasks(stage, 1);
        self.begin(stage);
    }

    /// How many tasks of a stage are done and are known of, if some are at work.
    pub(super) fn at_work(&self, stage: StageId) -> Option<(u64, u64)> {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let stage = &self.stages[stage];
        let (begun, done, known) = (load(&stage.begun), load(&stage.done), load(&stage.tasks));
        (begun > done).then_some((done, known))
    }

    /// So many threads call closures of a stage.
    pub(super) fn threads(&self, stage: StageId) -> u64 {
        self.stages[stage].threads.load(Ordering::Relaxed)
    }

    /// A thread begins to call closures of a stage.
    pub(super) fn begin_closures(&self, stage: StageId) {
        self.stages[stage].threads.fetch_add(1, Ordering::Relaxed);
    }

    /// The thread has called these, and each has taken so much of the processor.
    pub(super) fn closures_called(
        &self,
        stage: StageId,
        calls: impl Iterator<Item = (StepId, Duration)>,
    ) {
        let stage = &self.stages[stage];
        stage.threads.fetch_sub(1, Ordering::Relaxed);
        let mut told = self.told();
        for (step, cpu) in calls {
            *told.steps_cpu.entry(step).or_default() += cpu;
            let nanos = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
            stage.cpu.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// Rows that sources have given, if there are any.
    pub(super) fn rows_read(&self) -> Option<u64> {
        Some(self.read.get()?.rows).filter(|rows| *rows > 0)
    }

    /// A task is done. `of_source`: it has read a part of its stage's source.
    pub(crate) fn done(&self, stage: StageId, of_source: bool, work: &TaskWork) {
        let stage = &self.stages[stage];
        stage.done.fetch_add(1, Ordering::Relaxed);
        stage.cpu.fetch_add(work.cpu, Ordering::Relaxed);
        self.spilled.fetch_add(work.spilled, Ordering::Relaxed);
        if let Some(step) = stage.source.filter(|_| of_source) {
            self.add_out(step, work.read);
            self.read(work.read);
        }
        stage.sorted.into_iter().for_each(|step| self.add_out(step, work.read));
        let is_whole = |(step, _): &&(StepId, Amount)| !self.replacing.contains(step);
        let into = work.into.iter().filter(|(step, _)| Some(*step) != stage.group);
        into.filter(is_whole).for_each(|(step, amount)| self.add_in(*step, *amount));
        let out_of = work.out_of.iter().filter(is_whole);
        out_of.for_each(|(step, amount)| self.add_out(*step, *amount));
        let mut told = self.told();
        for (step, nanos) in &work.cpu_of {
            *told.steps_cpu.entry(*step).or_default() += Duration::from_nanos(*nanos);
        }
    }

    /// A command of this step is started once more, since it has failed.
    pub(crate) fn retry(&self, step: StepId) {
        *self.told().retries.entry(step).or_default() += 1;
    }

    /// A command has ended, and has taken so much of the processor.
    pub(crate) fn command_ended(&self, stage: StageId, step: StepId, cpu: Duration) {
        self.stages[stage].done.fetch_add(1, Ordering::Relaxed);
        *self.told().commands_cpu.entry(step).or_default() += cpu;
    }

    /// Rows that a step of the engine's has left out because they failed. Tasks say so in their
    /// [`Counts`].
    /// Adds what tasks have counted whose turn has come.
    pub(crate) fn add(&self, counts: &Counts) {
        self.told().counts.add(counts);
    }

    /// What tasks have counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.told().counts.clone()
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no code panics while it holds the tally")
    }

    /// The step out of which the rows come that a stage of the engine's gives.
    pub(super) fn last_step(&self, stage: &Stage) -> Option<StepId> {
        match &stage.work {
            Work::Commands(commands) => {
                let last = commands.last().map(|command| command.step);
                last.filter(|step| !self.replacing.contains(step))
            }
            Work::Closures(closures) => closures.last().map(|closure| closure.step),
            Work::Forward => Some(stage.step),
            _ => first_step(stage),
        }
    }

    /// What has gone into and come out of a step, where that is seen.
    pub(super) fn of_step(&self, step: StepId) -> [Option<Amount>; 2] {
        [self.into[step as usize].get(), self.out_of[step as usize].get()]
    }

    pub(super) fn spilled(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    /// The run has so much memory now.
    pub(crate) fn see_memory(&self, bytes: u64) {
        self.memory.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(super) fn peak_memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// How far the run is.
    pub(crate) fn progress(&self) -> Progress {
        let read = self.read.get().unwrap_or_default();
        let to_read = self.to_read.load(Ordering::Relaxed);
        let sum = |of: fn(&StageTally) -> &AtomicU64| -> u64 {
            self.stages.iter().map(|stage| of(stage).load(Ordering::Relaxed)).sum()
        };
        Progress {
            elapsed: self.started.elapsed(),
            rows_read: read.rows,
            bytes_read: read.bytes,
            bytes_to_read: (to_read != UNKNOWN).then_some(to_read),
            tasks_done: sum(|stage| &stage.done),
            tasks_known: sum(|stage| &stage.tasks),
        }
    }
}

impl StageTally {
    fn new(stage: &Stage) -> StageTally {
        let source = matches!(stage.input, Input::Source(_)).then_some(stage.step);
        let (sorted, group) = match &stage.work {
            Work::Merge { chain: Chain { head: Head::Groups(_), .. }, .. } => {
                (None, Some(stage.step))
            }
            Work::Merge { .. } => (Some(stage.step), None),
            _ => (None, None),
        };
        StageTally { source, sorted, group, ..StageTally::default() }
    }
}

/// The step into which the rows go that a stage of the engine's takes.
pub(super) fn first_step(stage: &Stage) -> Option<StepId> {
    match &stage.work {
        Work::Chain(_) | Work::Merge { .. } => None,
        Work::Commands(commands) => commands.first().map(|command| command.step),
        Work::Closures(closures) => closures.first().map(|closure| closure.step),
        Work::Forward if matches!(stage.input, Input::Source(_)) => None,
        Work::Forward | Work::Slice(_) | Work::Zip(_) | Work::Replace(_) | Work::Deal { .. } => {
            Some(stage.step)
        }
    }
}

/// What a task has counted, behind its rows in the queues of all that read them.
pub(crate) struct Counted {
    tally: Arc<Tally>,
    counts: Counts,
    /// The rows that it has left out.
    letters: Mutex<Option<(Arc<Letters>, TaskLetters)>>,
    /// By the first of several readers.
    is_added: AtomicBool,
}

impl Counted {
    pub(crate) fn new(tally: &Arc<Tally>, counts: Counts) -> Arc<Counted> {
        let (tally, letters) = (tally.clone(), Mutex::default());
        Arc::new(Counted { tally, counts, letters, is_added: AtomicBool::new(false) })
    }

    /// The same with the rows that the task has left out.
    pub(crate) fn with_letters(
        tally: &Arc<Tally>,
        counts: Counts,
        letters: &Arc<Letters>,
        of_task: TaskLetters,
    ) -> Arc<Counted> {
        let letters = Mutex::new(Some((letters.clone(), of_task)));
        let (tally, is_added) = (tally.clone(), AtomicBool::new(false));
        Arc::new(Counted { tally, counts, letters, is_added })
    }

    /// The rows have been taken.
    pub(crate) fn add(&self) {
        if !self.is_added.swap(true, Ordering::AcqRel) {
            self.tally.add(&self.counts);
            let letters = self.letters.lock().expect("no code panics while it holds this").take();
            if let Some((letters, of_task)) = letters {
                letters.keep(of_task);
            }
        }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::local::block::Block;
    use crate::local::edge::Edge;
    use crate::local::spool::Meter;
    use crate::local::steps::run_slice;
    use crate::plan::stage::Slice;
    use crate::report::Counter;
    use crate::row::layout::Layout;

    fn counts(name: &str, amount: Counter) -> Counts {
        Counts { counters: BTreeMap::from([(name.to_owned(), amount)]), ..Counts::default() }
    }

    #[test]
    fn sums_of_integers_stay_exact_and_go_on_as_doubles() {
        let tally = Tally::new(&Plan::default());
        let sum = |amount| {
            tally.add(&counts("x", amount));
            tally.told().counts.counters["x"]
        };
        assert_eq!(sum(Counter::Int(i64::MAX - 1)), Counter::Int(i64::MAX - 1));
        assert_eq!(sum(Counter::Int(1)), Counter::Int(i64::MAX));
        assert_eq!(sum(Counter::Int(1)), Counter::Float(9_223_372_036_854_775_808.0));
        assert_eq!(sum(Counter::Float(-9e18)), Counter::Float(223_372_036_854_775_808.0));
    }

    /// What is counted of two tasks with three rows each, of which a `limit` wants some.
    fn counted_behind(take: u64) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let meter = Arc::new(Meter::new(1 << 20, 1 << 20, std::env::temp_dir()));
            let tally = Arc::new(Tally::new(&Plan::default()));
            let edge = |readers| Edge::new(1, false, readers, &meter, 0);
            let (before, behind) = (edge(1), edge(2));
            for task in ["first", "second"] {
                let bytes = Bytes::from_static(b"a\nb\nc\n");
                let block = Block { layout: Layout::Lines, partition: 0, rows: 3, bytes };
                assert!(before.writer().push(block).await.is_ok());
                let counts = counts(task, Counter::Int(1));
                before.writer().pass(&Counted::new(&tally, counts));
            }
            before.writer().settle(Ok(()));
            let slice = Slice { skip: 0, take: Some(take) };
            let mut readers = [behind.reader(0), behind.reader(1)];
            run_slice(slice, before.reader(0), behind.writer()).await;
            assert!(tally.told().counts.is_empty(), "nobody has taken the rows yet");
            for reader in &mut readers {
                while reader.next().await.unwrap().is_some() {}
            }
            let told = tally.told();
            assert!(told.counts.counters.values().all(|sum| *sum == Counter::Int(1)));
            told.counts.counters.keys().cloned().collect()
        })
    }

    #[test]
    fn tasks_behind_a_satisfied_limit_count_nothing() {
        assert!(counted_behind(2).is_empty());
        assert!(counted_behind(3).is_empty());
        assert_eq!(counted_behind(4), ["first"]);
        assert_eq!(counted_behind(6), ["first"]);
        assert_eq!(counted_behind(7), ["first", "second"]);
    }
}
