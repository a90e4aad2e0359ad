//! Stages of closures: rows in pieces, each by a thread of the run, and what comes of them in order.
//!
//! A newcomer's trap: how rows are cut into pieces depends on how long a row takes, and changes no
//! byte. A quick closure gets whole blocks, of one that asks a server each row is a piece.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;

use crate::error::{Failure, StepId};
use crate::local::block::Block;
use crate::local::edge::{Edge, Gone, Reader, Stop, Writer};
use crate::local::session::Session;
use crate::local::turns::Turns;
use crate::plan::closure::{Closure, Code, Passing, RowWork};
use crate::plan::stage::StageId;
use crate::row::layout::Layout;
use crate::source::held::Held;

/// How long one piece may take, as far as that can be told.
const PIECE: Duration = Duration::from_millis(2);

/// Closures over one partition.
pub(crate) struct ClosureStage {
    pub session: Arc<Session>,
    pub stage: StageId,
    pub closures: Codes,
    pub partition: u32,
}

/// The closures of a stage.
pub(crate) type Codes = Arc<[(Closure, Code)]>;

/// Finds the code of a stage's closures.
pub(crate) fn find(held: &Held, closures: &[Closure]) -> Result<Codes, Failure> {
    let code = |closure: &Closure| {
        let code = held.get::<Code>(closure.number).map_err(|fail| fail.at_step(closure.step))?;
        Ok((closure.clone(), Code::clone(&code)))
    };
    closures.iter().map(code).collect()
}

impl ClosureStage {
    /// Runs the closures; what they do on threads ends at its next row when nobody reads it.
    pub(crate) async fn run(self, reader: Reader, out: Writer) {
        let result = tokio::select! {
            result = self.work(reader, &out) => result,
            () = out.gone() => return,
        };
        out.settle(result);
    }

    async fn work(&self, mut reader: Reader, out: &Writer) -> Result<(), Stop> {
        let pace = Arc::new(AtomicU64::new(0));
        let most = 2 * self.session.settings.workers;
        let mut turns = Turns::new(out, self.partition);
        let mut rows_at_once: u64 = 1;
        loop {
            let next = turns.next_block(&mut reader).await?;
            let Ok(Some(mut block)) = next else {
                // Rows before a failure come first, and so do their own failures.
                turns.pass_all().await?;
                return next.map(drop).map_err(Stop::Failed);
            };
            while block.rows > 0 {
                if turns.len() >= most {
                    turns.pass_first().await?;
                }
                // A row at a time, until it is known how long one takes.
                if let Some(may) =
                    (PIECE.as_nanos() as u64).checked_div(pace.load(Ordering::Relaxed))
                {
                    rows_at_once = (rows_at_once * 2).min(may).clamp(1, u64::from(u32::MAX));
                }
                let rows = rows_at_once.min(block.rows.into()) as u32;
                let piece = split_front(&mut block, rows);
                turns.push(self.begin(piece, pace.clone()).map_err(Stop::Failed)?);
            }
        }
    }

    /// Has a thread take a piece.
    fn begin(&self, piece: Block, pace: Arc<AtomicU64>) -> Result<Reader, Failure> {
        let step = self.session.plan.stages[self.stage].step;
        let edge = Edge::new(1, false, 1, &self.session.meter, step);
        let reader = edge.reader(0);
        let mut levels: Vec<Level> = Vec::new();
        let mut layout = piece.layout;
        for (closure, code) in self.closures.iter() {
            levels.push(Level {
                step: closure.step,
                work: code.clone().begin(),
                layout,
                input: Input::Made(Vec::new()),
                at: 0,
                failed: None,
                cpu: Duration::ZERO,
            });
            layout = closure.output(layout);
        }
        levels[0].input = Input::Given(piece.bytes);
        let out = edge.writer();
        let session = self.session.clone();
        let (stage, rows, taken) = (self.stage, piece.rows, Duration::ZERO);
        let pass = Pass { session, stage, levels, layout, out, pace, rows, taken };
        pass.submit()?;
        Ok(reader)
    }
}

/// Takes the first rows of a block away.
fn split_front(block: &mut Block, rows: u32) -> Block {
    if rows == block.rows {
        block.rows = 0;
        return Block { rows, bytes: std::mem::take(&mut block.bytes), ..*block };
    }
    let end = block.as_rows().end_of(rows as usize);
    block.rows -= rows;
    Block { rows, bytes: block.bytes.split_to(end), ..*block }
}

/// A piece on its way through all closures of the stage.
struct Pass {
    session: Arc<Session>,
    stage: StageId,
    levels: Vec<Level>,
    layout: Layout,
    out: Writer,
    pace: Arc<AtomicU64>,
    /// So many rows went in, and they have taken so long.
    rows: u32,
    taken: Duration,
}

/// One of the closures, and the rows that it has before it.
struct Level {
    step: StepId,
    work: Box<dyn RowWork>,
    layout: Layout,
    input: Input,
    at: usize,
    /// What failed behind those rows.
    failed: Option<Failure>,
    /// What its calls have taken of the processor, and nobody has been told of.
    cpu: Duration,
}

