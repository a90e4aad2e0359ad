//! Edges of the running graph: the queues between a stage and those that read it.
//!
//! A newcomer's trap: a writer waits only while *all* the queues that it fills are full. As long
//! as one reader has nothing to do, the others' rows pile up on disk instead of stopping it.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::error::{Failure, StepId};
use crate::local::block::{Block, Item};
use crate::local::spool::{Meter, Spool};

/// The queues of a stage's output: one for each partition and reader.
pub(crate) struct Edge {
    /// By partition, then by reader.
    queues: Vec<Vec<Arc<Spool>>>,
    room: Arc<Notify>,
    step: StepId,
}

impl Edge {
    /// `step` is named where a queue fails.
    pub(crate) fn new(partitions: u32, readers: u32, meter: &Arc<Meter>, step: StepId) -> Edge {
        let room = Arc::new(Notify::new());
        let queue = |_| Spool::new(meter.clone(), room.clone());
        let queues = (0..partitions).map(|_| (0..readers).map(queue).collect()).collect();
        Edge { queues, room, step }
    }

    /// The writing end of all partitions.
    pub(crate) fn writer(&self) -> Writer {
        Writer { queues: self.queues.clone(), room: self.room.clone(), first: 0, step: self.step }
    }

    /// The writing end of one partition.
    pub(crate) fn partition_writer(&self, partition: u32) -> Writer {
        let queues = vec![self.queues[partition as usize].clone()];
        Writer { queues, room: self.room.clone(), first: partition, step: self.step }
    }

    /// The reading end of one partition.
    pub(crate) fn partition_reader(&self, reader: u32, partition: u32) -> Reader {
        Reader::new(vec![self.queues[partition as usize][reader as usize].clone()])
    }

    /// The reading end of all partitions, one after another.
    pub(crate) fn reader(&self, reader: u32) -> Reader {
        Reader::new(self.queues.iter().map(|readers| readers[reader as usize].clone()).collect())
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

impl From<Gone> for Stop {
    fn from(_: Gone) -> Stop {
        Stop::Gone
    }
}

/// Where a stage puts its rows.
pub(crate) struct Writer {
    queues: Vec<Vec<Arc<Spool>>>,
    room: Arc<Notify>,
    first: u32,
    step: StepId,
}

impl Writer {
    /// Passes a block on and waits while all readers have plenty.
    pub(crate) async fn push(&self, block: Block) -> Result<(), Gone> {
        let readers = &self.queues[(block.partition - self.first) as usize];
        for queue in readers {
            if let Err(failure) = queue.push(Item::Block(block.clone())) {
                self.fail(failure.at_step(self.step));
                return Err(Gone);
            }
        }
        self.room().await
    }

    async fn room(&self) -> Result<(), Gone> {
        loop {
            let room = self.room.notified();
            let mut gone = true;
            let mut hungry = false;
            for queue in self.queues.iter().flatten() {
                gone &= queue.is_closed();
                hungry |= !queue.is_closed() && !queue.is_full();
            }
            match (gone, hungry) {
                (true, _) => return Err(Gone),
                (_, true) => return Ok(()),
                _ => room.await,
            }
        }
    }

    /// Resolves when no reader is left.
    pub(crate) async fn gone(&self) {
        loop {
            let room = self.room.notified();
            if self.queues.iter().flatten().all(|queue| queue.is_closed()) {
                return;
            }
            room.await;
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

/// Where a stage takes its rows from: partitions one after another.
pub(crate) struct Reader {
    queues: Vec<Arc<Spool>>,
    current: usize,
}

impl Reader {
    fn new(queues: Vec<Arc<Spool>>) -> Reader {
        Reader { queues, current: 0 }
    }

    /// What several readers would have read, one after another.
    pub(crate) fn one_after_another(readers: impl IntoIterator<Item = Reader>) -> Reader {
        let queues = readers.into_iter().flat_map(|mut reader| std::mem::take(&mut reader.queues));
        Reader::new(queues.collect())
    }

    /// The next block, `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Block>, Failure> {
        while let Some(queue) = self.queues.get(self.current) {
            match queue.pop().await {
                Item::Block(block) => return Ok(Some(block)),
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
