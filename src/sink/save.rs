//! Saving rows as text: any format into any target, at once, by async code or by [`Flow::run`].
//!
//! A newcomer's trap: a format's methods are one-liners over `save`, `save_async` and `attach`;
//! what they write to is a [`Target`], which knows no format.

use std::io::Write;
use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{Failure, Result};
use crate::plan::compile::{SinkNode, SinkRows};
use crate::plan::writing::TextFormat;
use crate::sink::AtomicFile;
use crate::sink::terminal::{Consume, WriteBlocks, run, run_async};
use crate::sink::together::commit;

/// Where text goes: a writer, a file.
pub(super) trait Target {
    type Output: Output;

    /// Opens it before anything starts.
    fn open(self) -> std::result::Result<Self::Output, Failure>;
}

/// A target that takes text.
pub(super) trait Output: Consume {
    /// All is written.
    fn into_file(self: Box<Self>) -> Option<AtomicFile> {
        None
    }
}

/// A writer of the program.
pub(super) struct WriterTarget<W>(pub W);

impl<W: Write> Target for WriterTarget<W> {
    type Output = WriteBlocks<W>;

    fn open(self) -> std::result::Result<WriteBlocks<W>, Failure> {
        Ok(WriteBlocks { writer: self.0 })
    }
}

impl<W: Write> Output for WriteBlocks<W> {}

type OpenAttached = dyn FnOnce() -> std::result::Result<Box<dyn Output + Send>, Failure> + Send;

/// A sink that waits for [`Flow::run`].
pub(crate) struct Attached {
    pub(super) node: SinkNode,
    pub(super) open: Box<OpenAttached>,
}

impl Dataset {
    pub(super) fn save<T: Target>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        format: TextFormat,
        target: T,
    ) -> Result<()> {
        let node = self.sink_node(operator, caller, SinkRows::Written(format));
        let mut output = target.open().map_err(|failure| node.error(failure))?;
        let ended = run(&self.flow, std::slice::from_ref(&node), &mut [&mut output])?;
        commit([(&node, Box::new(output) as Box<dyn Output + '_>)], ended.letters)
    }

    pub(super) fn save_async<T: Target<Output: Send> + Send>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        format: TextFormat,
        target: T,
    ) -> impl Future<Output = Result<()>> + Send + use<T> {
        let node = self.sink_node(operator, caller, SinkRows::Written(format));
        let flow = self.flow.clone();
        async move {
            let mut output = target.open().map_err(|failure| node.error(failure))?;
            let nodes = std::slice::from_ref(&node);
            let ended = run_async(&flow, nodes, &mut [&mut output]).await?;
            commit([(&node, Box::new(output) as Box<dyn Output + '_>)], ended.letters)
        }
    }

    // A reference, because a `Dataset` that is not used further is a warning.
    pub(super) fn attach<T: Target<Output: Send + 'static> + Send + 'static>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        format: TextFormat,
        target: T,
    ) -> &Dataset {
        let node = self.sink_node(operator, caller, SinkRows::Written(format));
        let open = Box::new(|| Ok(Box::new(target.open()?) as Box<dyn Output + Send>));
        self.flow.state().attached.push(Attached { node, open });
        self
    }
}