enum Input {
    /// The piece.
    Given(Bytes),
    /// What the closure before it has made.
    Made(Vec<u8>),
}

impl Input {
    fn bytes(&self) -> &[u8] {
        match self {
            Input::Given(bytes) => bytes,
            Input::Made(bytes) => bytes,
        }
    }
}

impl Pass {
    fn submit(self) -> Result<(), Failure> {
        let (session, handle) = (self.session.clone(), Handle::current());
        session.threads.submit(Box::new(move || self.go_on(handle)))
    }

    /// Runs on a thread, until the rows are through or the queue of what comes of them is full.
    fn go_on(mut self, handle: Handle) {
        let begun = Instant::now();
        let tally = self.session.tally.clone();
        tally.begin_closures(self.stage);
        let mut result = self.work();
        self.taken += begun.elapsed();
        let calls =
            self.levels.iter_mut().map(|level| (level.step, std::mem::take(&mut level.cpu)));
        tally.closures_called(self.stage, calls);
        if !matches!(result, Ok(true)) {
            // Iterators that have more to give end here, and their own code may panic too.
            let levels = std::mem::take(&mut self.levels);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(levels))) {
                result =
                    result.and(Err(Stop::Failed(Failure::panic("the closure", panic.as_ref()))));
            }
        }
        match result {
            Ok(true) => {
                // Waits where nothing is kept from working.
                handle.spawn(async move {
                    if self.out.room().await.is_ok() {
                        let _ = self.submit();
                    }
                });
            }
            Ok(false) => {
                let nanos = self.taken.as_nanos() as u64 / u64::from(self.rows.max(1));
                self.pace.store(nanos.max(1), Ordering::Relaxed);
                self.out.settle(Ok(()));
            }
            Err(stop) => self.out.settle(Err(stop)),
        }
    }

    /// True: there is more, but no room for it.
    fn work(&mut self) -> Result<bool, Stop> {
        let limits = &self.session.settings.limits;
        loop {
            let out = &self.out;
            let is_over = || out.is_gone();
            let mut bytes = self.session.buffers.take();
            let told = Told {
                enough: limits.block_bytes.max(1),
                max_row: limits.max_row,
                is_over: &is_over,
            };
            let rows = fill(&mut self.levels, &mut bytes, &told).map_err(Stop::Failed)?;
            if self.out.is_gone() {
                return Err(Stop::Gone);
            }
            if rows == 0 {
                self.session.buffers.keep(bytes);
                return Ok(false);
            }
            let bytes = self.session.buffers.freeze(bytes);
            let block = Block { layout: self.layout, partition: 0, rows, bytes };
            let has_room = self.out.put(block).map_err(|Gone| Stop::Gone)?;
            if !has_room {
                return Ok(true);
            }
        }
    }
}

/// What all closures of a stage are told.
struct Told<'a> {
    enough: usize,
    max_row: usize,
    is_over: &'a dyn Fn() -> bool,
}

/// Appends what comes of the next rows, and gives its number of rows: none, when all are through.
fn fill(levels: &mut [Level], out: &mut Vec<u8>, told: &Told<'_>) -> Result<u32, Failure> {
    let Some((last, before)) = levels.split_last_mut() else { return Ok(0) };
    loop {
        if last.at < last.input.bytes().len() {
            let rows = last.pass(out, told)?;
            if rows > 0 || (told.is_over)() {
                return Ok(rows);
            }
            continue;
        }
        if let Some(failure) = last.failed.take() {
            return Err(failure);
        }
        let Input::Made(input) = &mut last.input else { return Ok(0) };
        input.clear();
        last.at = 0;
        if fill(before, input, told)? == 0 {
            return Ok(0);
        }
    }
}

impl Level {
    /// Goes through some rows. What fails does so behind those that come of the rows before it.
    fn pass(&mut self, out: &mut Vec<u8>, told: &Told<'_>) -> Result<u32, Failure> {
        let mut passing = Passing {
            layout: self.layout,
            input: self.input.bytes(),
            at: self.at,
            whole: out.len(),
            out,
            rows: 0,
            enough: told.enough,
            max_row: told.max_row,
            is_over: told.is_over,
        };
        let work = &mut self.work;
        let before = cpu_of_thread();
        let called = catch_unwind(AssertUnwindSafe(|| work.pass(&mut passing)));
        self.cpu += cpu_of_thread().saturating_sub(before);
        let failure = match called {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(panic) => Some(Failure::panic("the closure", panic.as_ref())),
        };
        let failure = failure.map(|failure| {
            let failure = failure.at_step(self.step);
            match passing.describe() {
                Some(row) => failure.row(row),
                None => failure,
            }
        });
        self.at = passing.at;
        let rows = passing.rows;
        if let Some(failure) = failure {
            let whole = passing.whole;
            out.truncate(whole);
            // Nothing behind it is looked at.
            self.at = self.input.bytes().len();
            if rows == 0 {
                return Err(failure);
            }
            self.failed = Some(failure);
        }
        Ok(rows)
    }
}

fn cpu_of_thread() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
