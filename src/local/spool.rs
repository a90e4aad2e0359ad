//! A queue between two stages: in memory while the run's share lasts, then on disk.
//!
//! A newcomer's trap: `push` never waits for the reader; whoever must not run ahead asks for
//! [`Spool::room`] afterwards. That is what keeps a fork's fast reader going.
//!
//! Invariant: items come out in the order in which they went in. Once one block is on disk, all
//! later ones go there until the disk part has been read.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::error::Failure;
use crate::local::block::{Block, Item};

/// A queue that is longer than this makes its writer wait, if it can.
pub(crate) const ROOM_BYTES: usize = 2 << 20;

/// What a block in a queue takes beside its bytes. Rows dealt out to a thousand partitions come
/// in blocks of a few hundred bytes.
const BLOCK_COST: usize = 192;

/// Neighbouring blocks become one while they wait, up to this size.
const JOINED_BYTES: usize = 128 << 10;

/// What all queues of a run hold in memory, and how much that may be.
pub(crate) struct Meter {
    held: AtomicUsize,
    limit: usize,
    joined_bytes: usize,
    temp_dir: PathBuf,
    /// Bytes that queues have written to disk.
    spilled: AtomicU64,
}

impl Meter {
    /// Blocks that wait are joined, but not beyond `block_bytes`.
    pub(crate) fn new(limit: usize, block_bytes: usize, temp_dir: PathBuf) -> Meter {
        let joined_bytes = block_bytes.min(JOINED_BYTES);
        Meter {
            held: AtomicUsize::new(0),
            limit,
            joined_bytes,
            temp_dir,
            spilled: AtomicU64::new(0),
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = bytes + BLOCK_COST;
        let fits = self.held.load(Ordering::Relaxed) + taken <= self.limit;
        if fits {
            self.held.fetch_add(taken, Ordering::Relaxed);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes + BLOCK_COST, Ordering::Relaxed);
    }

    /// Bytes that queues have written to disk so far.
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled.load(Ordering::Relaxed)
    }

    /// A temporary file without a name.
    pub(crate) fn temp_file(&self) -> Result<File, Failure> {
        tempfile::tempfile_in(&self.temp_dir).map_err(|error| {
            let place = self.temp_dir.display();
            Failure::temporary(format!("cannot create a temporary file in {place}"), &error)
        })
    }
}

/// One queue with one reader.
pub(crate) struct Spool {
    meter: Arc<Meter>,
    inner: Mutex<Inner>,
    /// An item has come.
    ready: Notify,
    room: Arc<Room>,
    closed: AtomicBool,
}

/// What the queues that one writer fills have in common: whether it is to wait. Counted, because a
/// writer may fill thousands of queues and asks at each block.
#[derive(Default)]
pub(crate) struct Room {
    /// Something has been taken from one of them.
    taken: Notify,
    /// Queues whose reader has not gone, and those of them that are full.
    open: AtomicUsize,
    full: AtomicUsize,
}

impl Room {
    /// Resolves when something is taken from one of the queues; made before they are looked at.
    pub(crate) fn taken(&self) -> impl Future<Output = ()> + '_ {
        self.taken.notified()
    }

    /// Whether no reader is left.
    pub(crate) fn is_gone(&self) -> bool {
        self.open.load(Ordering::Acquire) == 0
    }

    /// Whether a reader has little left to do.
    pub(crate) fn is_hungry(&self) -> bool {
        self.open.load(Ordering::Acquire) > self.full.load(Ordering::Acquire)
    }
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Queued>,
    /// Bytes in the queue, on disk or not.
    bytes: usize,
    /// Whether it counts as full in [`Room`].
    full: bool,
    disk: Option<Disk>,
}

enum Queued {
    Here(Item),
    /// A block whose bytes are at this place of the file.
    OnDisk {
        block: Block,
        offset: u64,
        len: usize,
    },
}

struct Disk {
    file: File,
    end: u64,
    /// Blocks in the file that have not been read.
    unread: usize,
}

