//! Tasks of one stage: started ahead, fed, and gathered in order.
//!
//! A newcomer's trap: a task's rows are passed on only when all tasks before it have ended. What
//! it writes until then waits in its own queue; that is bounded by not feeding it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::error::{Failure, StepId};
use crate::local::block::{Block, Item};
use crate::local::edge::{Gone, Reader, Stop, Taken, Writer};
use crate::local::letters::{TaskLetters, TaskPlace};
use crate::local::link::Task;
use crate::local::session::Session;
use crate::local::spool::Spool;
use crate::local::tally::Counted;
use crate::plan::seed;
use crate::plan::stage::StageId;
use crate::row::block::LETTERS;
use crate::row::layout::{Layout, Rows};
use crate::worker::task::{Counts, TaskInput, TaskResult, TaskSpec};

/// Where the tasks of a stage get their rows.
pub(crate) enum TaskSource {
    /// Each task reads its own part. They are made when their turn comes: each merge of a range
    /// names all runs.
    Inputs(Box<dyn Iterator<Item = TaskInput> + Send>),
    /// The engine cuts a stream into tasks.
    Blocks(Reader),
}

/// What becomes of the tasks' blocks and results, which come in order.
pub(crate) trait TakeInOrder: Send {
    fn block(&mut self, block: Block) -> impl Future<Output = Result<(), Gone>> + Send;
    fn done(&mut self, result: TaskResult) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Takes what the tasks of these rows, or of rows that they were made of, have counted.
    fn counted(&mut self, counted: Arc<Counted>);
}

/// What comes next in the order of tasks.
enum Started {
    Task(Arc<Task>, OwnedSemaphorePermit),
    /// What has been counted of the rows of all tasks so far.
    Counted(Arc<Counted>),
    /// The input failed here.
    Failed(Failure),
}

/// Runs all tasks of a stage and hands over their blocks and results in order.
pub(crate) async fn run_tasks(
    session: &Arc<Session>,
    stage: StageId,
    source: TaskSource,
    take: &mut impl TakeInOrder,
) -> Result<(), Stop> {
    let ahead = Arc::new(Semaphore::new(tasks_ahead(session)));
    run_tasks_ahead(session, stage, 0, source, ahead, take).await
}

/// A worker's share of the memory with which it can have two tasks of a stage open.
const ROOMY_BYTES: usize = 64 << 20;

/// Tasks of one stage that may be open at once. Each has a Lua heap, so where there is little
/// memory, each worker has one.
fn tasks_ahead(session: &Session) -> usize {
    let roomy = session.settings.limits.lua_bytes >= ROOMY_BYTES;
    session.settings.workers * if roomy { 2 } else { 1 }
}

async fn run_tasks_ahead(
    session: &Arc<Session>,
    stage: StageId,
    partition: u32,
    source: TaskSource,
    ahead: Arc<Semaphore>,
    take: &mut impl TakeInOrder,
) -> Result<(), Stop> {
    let (started, mut in_order) = mpsc::unbounded_channel();
    let mut opener =
        Opener { session, stage, partition, ahead, started, feeders: JoinSet::new(), opened: 0 };
    let open_all = async {
        let opened = match source {
            TaskSource::Inputs(inputs) => opener.open_inputs(inputs).await,
            TaskSource::Blocks(reader) => opener.open_blocks(reader).await,
        };
        if let Err(failure) = opened {
            // A closed channel means that the gathering has stopped for a reason of its own.
            let _ = opener.started.send(Started::Failed(failure));
        }
        let Opener { started, mut feeders, .. } = opener;
        drop(started);
        while feeders.join_next().await.is_some() {}
    };
    let mut left_out = LeftOut::default();
    let mut gathered = 0;
    let gather = async {
        while let Some(started) = in_order.recv().await {
            let (task, _permit) = match started {
                Started::Task(task, permit) => (task, permit),
                Started::Counted(counted) => {
                    take.counted(counted);
                    continue;
                }
                Started::Failed(failure) => return Err(Stop::Failed(failure)),
            };
            let place = TaskPlace { stage, partition, task: gathered };
            gathered += 1;
            gather_task(session, place, &task, take, &mut left_out).await?;
        }
        Ok(())
    };
    tokio::pin!(open_all);
    tokio::pin!(gather);
    tokio::select! {
        result = &mut gather => result,
        () = &mut open_all => gather.await,
    }
}

/// Rows that the tasks of a stage, or of one of its partitions, have left out so far.
#[derive(Default)]
struct LeftOut {
    rows: BTreeMap<StepId, u64>,
    firsts: BTreeMap<StepId, Failure>,
}

