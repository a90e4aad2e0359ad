//! The task loop: a block in, blocks out, and back to waiting.
//!
//! A newcomer's trap: several tasks are open at once and their blocks come mixed. A task that puts
//! out rows lets others work in between, from inside its own loop: with one worker, a row that
//! makes rows without end would otherwise keep all that read them waiting.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, mpsc};
use std::time::Duration;

use crate::error::{ErrorKind, Failure};
use crate::lua::Progress;
use crate::op::group::GroupTask;
use crate::plan::stage::StageId;
use crate::process::flush_c_streams;
use crate::row::block::{Content, Control, Header};
use crate::row::layout::{Layout, Rows};
use crate::worker::VERSION;
use crate::worker::chain::ChainRunner;
use crate::worker::channel::{Output, Received};
use crate::worker::held::HeldSides;
use crate::worker::inbound::Inbound;
use crate::worker::open_task::{OpenTask, ServedRun, Work, Worked};
use crate::worker::runs::RunStore;
use crate::worker::seen::cpu_time;
use crate::worker::side_tables::MappedTables;
use crate::worker::source::{RunFiles, TaskSource, find_file};
use crate::worker::spill::SpillLists;
use crate::worker::tail::{Sending, TailSink, dropped, lost};
use crate::worker::task::{Setup, TaskSpec};
use crate::worker::watchdog::{Watch, Watched, watch_engine, watch_steps};

/// Tasks that may be at work inside each other; each takes its part of the stack.
const MOST_NESTED: usize = 16;

/// What a worker lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// A process of its own.
    Process,
    /// A thread of the user's process.
    Thread,
}

/// Serves tasks until the engine goes.
pub(crate) fn serve(input: OwnedFd, output: OwnedFd, home: Home) {
    let output = Output::new(output);
    if home == Home::Process
        && let Err(error) = input.try_clone().and_then(watch_engine)
    {
        return last_words(&output, Failure::start("a worker's threads", &error));
    }
    let worker = Rc::new_cyclic(|this| Worker {
        this: this.clone(),
        inbound: RefCell::new(Inbound::new(input)),
        output: output.clone(),
        home,
        run: RefCell::default(),
        files: RunFiles::default(),
        tasks: RefCell::default(),
        running: RefCell::default(),
        others_cpu: Cell::default(),
        watched: Arc::new(Watched {
            progress: Arc::new(Progress::default()),
            task: AtomicU32::new(0),
            turn: AtomicU32::new(0),
        }),
        watchdog: RefCell::default(),
    });
    if worker.output.tell(Control::Hello, 0, VERSION.as_bytes()).is_err() {
        return;
    }
    if let Err(error) = worker.serve() {
        // A damaged block, or the engine is no more.
        last_words(&output, Failure::io("a worker cannot go on", &error));
    }
}

/// Tells the engine why there will be no more from this worker.
fn last_words(output: &Output, failure: Failure) {
    let failure = Failure { kind: ErrorKind::Worker, ..failure };
    let payload = rmp_serde::to_vec(&failure).expect("a failure is plain data");
    // If the engine has gone, there is nobody to tell.
    let _ = output.tell(Control::Ending, 0, &payload);
}

struct Worker {
    this: Weak<Worker>,
    inbound: RefCell<Inbound>,
    output: Output,
    home: Home,
    run: RefCell<Option<Rc<ServedRun>>>,
    files: RunFiles,
    /// Open tasks that are not at work right now.
    tasks: RefCell<HashMap<u32, OpenTask>>,
    /// Tasks at work, each inside the one before it.
    running: RefCell<Vec<RunningTask>>,
    /// Time of the processor that tasks have taken which worked inside the one at work.
    others_cpu: Cell<u64>,
    watched: Arc<Watched>,
    watchdog: RefCell<Option<mpsc::Sender<Watch>>>,
}

struct RunningTask {
    number: u32,
    /// The engine wants no more of it.
    closed: bool,
}

impl Worker {
    fn serve(&self) -> io::Result<()> {
        while let Some(received) = self.next_message()? {
            self.receive(received)?;
        }
        Ok(())
    }

    fn next_message(&self) -> io::Result<Option<Received>> {
        let tasks = &self.tasks;
        let stage_of = |task: u32| Some(tasks.borrow().get(&task)?.stage as u32);
        self.inbound.borrow_mut().next(stage_of, || self.rest_idle(|_| true))
    }

    fn is_running(&self, task: u32) -> bool {
        self.running.borrow().iter().any(|running| running.number == task)
    }

