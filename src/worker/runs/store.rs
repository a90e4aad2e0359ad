//! Where runs are written: the temporary file of a worker, shared by its open tasks.
//!
//! A newcomer's trap: a run is contiguous, so the store is locked from a run's first write to its
//! end, and the end of the file moves only then: a run that failed leaves nothing behind it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FallocateFlags, fallocate};
use xxhash_rust::xxh3::xxh3_64;

use super::arena::Arena;
use super::entry::Place;
use super::index::IndexWriter;
use super::{CHUNK_BYTES, FileRun, INLINE_BYTES, Run, WRITE_BYTES};
use crate::error::{ErrorKind, Failure, OTHER_TEMP_DIR};

/// Asks the engine for a file: its number and the open file, which has no name any more.
type Get = Box<dyn FnMut() -> Result<(u32, File), Failure> + Send>;

/// A handle on the worker's temporary file; clones share it.
#[derive(Clone)]
pub(crate) struct RunStore {
    state: Arc<Mutex<State>>,
    /// Empty arenas of tasks that have ended: fresh memory costs more than sorting what fills it.
    arenas: Arc<Mutex<Vec<Arena>>>,
}

/// Where bytes lie that are no run.
pub(crate) struct Stored {
    offset: u64,
    len: usize,
    checksum: u32,
}

struct State {
    get: Get,
    open: Option<OpenFile>,
    /// Bytes written since somebody asked.
    written: u64,
}

struct OpenFile {
    id: u32,
    file: File,
    end: u64,
}

impl RunStore {
    /// `get` is called once, when the first run is written.
    pub(crate) fn new(get: Get) -> RunStore {
        let state = Arc::new(Mutex::new(State { get, open: None, written: 0 }));
        RunStore { state, arenas: Arc::default() }
    }

    /// An arena that an earlier task has left, or a new one.
    pub(super) fn arena(&self, limit: usize) -> Arena {
        self.arenas().pop().unwrap_or_else(|| Arena::new(limit))
    }

    /// Keeps an empty arena for the next task.
    pub(super) fn keep(&self, arena: Arena) {
        self.arenas().push(arena);
    }

    /// Gives the memory of arenas that no task uses to those that read what was written.
    pub(crate) fn drop_arenas(&self) {
        self.arenas().clear();
    }

    /// Appends bytes that are no run.
    pub(crate) fn append(&self, bytes: &[u8]) -> Result<Stored, Failure> {
        let mut state = self.lock();
        let open = state.open()?;
        open.file.write_all_at(bytes, open.end).map_err(|error| cannot_write(&error))?;
        let stored = Stored { offset: open.end, len: bytes.len(), checksum: chunk_checksum(bytes) };
        open.end += bytes.len() as u64;
        state.written += bytes.len() as u64;
        Ok(stored)
    }

    /// Reads what [`RunStore::append`] has written.
    pub(crate) fn read(&self, stored: &Stored, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        bytes.resize(stored.len, 0);
        let mut state = self.lock();
        let read = state.open()?.file.read_exact_at(bytes, stored.offset);
        read.map_err(|error| cannot_read(&error))?;
        if chunk_checksum(bytes) == stored.checksum { Ok(()) } else { Err(damaged()) }
    }

    /// Gives the disk back on which something lies that nobody will read again. Where the file
    /// system can't make holes, it is given back with the file.
    pub(crate) fn give_back(&self, stored: &Stored) {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if let Some(open) = &self.lock().open {
            let _ = fallocate(&open.file, hole, stored.offset, stored.len as u64);
        }
    }

    /// How much has been written since this was last asked.
    pub(crate) fn take_written(&self) -> u64 {
        std::mem::take(&mut self.lock().written)
    }

    fn arenas(&self) -> MutexGuard<'_, Vec<Arena>> {
        self.arenas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic within leaves the state as it was before that run.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self) -> Result<&mut OpenFile, Failure> {
        if self.open.is_none() {
            let (id, file) = (self.get)()?;
            let end = file.metadata().map_err(|error| cannot_write(&error))?.len();
            self.open = Some(OpenFile { id, file, end });
        }
        Ok(self.open.as_mut().expect("it has just been opened"))
    }
}

/// Bytes of length and checksum before each chunk.
pub(super) const CHUNK_HEAD_BYTES: usize = 8;