impl LeftOut {
    /// Adds those of a task whose turn has come. More than there may be are a failure with a place in
    /// the order, unless partitions have none among themselves.
    fn add(
        &mut self,
        session: &Session,
        place: TaskPlace,
        counts: &Counts,
        letters: &TaskLetters,
    ) -> Result<(), Failure> {
        if counts.skipped.is_empty() || session.plan.stages[place.stage].partitions > 1 {
            return Ok(());
        }
        for (step, rows) in &counts.skipped {
            *self.rows.entry(*step).or_default() += rows;
        }
        for (step, first) in letters.firsts() {
            self.firsts.entry(*step).or_insert_with(|| first.clone());
        }
        session.letters.check_rows(&self.rows, &self.firsts)
    }
}

async fn gather_task(
    session: &Session,
    place: TaskPlace,
    task: &Task,
    take: &mut impl TakeInOrder,
    left_out: &mut LeftOut,
) -> Result<(), Stop> {
    let mut letters = TaskLetters::new(place);
    loop {
        match task.inbox.spool.pop().await {
            Item::Failed(failure) => return Err(Stop::Failed(failure)),
            Item::Block(block) if block.partition == LETTERS => {
                let taken = session.letters.take(&mut letters, &block.bytes, &session.meter);
                taken.map_err(Stop::Failed)?;
            }
            Item::Block(block) => take.block(block).await?,
            Item::Done(mut result) => {
                let counts = std::mem::take(&mut result.counts);
                take.done(*result).await?;
                left_out.add(session, place, &counts, &letters).map_err(Stop::Failed)?;
                if !counts.is_empty() {
                    let (tally, all) = (&session.tally, &session.letters);
                    take.counted(Counted::with_letters(tally, counts, all, letters));
                }
                return Ok(());
            }
            // Tasks say with their last word what they have counted.
            Item::Counted(_) => {}
            Item::End => return Ok(()),
        }
    }
}

struct Opener<'a> {
    session: &'a Arc<Session>,
    stage: StageId,
    partition: u32,
    /// Tasks that may be ahead of the one whose rows are being passed on.
    ahead: Arc<Semaphore>,
    started: mpsc::UnboundedSender<Started>,
    feeders: JoinSet<()>,
    opened: u32,
}

impl Opener<'_> {
    async fn open(&mut self, input: TaskInput) -> Result<Arc<Task>, Failure> {
        let permit = self.ahead.clone().acquire_owned().await.expect("it is never closed");
        let seed = seed::of_task(self.partition, self.opened);
        let held = self.session.held(self.stage);
        let tables = self.session.tables(self.stage);
        let spec = TaskSpec { stage: self.stage, seed, input, held, tables };
        self.opened += 1;
        let task = Arc::new(self.session.open_task(&spec).await?);
        let _ = self.started.send(Started::Task(task.clone(), permit));
        Ok(task)
    }

    async fn open_inputs(
        &mut self,
        inputs: impl Iterator<Item = TaskInput>,
    ) -> Result<(), Failure> {
        let known = match inputs.size_hint() {
            (least, Some(most)) if least == most => Some(most as u64),
            _ => None,
        };
        let tally = &self.session.tally;
        tally.expect_tasks(self.stage, known.unwrap_or(0));
        for input in inputs {
            if known.is_none() {
                tally.expect_tasks(self.stage, 1);
            }
            let task = self.open(input).await?;
            self.feeders.spawn(async move { task.read_source().await });
            while self.feeders.try_join_next().is_some() {}
        }
        Ok(())
    }

    /// Cuts the input into tasks. One that takes all of it is there for no rows too, and is not
    /// given more than it can take.
    async fn open_blocks(&mut self, mut reader: Reader) -> Result<(), Failure> {
        let in_order = self.session.plan.stages[self.stage].work.is_in_order();
        let mut offset = 0;
        let mut current = match in_order {
            true => Some((self.open_fed().await?, u64::MAX)),
            false => None,
        };
        loop {
            let next = reader.take().await;
            let mut block = match next {
                Ok(Some(Taken::Block(block))) => block,
                Ok(Some(Taken::Counted(counted))) => {
                    // A closed channel is as in `run_tasks_ahead`.
                    let _ = self.started.send(Started::Counted(counted));
                    continue;
                }
                ended => {
                    if let Some((feed, _)) = current.take() {
                        feed.push(Item::End)?;
                    }
                    return ended.map(drop);
                }
            };
            while !block.bytes.is_empty() {
                let (feed, left) = match current.take() {
                    Some(current) => current,
                    None => (self.open_fed().await?, self.session.stream_task_bytes(offset)),
                };
                let piece = cut_front(&mut block, left);
                let len = piece.bytes.len() as u64;
                offset += len;
                feed.push(Item::Block(piece))?;
                if in_order {
                    feed.room().await;
                }
                if len < left {
                    current = Some((feed, left - len));
                } else {
                    feed.push(Item::End)?;
                }
            }
        }
    }

    /// Opens a task that is fed from a queue.
    async fn open_fed(&mut self) -> Result<Arc<Spool>, Failure> {
        self.session.tally.expect_tasks(self.stage, 1);
        let task = self.open(TaskInput::Blocks).await?;
        let feed = Spool::new(self.session.meter.clone(), Arc::default());
        let queue = feed.clone();
        self.feeders.spawn(async move {
            while let Item::Block(block) = queue.pop().await {
                task.feed(block).await;
            }
            task.end_input();
        });
        while self.feeders.try_join_next().is_some() {}
        Ok(feed)
    }
}

