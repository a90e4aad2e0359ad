//! One run: what all its stages share, and its workers.
//!
//! A newcomer's trap: dropping the `Running` handle is what cancels. Every part of a run waits on
//! `cancel`, and none is left when [`Session::finished`] resolves.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Failure};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::letters::Letters;
use crate::local::link::Task;
use crate::local::pool::Lease;
use crate::local::runtime::{on_a_thread, runtime};
use crate::local::settings::Resolved;
use crate::local::spool::Meter;
use crate::local::tally::Tally;
use crate::local::threads::Threads;
use crate::local::warnings::Warnings;
use crate::plan::stage::{Plan, StageId, Work};
use crate::plan::tables::TableId;
use crate::process::{Folder, own_memory, prepare_guard};
use crate::row::block::Control;
use crate::worker::runs::{self, RunInput};
use crate::worker::task::{HeldRuns, Setup, StageWork, TableFile, TaskInput, TaskSpec};

/// How long a worker may take to drop its tasks before it is ended.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a run tells the caller.
pub(crate) enum Message {
    /// The next rows of a sink.
    Block(usize, Block),
    /// A sink has all its rows.
    End(usize),
    Failed(Error),
}

/// What all stages of a run share.
pub(crate) struct Session {
    pub plan: Plan,
    pub settings: Resolved,
    pub meter: Arc<Meter>,
    pub warnings: Arc<Warnings>,
    pub tally: Arc<Tally>,
    /// Rows that steps have left out.
    pub letters: Arc<Letters>,
    pub buffers: Buffers,
    /// Where closures of the program are called.
    pub threads: Threads,
    pub cancel: CancellationToken,
    pub messages: mpsc::Sender<Message>,
    team: tokio::sync::Mutex<Vec<Member>>,
    /// Files of sorted runs, by number; workers append, engine and workers read.
    run_files: Mutex<Vec<Arc<File>>>,
    /// What workers hold for the tasks of a stage.
    held: Mutex<HashMap<StageId, Vec<HeldRuns>>>,
    side_tables: Mutex<SideTables>,
    /// Where commands put their temporary files, once there has been a command; `Some(None)` where
    /// it could not be made.
    folder: Mutex<Option<Option<Folder>>>,
    /// The start of what guards commands, during which the program's signals are not its own.
    guarding: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct SideTables {
    files: HashMap<u32, Arc<File>>,
    of_stages: HashMap<StageId, Vec<TableFile>>,
}

/// Files of side tables have the numbers from here on, those of runs the ones below.
const FIRST_TABLE_FILE: u32 = 1 << 31;

struct Member {
    lease: Lease,
    files_sent: HashSet<u32>,
}

impl Session {
    pub(crate) fn new(
        plan: Plan,
        settings: Resolved,
        messages: mpsc::Sender<Message>,
    ) -> Arc<Session> {
        let block_bytes = settings.limits.block_bytes;
        let threads = Threads::new(settings.workers);
        let meter = Meter::new(settings.engine_bytes, block_bytes, settings.temp_dir.clone());
        let warnings = Arc::new(Warnings::new(plan.origins.clone()));
        let letters = Arc::new(Letters::new(&plan));
        let tally = Arc::new(Tally::new(&plan));
        let has_commands = plan.stages.iter().any(|stage| matches!(stage.work, Work::Commands(_)));
        // Beside what the run does first.
        let guarding = runtime().ok().filter(|_| has_commands);
        let guarding = guarding.map(|runtime| runtime.spawn(async { prepare_guard() }));
        Arc::new(Session {
            plan,
            settings,
            meter: Arc::new(meter),
            warnings,
            tally,
            letters,
            buffers: Buffers::default(),
            threads,
            cancel: CancellationToken::new(),
            messages,
            team: tokio::sync::Mutex::default(),
            run_files: Mutex::default(),
            held: Mutex::default(),
            side_tables: Mutex::default(),
            folder: Mutex::default(),
            guarding: Mutex::new(guarding),
        })
    }

    /// Names the user's own line for a failure.
    pub(crate) fn error(&self, failure: Failure) -> Error {
        // A worker's end is nobody's line: which of its tasks says so first is chance.
        match failure.kind {
            ErrorKind::Worker => Error::new(failure, None),
            _ => self.plan.error(failure),
        }
    }

    /// Ends the run with a failure that has no place in the order of rows.
    pub(crate) async fn fail_at_once(&self, failure: Failure) {
        let error = self.error(failure);
        // A caller that has gone needs no error.
        let _ = self.messages.send(Message::Failed(error)).await;
    }

