//! Edges of the running graph: the queues between a stage and those that read it.
//!
//! A newcomer's trap: a writer waits only while *all* the queues that it fills are full. As long
//! as one reader has nothing to do, the others' rows pile up on disk instead of stopping it.

use std::sync::Arc;

use crate::error::{Failure, StepId};
use crate::local::block::{Block, Item};
use crate::local::spool::{Meter, Room, Spool};
use crate::local::tally::{Counted, Tally};

/// The queues of a stage's output: one for each partition and reader.
pub(crate) struct Edge {
    partitions: Vec<Partition>,
    step: StepId,
    counts: Option<Counts>,
}

/// Where rows that go by are counted: as those of this step.
#[derive(Clone)]
struct Counts(Arc<Tally>, StepId);

struct Partition {
    /// By reader.
    queues: Vec<Arc<Spool>>,
    room: Arc<Room>,
}

impl Edge {
    /// `apart`: each partition has a writer of its own. `step` is named where a queue fails.
    pub(crate) fn new(
        partitions: u32,
        apart: bool,
        readers: u32,
        meter: &Arc<Meter>,
        step: StepId,
    ) -> Edge {
        let shared = Arc::new(Room::default());
        let partition = |_| {
            let room = if apart { Arc::default() } else { shared.clone() };
            let queue = |_| Spool::new(meter.clone(), room.clone());
            Partition { queues: (0..readers).map(queue).collect(), room: room.clone() }
        };
        Edge { partitions: (0..partitions).map(partition).collect(), step, counts: None }
    }

    /// Counts what is written as what comes out of a step.
    pub(crate) fn counted(self, tally: &Arc<Tally>, step: Option<StepId>) -> Edge {
        Edge { counts: step.map(|step| Counts(tally.clone(), step)), ..self }
    }

    /// The writing end of all partitions, if they are not apart.
    pub(crate) fn writer(&self) -> Writer {
        let queues = self.partitions.iter().map(|partition| partition.queues.clone()).collect();
        let room = self.partitions[0].room.clone();
        Writer { queues, room, first: 0, step: self.step, waits: true, counts: self.counts.clone() }
    }

    /// The writing end of one partition, if they are apart.
    pub(crate) fn partition_writer(&self, partition: u32) -> Writer {
        let Partition { queues, room } = &self.partitions[partition as usize];
        let (queues, room) = (vec![queues.clone()], room.clone());
        Writer {
            queues,
            room,
            first: partition,
            step: self.step,
            waits: true,
            counts: self.counts.clone(),
        }
    }

    /// The reading end of one partition.
    pub(crate) fn partition_reader(&self, reader: u32, partition: u32) -> Reader {
        Reader::new(vec![self.partitions[partition as usize].queues[reader as usize].clone()])
    }

    /// The reading end of all partitions, one after another.
    pub(crate) fn reader(&self, reader: u32) -> Reader {
        let queue = |partition: &Partition| partition.queues[reader as usize].clone();
        Reader::new(self.partitions.iter().map(queue).collect())
    }
}

/// All readers have gone: what is still to come would be for nobody.
pub(crate) struct Gone;

/// Why a stage has ended early.
pub(crate) enum Stop {
    /// Nobody reads the rows any more.
    Gone,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Stop {
        Stop::Gone
    }
}

/// Where a stage puts its rows.
pub(crate) struct Writer {
    /// By partition, then by reader.
    queues: Vec<Vec<Arc<Spool>>>,
    room: Arc<Room>,
    first: u32,
    step: StepId,
    /// Whether a push waits for its readers.
    waits: bool,
    counts: Option<Counts>,
}

/// A queue for what is held back, as partition 0: its writer never waits.
pub(crate) fn held(meter: &Arc<Meter>, step: StepId) -> (Writer, Reader) {
    let room = Arc::new(Room::default());
    let queue = Spool::new(meter.clone(), room.clone());
    let queues = vec![vec![queue.clone()]];
    (Writer { queues, room, first: 0, step, waits: false, counts: None }, Reader::new(vec![queue]))
}

impl Writer {
    /// Passes a block on and waits while all readers have plenty, unless it is [`held`] back.
    pub(crate) async fn push(&self, block: Block) -> Result<(), Gone> {
        self.put(block)?;
        match self.waits {
            true => self.room().await,
            false => Ok(()),
        }
    }