/// One run while it is written.
pub(super) struct RunOutput<'a> {
    store: &'a RunStore,
    /// Taken at the first write and held to the end.
    locked: Option<MutexGuard<'a, State>>,
    buffer: Vec<u8>,
    /// Where in `buffer` the chunk begins that is not sealed yet.
    chunk: Option<usize>,
    written: u64,
    index: IndexWriter,
    merged: bool,
    largest: usize,
}

impl<'a> RunOutput<'a> {
    pub(super) fn new(store: &'a RunStore, merged: bool) -> RunOutput<'a> {
        RunOutput {
            store,
            locked: None,
            buffer: Vec::new(),
            chunk: None,
            written: 0,
            index: IndexWriter::new(),
            merged,
            largest: 0,
        }
    }

    /// Makes room for an entry of at most `len` bytes, which the caller appends to what it gets.
    /// `head` gives its key and place, if the index needs them.
    #[inline]
    pub(super) fn room<'k>(
        &mut self,
        len: usize,
        head: impl FnOnce() -> (&'k [u8], Place),
    ) -> Result<&mut Vec<u8>, Failure> {
        let fits = self.chunk.is_some_and(|start| self.buffer.len() + len <= start + CHUNK_BYTES);
        if !fits {
            // An entry that is larger than a chunk is alone in its own.
            self.largest = self.largest.max(len);
            self.seal();
            if self.buffer.len() >= WRITE_BYTES {
                self.write()?;
            }
            let offset = self.written + self.buffer.len() as u64;
            if self.index.wants(offset) {
                let (key, place) = head();
                self.index.push(offset, key, place);
            }
            self.chunk = Some(self.buffer.len());
            self.buffer.extend_from_slice(&[0; CHUNK_HEAD_BYTES]);
        }
        Ok(&mut self.buffer)
    }

    /// Ends the run. It stays in memory if it is small and may, or empty.
    pub(super) fn finish(mut self, may_be_inline: bool) -> Result<Run, Failure> {
        self.seal();
        let inline_limit = if may_be_inline { INLINE_BYTES } else { 0 };
        if self.written == 0 && self.buffer.len() <= inline_limit {
            return Ok(Run::Inline(self.buffer));
        }
        let len = self.written + self.buffer.len() as u64;
        let index = std::mem::replace(&mut self.index, IndexWriter::new());
        let index_records = index.count();
        self.buffer.append(&mut index.into_bytes());
        self.write()?;
        let written = self.written;
        let open = self.locked().open()?;
        let (file, offset) = (open.id, open.end);
        open.end += written;
        let largest = if self.largest > CHUNK_BYTES { self.largest } else { 0 };
        let largest = u32::try_from(largest).expect("a row is far below 4 GiB");
        let merged = self.merged;
        Ok(Run::File(FileRun { file, offset, len, index_records, largest, merged }))
    }

    fn locked(&mut self) -> &mut State {
        self.locked.get_or_insert_with(|| self.store.lock())
    }

    fn write(&mut self) -> Result<(), Failure> {
        let at = self.written;
        let buffer = std::mem::take(&mut self.buffer);
        let open = self.locked().open()?;
        open.file.write_all_at(&buffer, open.end + at).map_err(|error| cannot_write(&error))?;
        self.locked().written += buffer.len() as u64;
        self.written += buffer.len() as u64;
        self.buffer = buffer;
        self.buffer.clear();
        // A row of many MiB must not keep its memory for the rest of the run.
        self.buffer.shrink_to(2 * WRITE_BYTES);
        Ok(())
    }

    /// Fills in the head of the open chunk.
    fn seal(&mut self) {
        let Some(start) = self.chunk.take() else {
            return;
        };
        let (head, payload) = self.buffer[start..].split_at_mut(CHUNK_HEAD_BYTES);
        let len = u32::try_from(payload.len()).expect("a row is far below 4 GiB");
        head[..4].copy_from_slice(&len.to_le_bytes());
        head[4..].copy_from_slice(&chunk_checksum(payload).to_le_bytes());
    }
}

pub(super) fn chunk_checksum(payload: &[u8]) -> u32 {
    xxh3_64(payload) as u32
}

fn cannot_write(error: &io::Error) -> Failure {
    Failure::temporary("cannot write to a temporary file", error)
}

pub(super) fn cannot_read(error: &io::Error) -> Failure {
    Failure::temporary("cannot read a temporary file", error)
}

pub(super) fn damaged() -> Failure {
    Failure::new(ErrorKind::Io, "damaged temporary file: a checksum differs").hint(OTHER_TEMP_DIR)
}
