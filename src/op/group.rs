//! What an operator runs behind an exchange: it takes the rows of each key, and what it makes goes
//! on in blocks.
//!
//! A newcomer's trap: a group may be larger than memory, and what comes of it larger still. So rows
//! are looked at as they come, what must be kept is kept in a [`RowList`], and rows leave through
//! [`Emit`], which passes them on whenever a block is full.

use std::any::Any;
use std::cell::OnceCell;
use std::rc::Rc;

use crate::error::{Failed, Failure, Warning};
use crate::plan::exchange::Facts;
use crate::row::frame::put_row;
use crate::row::layout::Rows;

/// Takes the rows behind an exchange, whose marks say where keys begin and which side each is of.
pub(crate) trait GroupStep {
    /// A task begins; what is left of another one is forgotten.
    fn begin(&mut self, task: &GroupTask<'_>) -> Result<(), Failure>;

    /// Takes rows. A group may go on in the next block.
    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed>;

    /// The last group has ended.
    fn finish(&mut self, _out: &mut Emit<'_>) -> Result<(), Failed> {
        Ok(())
    }

    /// What the user is to be told once the task's rows have come, if anything.
    fn warning(&self) -> Option<Warning> {
        None
    }
}

/// What is known when a task behind an exchange begins.
pub(crate) struct GroupTask<'a> {
    /// What all rows of each side of the exchange have in common, if its sides were
    /// [measured](crate::plan::exchange::Side::measured).
    pub facts: &'a [Facts],
    pub lists: &'a dyn Lists,
    /// The largest row that may come of it.
    pub max_row: usize,
    /// What the worker holds for steps that [asked](crate::plan::lower::Lower::beside) for it.
    pub held: &'a [Held],
}

/// All rows of a side of which each worker holds what its steps made of them.
pub(crate) struct Held {
    pub facts: Facts,
    /// What they may take in memory.
    pub most_bytes: usize,
    /// What a step has made of them.
    pub made: OnceCell<Rc<dyn Any>>,
    /// Goes through the rows in the order of their keys.
    pub read: Box<ReadAll>,
}

/// Calls a function with each row.
pub(crate) type ReadAll = dyn Fn(&mut Each<'_>) -> Result<(), Failed>;

impl Held {
    /// What a step needs of the rows: made once in a worker.
    pub(crate) fn once<T: 'static>(
        &self,
        make: impl FnOnce(&Held) -> Result<T, Failure>,
    ) -> Result<Rc<T>, Failure> {
        let made = match self.made.get() {
            Some(made) => made.clone(),
            None => {
                let made: Rc<dyn Any> = Rc::new(make(self)?);
                self.made.get_or_init(|| made).clone()
            }
        };
        Ok(made.downcast().expect("one step alone asks for what it holds"))
    }
}

/// Makes lists.
pub(crate) trait Lists {
    fn list(&self) -> Box<dyn RowList>;

    /// Lists that take no more memory than one does.
    fn lists(&self, count: usize) -> Vec<Box<dyn RowList>>;

    /// What a list may take in memory, in bytes: so much may also be held beside one.
    fn memory(&self) -> usize;

    /// Makes lists later.
    fn keep(&self) -> Box<dyn Lists>;
}

/// Rows that are kept to be gone through, as often as that may be: in memory while they are few.
pub(crate) trait RowList {
    fn push(&mut self, row: &[u8]) -> Result<(), Failure>;

    /// Calls a function with each row, in the order in which they came.
    fn try_each(&mut self, each: &mut Each<'_>) -> Result<(), Failed>;

    /// Forgets the rows.
    fn clear(&mut self);
}

/// What is done with each row of a list.
pub(crate) type Each<'a> = dyn FnMut(&[u8]) -> Result<(), Failed> + 'a;

/// Takes the rows that an operator makes.
pub(crate) struct Emit<'a> {
    pub out: &'a mut Vec<u8>,
    pub max_row: usize,
    /// So many bytes are passed on.
    pub block_bytes: usize,
    pub pass: &'a mut Each<'a>,
}

impl Emit<'_> {
    /// Takes a row, whose columns are appended by `put`.
    #[inline]
    pub(crate) fn row(
        &mut self,
        put: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failed> {
        let start = self.out.len();
        if let Err(failed) = put_row(self.max_row, self.out, put) {
            self.out.truncate(start);
            return Err(failed);
        }
        match self.out.len() >= self.block_bytes {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Passes on what there is.
    pub(crate) fn flush(&mut self) -> Result<(), Failed> {
        if self.out.is_empty() {
            return Ok(());
        }
        let passed = (self.pass)(self.out);
        self.out.clear();
        passed
    }
}