    /// Passes a block on without waiting, and says whether there is room for more.
    pub(crate) fn put(&self, block: Block) -> Result<bool, Gone> {
        if let Some(Counts(tally, step)) = &self.counts {
            tally.add_out(*step, block.amount());
        }
        let readers = &self.queues[(block.partition - self.first) as usize];
        for queue in readers {
            if let Err(failure) = queue.push(Item::Block(block.clone())) {
                self.fail(failure.at_step(self.step));
                return Err(Gone);
            }
        }
        Ok(self.room.is_hungry())
    }

    /// Passes on what the tasks of the rows so far have counted, for whoever takes them first.
    pub(crate) fn pass(&self, counted: &Arc<Counted>) {
        self.tell(|| Item::Counted(counted.clone()));
    }

    /// Waits while all readers have plenty.
    pub(crate) async fn room(&self) -> Result<(), Gone> {
        loop {
            let taken = self.room.taken();
            match (self.room.is_gone(), self.room.is_hungry()) {
                (true, _) => return Err(Gone),
                (_, true) => return Ok(()),
                _ => taken.await,
            }
        }
    }

    /// Whether no reader is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.room.is_gone()
    }

    /// Resolves when no reader is left.
    pub(crate) async fn gone(&self) {
        loop {
            let taken = self.room.taken();
            if self.room.is_gone() {
                return;
            }
            taken.await;
        }
    }

    /// Tells the readers how the stage has ended.
    pub(crate) fn settle(&self, result: Result<(), Stop>) {
        match result {
            Ok(()) => self.tell(|| Item::End),
            Err(Stop::Gone) => {}
            Err(Stop::Failed(failure)) => self.fail(failure.at_step(self.step)),
        }
    }

    pub(crate) fn fail(&self, failure: Failure) {
        self.tell(|| Item::Failed(failure.clone()));
    }

    fn tell(&self, item: impl Fn() -> Item) {
        for queue in self.queues.iter().flatten() {
            // Only blocks can fail to be queued: nothing else goes to disk.
            let _ = queue.push(item());
        }
    }
}

/// What a stage takes from those before it.
pub(crate) enum Taken {
    Block(Block),
    Counted(Arc<Counted>),
}

/// Where a stage takes its rows from: partitions one after another.
pub(crate) struct Reader {
    queues: Vec<Arc<Spool>>,
    current: usize,
    counts: Option<Counts>,
}

impl Reader {
    fn new(queues: Vec<Arc<Spool>>) -> Reader {
        Reader { queues, current: 0, counts: None }
    }

    /// What several readers would have read, one after another.
    pub(crate) fn one_after_another(readers: impl IntoIterator<Item = Reader>) -> Reader {
        let queues = readers.into_iter().flat_map(|mut reader| std::mem::take(&mut reader.queues));
        Reader::new(queues.collect())
    }

    /// Counts what is read as what goes into a step.
    pub(crate) fn counted(mut self, tally: &Arc<Tally>, step: Option<StepId>) -> Reader {
        self.counts = step.map(|step| Counts(tally.clone(), step));
        self
    }

    /// The next block, `None` at the end. Rows that have been taken so count.
    pub(crate) async fn next(&mut self) -> Result<Option<Block>, Failure> {
        loop {
            match self.take().await? {
                Some(Taken::Block(block)) => return Ok(Some(block)),
                Some(Taken::Counted(counted)) => counted.add(),
                None => return Ok(None),
            }
        }
    }

    /// The same for a stage that passes on what has been counted, behind the rows that it makes of
    /// these: they may be more than anybody wants.
    pub(crate) async fn take(&mut self) -> Result<Option<Taken>, Failure> {
        while let Some(queue) = self.queues.get(self.current) {
            match queue.pop().await {
                Item::Block(block) => {
                    if let Some(Counts(tally, step)) = &self.counts {
                        tally.add_in(*step, block.amount());
                    }
                    return Ok(Some(Taken::Block(block)));
                }
                Item::Counted(counted) => return Ok(Some(Taken::Counted(counted))),
                Item::Failed(failure) => return Err(failure),
                Item::End => self.current += 1,
                Item::Done(_) => {}
            }
        }
        Ok(None)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for queue in &self.queues {
            queue.close();
        }
    }
}