/// Takes the first rows of a block: all that begin before byte `limit`.
fn cut_front(block: &mut Block, limit: u64) -> Block {
    let whole = block.bytes.len();
    let end = block.as_rows().cut_at(usize::try_from(limit).unwrap_or(whole));
    if end == whole {
        let rest = Block { bytes: block.bytes.split_off(end), rows: 0, ..*block };
        return std::mem::replace(block, rest);
    }
    let bytes = block.bytes.split_to(end);
    let rows = Rows::new(block.layout, &bytes).count();
    block.rows -= rows;
    Block { bytes, rows, ..*block }
}

/// Puts the rows of a stage's tasks where its readers find them.
pub(crate) async fn run_rows(
    session: &Arc<Session>,
    stage: StageId,
    source: TaskSource,
    out: Writer,
) {
    let ahead = Arc::new(Semaphore::new(tasks_ahead(session)));
    run_rows_ahead(session, stage, 0, source, ahead, &out).await;
}

async fn run_rows_ahead(
    session: &Arc<Session>,
    stage: StageId,
    partition: u32,
    source: TaskSource,
    ahead: Arc<Semaphore>,
    out: &Writer,
) {
    let work = &session.plan.stages[stage].work;
    let partition_of_all = (!work.is_routed()).then_some(partition);
    let mut rows = RowsOut { out, partition: partition_of_all, counts: work.only_counts() };
    let result = tokio::select! {
        result = run_tasks_ahead(session, stage, partition, source, ahead, &mut rows) => result,
        () = out.gone() => return,
    };
    out.settle(result);
}

/// Partitions of one stage that have open tasks at once. Each open task has a Lua state.
const OPEN_PARTITIONS: usize = 64;

/// Runs a stage that keeps partitions apart. One task of each partition is open at a time, and
/// those ahead are of the first partition that has not ended, since that is the one waited for.
///
/// Partitions are begun in order: whoever reads one after another must not wait for one that
/// waits behind those it reads later. The rows of those not begun yet wait in their queues.
pub(crate) async fn run_partitions(
    session: &Arc<Session>,
    stage: StageId,
    partitions: Vec<(u32, Reader, Writer)>,
) {
    let one_each: Vec<_> = partitions.iter().map(|_| Arc::new(Semaphore::new(1))).collect();
    let mut ended = vec![false; partitions.len()];
    let mut first = 0;
    let most = OPEN_PARTITIONS.max(tasks_ahead(session));
    let mut to_begin = partitions.into_iter().enumerate();
    let mut running = JoinSet::new();
    if let Some(ahead) = one_each.first() {
        ahead.add_permits(tasks_ahead(session) - 1);
    }
    loop {
        while running.len() < most
            && let Some((number, (partition, reader, out))) = to_begin.next()
        {
            let (session, ahead) = (session.clone(), one_each[number].clone());
            running.spawn(async move {
                let source = TaskSource::Blocks(reader);
                run_rows_ahead(&session, stage, partition, source, ahead, &out).await;
                number
            });
        }
        let Some(joined) = running.join_next().await else { return };
        ended[joined.expect("a partition's driver ends by itself")] = true;
        while ended.get(first).is_some_and(|&ended| ended) {
            first += 1;
            if let Some(ahead) = one_each.get(first) {
                ahead.add_permits(tasks_ahead(session) - 1);
            }
        }
    }
}

struct RowsOut<'a> {
    out: &'a Writer,
    /// Where all blocks go; `None` if each says so itself.
    partition: Option<u32>,
    /// A chain that only counts has no blocks; its numbers travel as blocks without bytes.
    counts: bool,
}

impl TakeInOrder for RowsOut<'_> {
    async fn block(&mut self, block: Block) -> Result<(), Gone> {
        let partition = self.partition.unwrap_or(block.partition);
        self.out.push(Block { partition, ..block }).await
    }

    async fn done(&mut self, result: TaskResult) -> Result<(), Gone> {
        let mut left = if self.counts { result.rows } else { 0 };
        while left > 0 {
            let rows = u32::try_from(left).unwrap_or(u32::MAX);
            left -= u64::from(rows);
            let bytes = bytes::Bytes::new();
            self.out.push(Block { layout: Layout::Text, partition: 0, rows, bytes }).await?;
        }
        Ok(())
    }

    fn counted(&mut self, counted: Arc<Counted>) {
        self.out.pass(&counted);
    }
}