    /// Starts a task on the worker that has least to do.
    pub(crate) async fn open_task(self: &Arc<Session>, spec: &TaskSpec) -> Result<Task, Failure> {
        let mut team = self.team.lock().await;
        let all_busy = team.iter().all(|member| member.lease.link.open_tasks() > 0);
        if all_busy && team.len() < self.settings.workers {
            self.hire(&mut team)?;
        }
        let member = team
            .iter_mut()
            .min_by_key(|member| member.lease.link.open_tasks())
            .expect("a run can always have its first worker");
        if let TaskInput::Merge { runs, .. } | TaskInput::MergeRuns { runs, .. } = &spec.input {
            self.send_run_files(member, runs)?;
        }
        for side in &spec.held {
            self.send_run_files(member, &side.runs)?;
        }
        for table in &spec.tables {
            self.send_table_file(member, table.file)?;
        }
        self.tally.begin(spec.stage);
        Ok(member.lease.link.open_task(spec, &self.meter, &self.warnings, &self.tally))
    }

    fn hire(self: &Arc<Session>, team: &mut Vec<Member>) -> Result<(), Failure> {
        let first = team.is_empty();
        let most = self.settings.workers.max(self.settings.cores);
        let Some(lease) = Lease::take(first, most, self.settings.in_process)? else {
            return Ok(());
        };
        let mut member = Member { lease, files_sent: HashSet::new() };
        let run_file = u32::try_from(team.len()).expect("fewer than 2^32 workers");
        let setup = self.setup(run_file);
        let payload = rmp_serde::to_vec(&setup).expect("a plan is plain data");
        member.lease.link.send(Control::Setup, 0, Bytes::from(payload), None);
        if self.plan.has_exchange() {
            let file = Arc::new(self.meter.temp_file()?);
            self.run_files.lock().expect("no code panics while it holds the files").push(file);
            self.send_run_file(&mut member, run_file)?;
        }
        let (session, link) = (self.clone(), member.lease.link.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = session.cancel.cancelled() => {}
                () = link.gone() => session.fail_at_once(link.failure()).await,
            }
        });
        team.push(member);
        Ok(())
    }

    fn setup(&self, run_file: u32) -> Setup {
        let stages = self.plan.stages.iter().enumerate();
        let mut limits = self.settings.limits.clone();
        // What a worker holds it holds to the end of the run.
        let sides: usize = self.plan.stages.iter().map(|stage| stage.held.len()).sum();
        limits.held_bytes /= sides.max(1);
        Setup {
            shared: self.plan.shared.clone(),
            stages: stages
                .filter_map(|(id, stage)| {
                    let (chain, merge) = stage.work.chain()?;
                    let keep = merge.map(|merge| merge.keep);
                    Some((id, StageWork { chain: chain.clone(), keep }))
                })
                .collect(),
            limits,
            run_file,
        }
    }

    fn send_run_files(&self, member: &mut Member, runs: &[RunInput]) -> Result<(), Failure> {
        for run in runs {
            if let runs::Run::File(file) = &run.run
                && !member.files_sent.contains(&file.file)
            {
                self.send_run_file(member, file.file)?;
            }
        }
        Ok(())
    }

    fn send_run_file(&self, member: &mut Member, number: u32) -> Result<(), Failure> {
        let file = self.run_files.lock().expect("no code panics while it holds the files")
            [number as usize]
            .clone();
        send_file(member, number, &file)
    }

    fn send_table_file(&self, member: &mut Member, number: u32) -> Result<(), Failure> {
        if member.files_sent.contains(&number) {
            return Ok(());
        }
        let file = self.side_tables().files[&number].clone();
        send_file(member, number, &file)
    }

    fn side_tables(&self) -> MutexGuard<'_, SideTables> {
        self.side_tables.lock().expect("no code panics while it holds this")
    }

    /// Takes the file of a side table; by which number workers get it.
    pub(crate) fn add_table_file(&self, table: TableId, file: File) -> u32 {
        let number = FIRST_TABLE_FILE + table;
        self.side_tables().files.insert(number, Arc::new(file));
        number
    }

    /// From now on tasks of a stage are given these side tables.
    pub(crate) fn add_tables(&self, stage: StageId, tables: Vec<TableFile>) {
        self.side_tables().of_stages.insert(stage, tables);
    }

    /// The side tables for the tasks of a stage.
    pub(crate) fn tables(&self, stage: StageId) -> Vec<TableFile> {
        self.side_tables().of_stages.get(&stage).cloned().unwrap_or_default()
    }

    /// What workers hold for the tasks of a stage.
    pub(crate) fn held(&self, stage: StageId) -> Vec<HeldRuns> {
        let held = self.held.lock().expect("no code panics while it holds this");
        held.get(&stage).cloned().unwrap_or_default()
    }

    /// From now on workers hold this for the tasks of a stage.
    pub(crate) fn hold(&self, stage: StageId, sides: Vec<HeldRuns>) {
        self.held.lock().expect("no code panics while it holds this").insert(stage, sides);
    }

    /// Gives the disk of runs back that nobody reads any more. Where the file system can't make
    /// holes, or no thread can be had, it is given back with the files.
    pub(crate) async fn give_back(&self, runs: Vec<RunInput>) {
        let in_files = runs.into_iter().filter_map(|run| match run.run {
            runs::Run::File(run) => Some(run),
            runs::Run::Inline(_) => None,
        });
        let in_files: Vec<_> = in_files.collect();
        if in_files.is_empty() {
            return;
        }
        let files = self.run_files.lock().expect("no code panics while it holds the files").clone();
        let punched = on_a_thread(move || {
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            for run in in_files {
                let _ = fallocate(&files[run.file as usize], hole, run.offset, run.len);
            }
        });
        if let Ok(punched) = punched {
            let _ = punched.await;
        }
    }

    /// Looks at how much memory the run has, unless its workers are being changed just now.
    pub(crate) fn look_at_memory(&self) {
        if let Ok(team) = self.team.try_lock() {
            self.see_memory_of(&team);
        }
    }

    fn see_memory_of(&self, team: &[Member]) {
        let workers = team.iter().filter_map(|member| member.lease.link.process);
        let workers: u64 = workers.filter_map(|worker| own_memory(Some(worker))).sum();
        self.tally.see_memory(workers + own_memory(None).unwrap_or(0));
    }

    /// Gives the workers back, ends those that are still at work, and waits for their end.
    pub(crate) async fn dismiss(&self) {
        if !self.threads.end().await {
            tracing::warn!("a closure is still at its row: it is left behind");
        }
        let mut team = self.team.lock().await;
        self.see_memory_of(&team);
        for member in team.iter_mut() {
            // A worker that only has to drop what a `limit` has left over is worth keeping.
            let _ = tokio::time::timeout(PATIENCE, member.lease.link.idle()).await;
            member.lease.release(self.settings.workers.max(self.settings.cores));
        }
        for member in team.drain(..) {
            if member.lease.link.is_killed() {
                member.lease.link.gone().await;
            }
        }
        let guarding = self.guarding.lock().expect("no code panics while it holds this").take();
        if let Some(guarding) = guarding {
            let _ = guarding.await;
        }
        // The commands have ended; what they have left in their folder goes.
        *self.folder.lock().expect("no code panics while it holds the folder") = None;
    }

    /// The folder for the temporary files of commands, made for the first one; `None` where there
    /// can be no folder. A command that needs none is not to fail for that.
    pub(crate) fn command_folder(&self) -> Option<PathBuf> {
        let mut folder = self.folder.lock().expect("no code panics while it holds the folder");
        let folder = folder.get_or_insert_with(|| {
            let made = Folder::create_in(&self.settings.temp_dir);
            made.inspect_err(|error| tracing::debug!(%error, "commands get no TMPDIR")).ok()
        });
        Some(folder.as_ref()?.path().to_owned())
    }

    /// How a task's input ends at most after so many bytes of a stream, of which `offset` have
    /// passed: the same steps as for files, whose size is known.
    pub(crate) fn stream_task_bytes(&self, offset: u64) -> u64 {
        self.settings.split_bytes.unwrap_or((offset / 64).clamp(1 << 20, 8 << 20))
    }
}

fn send_file(member: &mut Member, number: u32, file: &File) -> Result<(), Failure> {
    let descriptor: OwnedFd = file
        .try_clone()
        .map_err(|error| Failure::io("cannot share a temporary file", &error))?
        .into();
    member.lease.link.send(Control::File, number, Bytes::new(), Some(descriptor));
    member.files_sent.insert(number);
    Ok(())
}

/// Finds where a run may put temporary files.
pub(crate) fn check_temp_dir(directory: &PathBuf) -> Result<(), Failure> {
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory", directory.display())),
        Err(error) => Err(format!("{}: {error}", directory.display())),
    }
    .map_err(|problem| {
        Failure::new(ErrorKind::Io, format!("the directory for temporary files: {problem}"))
            .hint("`temp_dir` or GLEAMFLOW_TMPDIR names it")
    })
}
