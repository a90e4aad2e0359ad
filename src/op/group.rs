//! What an operator runs behind an exchange: it takes the rows of each key, and what it makes goes
//! on in blocks.
//!
//! A newcomer's trap: a group may be larger than memory, and what comes of it larger still. So rows
//! are looked at as they come, what must be kept is kept in a [`RowList`], and rows leave through
//! [`Emit`], which passes them on whenever a block is full.

use crate::error::{Failed, Failure, Warning};
use crate::op::native::put_row;
use crate::plan::exchange::Facts;
use crate::row::layout::Rows;

/// Takes the rows behind an exchange, whose marks say where keys begin and which side each is of.
pub(crate) trait GroupStep {
    /// A task begins; what is left of another one is forgotten.
    fn begin(&mut self, task: &GroupTask<'_>) -> Result<(), Failure>;

    /// Takes rows. A group may go on in the next block.
    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed>;

    /// The last group has ended.
    fn finish(&mut self, out: &mut Emit<'_>) -> Result<(), Failed>;

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
}

/// Makes lists.
pub(crate) trait Lists {
    fn list(&self) -> Box<dyn RowList>;
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