    /// Deals with what has come meanwhile, from inside a task that is putting out rows: a single
    /// row may make rows without end, and other tasks must not wait for that one.
    ///
    /// An error means that the task is to end: the engine wants no more of it, or has gone.
    fn look_up(&self) -> Result<(), Failure> {
        let task = self.watched.task.load(Ordering::Relaxed);
        let result = self.receive_all_ready();
        self.watched.task.store(task, Ordering::Relaxed);
        result.map_err(|error| lost(&error))?;
        match self.running.borrow().last() {
            Some(running) if running.closed => Err(dropped()),
            _ => Ok(()),
        }
    }

    fn receive_all_ready(&self) -> io::Result<()> {
        loop {
            let deep = self.running.borrow().len() >= MOST_NESTED;
            let mut inbound = self.inbound.borrow_mut();
            let received = match deep {
                true => inbound.receive_ready()?,
                false => inbound.take_ready(|task| self.is_running(task))?,
            };
            drop(inbound);
            let Some(received) = received else { return Ok(()) };
            let number = received.header.task;
            let close = received.header.content == Content::Control(Control::Close);
            if close && self.is_running(number) {
                let mut running = self.running.borrow_mut();
                running
                    .iter_mut()
                    .filter(|task| task.number == number)
                    .for_each(|task| task.closed = true);
            } else if self.is_running(number) || deep {
                self.inbound.borrow_mut().put_back(received);
                if deep {
                    return Ok(());
                }
            } else {
                self.receive(received)?;
            }
        }
    }

    fn receive(&self, received: Received) -> io::Result<()> {
        let Received { header, payload, file } = received;
        let number = header.task;
        let control = match header.content {
            Content::Rows(Layout::Text) => {
                return Err(io::Error::other("the engine does not send text"));
            }
            Content::Rows(layout) => {
                return self.work_on(&header, Work::Rows(Rows::new(layout, &payload), header.rows));
            }
            Content::Control(control) => control,
        };
        match control {
            Control::Setup => {
                self.set_up(rmp_serde::from_slice(&payload).map_err(io::Error::other)?)?;
            }
            Control::File => {
                let file = file.ok_or_else(|| io::Error::other("a file was to come"))?;
                self.files().insert(number, Arc::new(file.into()));
            }
            Control::Release => {
                self.tasks.borrow_mut().clear();
                self.run.take();
                self.files().clear();
                if self.watchdog.borrow().is_some() {
                    self.watch(Watch::Rest)?;
                }
            }
            Control::Close => {
                drop(self.tasks.borrow_mut().remove(&number));
                self.output.tell(Control::Closed, number, &[])?;
            }
            Control::Open => {
                let spec = rmp_serde::from_slice(&payload).map_err(io::Error::other)?;
                let before = cpu_time();
                match self.open(number, spec) {
                    Ok(mut task) => {
                        task.cpu = cpu_time().saturating_sub(before);
                        let reads = task.source.is_own();
                        self.expect_read(reads.then_some(task.stage));
                        self.tasks.borrow_mut().insert(number, task);
                    }
                    Err(failure) => self.report(number, &failure)?,
                }
            }
            Control::Read => self.work_on(&header, Work::Read)?,
            Control::End => self.work_on(&header, Work::End)?,
            _ => {
                return Err(io::Error::other(format!("the engine does not send {control:?}")));
            }
        }
        Ok(())
    }

    fn expect_read(&self, stage: Option<StageId>) {
        self.inbound.borrow_mut().expect_read(stage.map(|stage| stage as u32));
    }

    fn set_up(&self, setup: Setup) -> io::Result<()> {
        let limit = setup.limits.step_timeout_ms.map(Duration::from_millis);
        // Where no thread can be had, a run without a limit does without its warning.
        if let Err(error) = self.watch(Watch::Run(limit))
            && limit.is_some()
        {
            return Err(error);
        }
        self.run.replace(Some(Rc::new(ServedRun {
            stages: setup.stages.iter().cloned().collect(),
            store: self.run_store(setup.run_file),
            setup,
            idle: RefCell::default(),
            held: HeldSides::default(),
            tables: MappedTables::default(),
        })));
        Ok(())
    }

    /// Tells the watchdog of steps, which the first run starts.
    fn watch(&self, word: Watch) -> io::Result<()> {
        let mut watchdog = self.watchdog.borrow_mut();
        let watchdog = match &mut *watchdog {
            Some(watchdog) => watchdog,
            none => none.insert(watch_steps(self.watched.clone(), self.output.clone(), self.home)?),
        };
        watchdog.send(word).map_err(io::Error::other)
    }

    fn run(&self) -> Rc<ServedRun> {
        self.run.borrow().clone().expect("tasks are opened after the set-up")
    }

