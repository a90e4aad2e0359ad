//! Blocks and items as they travel inside the engine, between stages and on to the sinks.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Failure;
use crate::local::tally::Counted;
use crate::row::layout::{Layout, Rows};
use crate::worker::task::{Amount, TaskResult};

/// Many rows on their way, in order.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub layout: Layout,
    pub partition: u32,
    pub rows: u32,
    pub bytes: Bytes,
}

impl Block {
    pub(crate) fn as_rows(&self) -> Rows<'_> {
        Rows::new(self.layout, &self.bytes)
    }

    pub(crate) fn amount(&self) -> Amount {
        Amount { rows: self.rows.into(), bytes: self.bytes.len() as u64 }
    }
}

/// What a queue between two stages carries.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Block(Block),
    /// A task is done; all its rows have come before.
    Done(Box<TaskResult>),
    /// The rows up to here are of tasks that have counted this.
    Counted(Arc<Counted>),
    /// The rows up to here are right; then something failed.
    Failed(Failure),
    /// No more rows.
    End,
}