impl Spool {
    pub(crate) fn new(meter: Arc<Meter>, room: Arc<Room>) -> Arc<Spool> {
        room.open.fetch_add(1, Ordering::Release);
        Arc::new(Spool {
            meter,
            inner: Mutex::default(),
            ready: Notify::new(),
            room,
            closed: AtomicBool::new(false),
        })
    }

    /// Adds an item. A reader that has gone makes this do nothing.
    pub(crate) fn push(&self, item: Item) -> Result<(), Failure> {
        let mut inner = self.lock();
        // Looked at under the lock, so that nothing is left behind by a reader that goes just now.
        if self.is_closed() {
            return Ok(());
        }
        match item {
            Item::Block(block) => self.push_block(&mut inner, block)?,
            other => inner.queue.push_back(Queued::Here(other)),
        }
        self.count_full(&mut inner);
        drop(inner);
        self.ready.notify_one();
        Ok(())
    }

    fn push_block(&self, inner: &mut Inner, mut block: Block) -> Result<(), Failure> {
        let len = block.bytes.len();
        inner.bytes += len;
        let spilling = inner.disk.as_ref().is_some_and(|disk| disk.unread > 0);
        if !spilling && self.meter.take(len) {
            inner.queue.push_back(Queued::Here(Item::Block(block)));
            return Ok(());
        }
        let disk = match &mut inner.disk {
            Some(disk) => disk,
            none => {
                tracing::debug!("a queue goes on on disk");
                none.insert(Disk { file: self.meter.temp_file()?, end: 0, unread: 0 })
            }
        };
        if disk.unread == 0 {
            disk.end = 0;
        }
        let bytes = std::mem::take(&mut block.bytes);
        disk.file
            .write_all_at(&bytes, disk.end)
            .map_err(|error| Failure::temporary("cannot write to a temporary file", &error))?;
        self.meter.spilled.fetch_add(len as u64, Ordering::Relaxed);
        let offset = disk.end;
        disk.end += len as u64;
        // While a block is unread, the one behind it in the queue is so in the file too.
        if disk.unread > 0
            && let Some(Queued::OnDisk { block: last, len: last_len, .. }) = inner.queue.back_mut()
            && self.may_join(last, *last_len, &block, len)
        {
            last.rows += block.rows;
            *last_len += len;
            return Ok(());
        }
        inner.queue.push_back(Queued::OnDisk { block, offset, len });
        disk.unread += 1;
        Ok(())
    }

    /// Whether two neighbouring blocks may become one. Blocks without bytes are only counts.
    fn may_join(&self, one: &Block, one_len: usize, other: &Block, other_len: usize) -> bool {
        one.layout == other.layout
            && one.partition == other.partition
            && one_len > 0
            && other_len > 0
            && one_len + other_len <= self.meter.joined_bytes
    }

    /// The next item, once there is one.
    pub(crate) async fn pop(&self) -> Item {
        loop {
            let ready = self.ready.notified();
            if let Some(item) = self.try_pop() {
                return item;
            }
            ready.await;
        }
    }

    fn try_pop(&self) -> Option<Item> {
        let mut inner = self.lock();
        let item = match inner.queue.pop_front()? {
            Queued::Here(Item::Block(block)) => {
                inner.bytes -= block.bytes.len();
                self.meter.give_back(block.bytes.len());
                Item::Block(self.join_waiting(&mut inner, block))
            }
            Queued::Here(item) => item,
            Queued::OnDisk { mut block, offset, len } => {
                inner.bytes -= len;
                let disk = inner.disk.as_mut().expect("a block on disk has a file");
                disk.unread -= 1;
                let mut bytes = vec![0; len];
                match disk.file.read_exact_at(&mut bytes, offset) {
                    Ok(()) => {
                        block.bytes = Bytes::from(bytes);
                        Item::Block(block)
                    }
                    Err(error) => {
                        let what = "cannot read a temporary file";
                        Item::Failed(Failure::temporary(what, &error))
                    }
                }
            }
        };
        self.count_full(&mut inner);
        drop(inner);
        self.room.taken.notify_waiters();
        Some(item)
    }