    fn open(&self, number: u32, spec: TaskSpec) -> Result<OpenTask, Failure> {
        let run = self.run();
        let limits = &run.setup.limits;
        let work = run.stages.get(&spec.stage).expect("the set-up names all stages with chains");
        self.rest_idle(|stage| stage != spec.stage);
        let idle = run.idle.borrow_mut().get_mut(&spec.stage).and_then(Vec::pop);
        let chain = match idle {
            Some(chain) => chain,
            None => {
                let progress = self.watched.progress.clone();
                let tables = run.tables.of(&spec.tables, &self.files)?;
                ChainRunner::new(&work.chain, &run.setup.shared, tables, limits, progress)?
            }
        };
        self.turn_to(number);
        let facts = spec.input.facts();
        let lists = SpillLists::new(&run.store, limits);
        let held = run.held.of(spec.stage, &spec.held, limits, &self.files);
        let task = GroupTask { facts, lists: &lists, max_row: limits.max_row, held: &held };
        chain.begin_task(spec.seed, &task)?;
        let source = TaskSource::open(spec.input, work, limits, &self.files, &run.store)?;
        let this = self.this.clone();
        let look_up = move || this.upgrade().map_or(Ok(()), |worker| worker.look_up());
        let sending =
            Sending { task: number, output: self.output.clone(), look_up: Box::new(look_up) };
        let tail = TailSink::new(&work.chain, sending, limits, &run.store)?;
        let (block, marks) = (Vec::new(), Vec::new());
        Ok(OpenTask { stage: spec.stage, chain, tail, source, block, marks, next: 1, cpu: 0 })
    }

    /// Lets chains rest that will hardly be wanted soon: the next task is not there, or another's.
    fn rest_idle(&self, which: impl Fn(StageId) -> bool) {
        let Some(run) = &*self.run.borrow() else { return };
        let idle = run.idle.borrow();
        let chains = idle.iter().filter(|(stage, _)| which(**stage)).flat_map(|(_, chains)| chains);
        chains.for_each(ChainRunner::rest);
    }

    fn run_store(&self, number: u32) -> RunStore {
        let files = self.files.clone();
        RunStore::new(Box::new(move || {
            let file = find_file(&files, number)?.try_clone();
            let file =
                file.map_err(|error| Failure::io("cannot share a temporary file", &error))?;
            Ok((number, file))
        }))
    }

    fn files(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Arc<std::fs::File>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the watchdog whose rows come next.
    fn turn_to(&self, number: u32) {
        self.watched.task.store(number, Ordering::Relaxed);
        self.watched.turn.fetch_add(1, Ordering::Relaxed);
    }

    fn work_on(&self, header: &Header, work: Work<'_>) -> io::Result<()> {
        let number = header.task;
        // A task that has failed is gone, but blocks for it may still have been on their way.
        let Some(mut task) = self.tasks.borrow_mut().remove(&number) else { return Ok(()) };
        header.verify_sequence(task.next).map_err(io::Error::other)?;
        task.next = task.next.wrapping_add(1);
        self.turn_to(number);
        self.expect_read(None);
        let reads = matches!(work, Work::Read);
        self.running.borrow_mut().push(RunningTask { number, closed: false });
        let run = self.run();
        let (before, others_before) = (cpu_time(), self.others_cpu.take());
        let done = task.work(work, &run, &self.files);
        // Tasks that have worked inside this one have told for themselves.
        let took = cpu_time().saturating_sub(before);
        task.cpu += took.saturating_sub(self.others_cpu.get());
        self.others_cpu.set(others_before + took);
        let closed = self.running.borrow_mut().pop().is_some_and(|running| running.closed);
        for warning in task.chain.take_warnings() {
            self.output.warn(number, &warning)?;
        }
        if closed {
            return self.output.tell(Control::Closed, number, &[]);
        }
        match done {
            Ok(Worked::Taken) => {
                self.expect_read(reads.then_some(task.stage));
                self.tasks.borrow_mut().insert(number, task);
                self.output.tell(Control::Ack, number, &[])
            }
            Ok(Worked::Done(mut result)) => {
                flush_user_output(self.home);
                (result.work.cpu, result.work.spilled) = (task.cpu, run.store.take_written());
                let payload = rmp_serde::to_vec(&result).expect("a result is plain data");
                self.output.tell(Control::Done, number, &payload)?;
                task.chain.end_task();
                run.idle.borrow_mut().entry(task.stage).or_default().push(task.chain);
                Ok(())
            }
            Err(failed) => self.report(number, &task.with_place(failed)),
        }
    }

    fn report(&self, number: u32, failure: &Failure) -> io::Result<()> {
        flush_user_output(self.home);
        let payload = rmp_serde::to_vec(failure).expect("a failure is plain data");
        self.output.tell(Control::Failed, number, &payload)
    }
}

/// What user code has printed should be seen before the task is known to have ended.
fn flush_user_output(home: Home) {
    if home == Home::Process {
        flush_c_streams();
    }
}

#[cfg(test)]
mod tests;
