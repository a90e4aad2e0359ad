//! Lists of rows for operators behind an exchange: in memory while they are few, the rest in the
//! worker's temporary file.
//!
//! A newcomer's trap: how many rows stay in memory depends on the budget, so nothing may show it.

use crate::error::{Failed, Failure};
use crate::op::group::{Each, Lists, RowList};
use crate::row::frame;
use crate::row::layout::Rows;
use crate::worker::runs::{RunStore, Stored};
use crate::worker::task::Limits;

/// Makes lists that share a worker's temporary file.
pub(crate) struct SpillLists {
    store: RunStore,
    /// What each list may take in memory.
    memory: usize,
}

impl SpillLists {
    pub(crate) fn new(store: &RunStore, limits: &Limits) -> SpillLists {
        let memory = (limits.merge_bytes / 4).min(limits.arena_bytes).max(1);
        SpillLists { store: store.clone(), memory }
    }
}

impl Lists for SpillLists {
    fn list(&self) -> Box<dyn RowList> {
        Box::new(SpillList::new(&self.store, self.memory))
    }

    fn lists(&self, count: usize) -> Vec<Box<dyn RowList>> {
        let list = || SpillList::new(&self.store, (self.memory / count).max(1));
        (0..count).map(|_| -> Box<dyn RowList> { Box::new(list()) }).collect()
    }

    fn memory(&self) -> usize {
        self.memory
    }

    fn keep(&self) -> Box<dyn Lists> {
        Box::new(SpillLists { store: self.store.clone(), memory: self.memory })
    }
}

/// Rows as frames: the first of them in the file, the last in memory.
struct SpillList {
    store: RunStore,
    memory: usize,
    stored: Vec<Stored>,
    frames: Vec<u8>,
    /// Room for a part that is read again.
    read: Vec<u8>,
}

impl SpillList {
    fn new(store: &RunStore, memory: usize) -> SpillList {
        let store = store.clone();
        SpillList { store, memory, stored: Vec::new(), frames: Vec::new(), read: Vec::new() }
    }
}

impl RowList for SpillList {
    fn push(&mut self, row: &[u8]) -> Result<(), Failure> {
        let start = frame::begin(&mut self.frames);
        self.frames.extend_from_slice(row);
        frame::end(&mut self.frames, start)?;
        if self.frames.len() >= self.memory {
            self.stored.push(self.store.append(&self.frames)?);
            self.frames.clear();
            self.frames.shrink_to(2 * self.memory);
        }
        Ok(())
    }

    fn try_each(&mut self, each: &mut Each<'_>) -> Result<(), Failed> {
        for stored in &self.stored {
            self.store.read(stored, &mut self.read)?;
            Rows::frames(&self.read).try_each(&mut *each)?;
        }
        Rows::frames(&self.frames).try_each(each)
    }

    fn clear(&mut self) {
        self.stored.drain(..).for_each(|stored| self.store.give_back(&stored));
        self.frames.clear();
    }
}

impl Drop for SpillList {
    fn drop(&mut self) {
        self.clear();
    }
}
