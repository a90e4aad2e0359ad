//! Blocks and items as they travel inside the engine, between stages and on to the sinks.

use bytes::Bytes;

use crate::error::Failure;
use crate::plan::stage::RowKind;
use crate::worker::task::TaskResult;

/// Many rows on their way, in order.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub kind: RowKind,
    pub partition: u32,
    pub rows: u32,
    pub bytes: Bytes,
}

/// What a queue between two stages carries.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Block(Block),
    /// A task is done; all its rows have come before.
    Done(TaskResult),
    /// The rows up to here are right; then something failed.
    Failed(Failure),
    /// No more rows.
    End,
}