    /// A block together with those behind it, if they are small.
    fn join_waiting(&self, inner: &mut Inner, mut block: Block) -> Block {
        let mut joined = Vec::new();
        while let Some(Queued::Here(Item::Block(next))) = inner.queue.front()
            && self.may_join(&block, block.bytes.len().max(joined.len()), next, next.bytes.len())
        {
            if joined.is_empty() {
                joined.extend_from_slice(&block.bytes);
            }
            joined.extend_from_slice(&next.bytes);
            block.rows += next.rows;
            inner.bytes -= next.bytes.len();
            self.meter.give_back(next.bytes.len());
            inner.queue.pop_front();
        }
        if !joined.is_empty() {
            block.bytes = Bytes::from(joined);
        }
        block
    }

    /// Bytes that wait for the reader.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Resolves when the reader has little left to do, or has gone.
    pub(crate) async fn room(&self) {
        loop {
            let taken = self.room.taken();
            if !self.is_full() {
                return;
            }
            taken.await;
        }
    }

    /// Whether a writer should wait.
    pub(crate) fn is_full(&self) -> bool {
        !self.is_closed() && self.bytes() > ROOM_BYTES
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The reader wants no more: drops what waits.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if !self.closed.swap(true, Ordering::AcqRel) {
            self.room.open.fetch_sub(1, Ordering::Release);
        }
        for queued in inner.queue.drain(..) {
            if let Queued::Here(Item::Block(block)) = queued {
                self.meter.give_back(block.bytes.len());
            }
        }
        inner.bytes = 0;
        inner.disk = None;
        self.count_full(&mut inner);
        drop(inner);
        self.room.taken.notify_waiters();
    }

    fn count_full(&self, inner: &mut Inner) {
        let full = inner.bytes > ROOM_BYTES;
        match (inner.full, full) {
            (false, true) => self.room.full.fetch_add(1, Ordering::Release),
            (true, false) => self.room.full.fetch_sub(1, Ordering::Release),
            _ => return,
        };
        inner.full = full;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it holds a queue")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::layout::Layout;

    fn spool(limit: usize) -> Arc<Spool> {
        let meter = Meter::new(limit, 1 << 20, std::env::temp_dir());
        Spool::new(Arc::new(meter), Arc::default())
    }

    fn block(partition: u32, bytes: &'static [u8]) -> Item {
        let bytes = Bytes::from_static(bytes);
        Item::Block(Block { layout: Layout::Lines, partition, rows: 1, bytes })
    }

    /// Partition, rows and bytes of all blocks that wait.
    fn drained(spool: &Spool) -> Vec<(u32, u32, Vec<u8>)> {
        let mut blocks = Vec::new();
        while let Some(item) = spool.try_pop() {
            let Item::Block(block) = item else { panic!("{item:?} is no block") };
            blocks.push((block.partition, block.rows, block.bytes.to_vec()));
        }
        blocks
    }

    #[test]
    fn small_blocks_that_wait_become_one_in_memory_and_on_disk() {
        for limit in [1 << 20, 0, 2 * (BLOCK_COST + 2)] {
            let spool = spool(limit);
            for (partition, bytes) in [(0, b"a\n"), (0, b"b\n"), (1, b"c\n"), (1, b"d\n")] {
                spool.push(block(partition, bytes)).unwrap();
            }
            assert_eq!(spool.bytes(), 8);
            let joined = [(0, 2, b"a\nb\n".to_vec()), (1, 2, b"c\nd\n".to_vec())];
            assert_eq!(drained(&spool), joined);
            assert_eq!(spool.bytes(), 0);
            assert_eq!(spool.meter.held.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn blocks_that_only_count_stay_apart() {
        let spool = spool(1 << 20);
        for _ in 0..2 {
            spool.push(block(0, b"")).unwrap();
        }
        assert_eq!(drained(&spool).len(), 2);
    }
}
