//! Running a flow for one or more sinks, on the calling thread or in the caller's async code.
//!
//! A newcomer's trap: writers and callbacks run here, on the caller's side; the engine's threads
//! only bring blocks.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Failure, Origin, Result};
use crate::flow::Flow;
use crate::local::block::Block;
use crate::local::{self, Message, Running};
use crate::plan::compile::{SinkNode, SinkRows};
use crate::process::with_file_size_as_error;
use crate::report::Report;
use crate::sink::letters::LetterFiles;
use crate::sink::{AtomicFile, stdout_is_closed};

/// What a run that goes without a word is an error with: it may have had more rows.
pub(crate) const NO_END: &str = "the run ended without its end";

/// What takes the rows of one sink.
pub(crate) trait Consume {
    /// Takes a block; `Break` when no more rows are wanted.
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure>;

    /// All rows have come.
    fn end(&mut self) -> Result<(), Failure>;

    /// The file that appears when all is written, if it is one.
    fn file(&self) -> Option<&AtomicFile> {
        None
    }
}

/// A run that has succeeded.
#[must_use = "what steps have left out is to be committed"]
pub(crate) struct Ended {
    pub report: Report,
    pub letters: LetterFiles,
}

impl Ended {
    /// Puts the files of dead letters in their places, where nothing else is to appear with them.
    pub(crate) fn commit(self) -> Result<Report> {
        self.letters.commit()?;
        Ok(self.report)
    }
}

/// Runs a flow for these sinks and returns when all of them have their rows.
pub(crate) fn run(
    flow: &Flow,
    sinks: &[SinkNode],
    consumers: &mut [&mut dyn Consume],
) -> Result<Ended> {
    let running = local::start(flow, sinks).map_err(|error| at_terminal(error, sinks))?;
    block_on(drive(running, sinks, consumers)).map_err(|error| at_terminal(error, sinks))
}

/// The same in the caller's async code.
pub(crate) async fn run_async(
    flow: &Flow,
    sinks: &[SinkNode],
    consumers: &mut [&mut (dyn Consume + Send)],
) -> Result<Ended> {
    let running = local::start(flow, sinks).map_err(|error| at_terminal(error, sinks))?;
    drive(running, sinks, consumers).await.map_err(|error| at_terminal(error, sinks))
}

/// What no step is to blame for is the terminal's; of several sinks, [`Flow::run`] is that.
fn at_terminal(error: Error, sinks: &[SinkNode]) -> Error {
    match sinks {
        [terminal] => error.at(&terminal.origin),
        _ => error,
    }
}

async fn drive<C: Consume + ?Sized>(
    mut running: Running,
    sinks: &[SinkNode],
    consumers: &mut [&mut C],
) -> Result<Ended> {
    let letters = LetterFiles::open(&running, consumers.iter().filter_map(|one| one.file()));
    let mut letters = match letters {
        Ok(letters) => letters,
        Err(error) => {
            running.finish().await;
            return Err(error);
        }
    };
    let mut open = vec![true; sinks.len()];
    let mut result = Ok(());
    while open.contains(&true) {
        let (sink, told) = match running.next().await {
            Some(Message::Block(sink, _) | Message::End(sink)) if !open[sink] => continue,
            Some(Message::Block(sink, block)) => (sink, consumers[sink].block(&block)),
            Some(Message::End(sink)) => {
                (sink, consumers[sink].end().map(|()| ControlFlow::Break(())))
            }
            Some(Message::Failed(error)) => {
                result = Err(error);
                break;
            }
            None => {
                let failure = Failure::new(ErrorKind::Worker, NO_END);
                result = Err(failure.into());
                break;
            }
        };
        match told {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => {
                open[sink] = false;
                running.close(sink);
            }
            Err(failure) => {
                result = Err(sinks[sink].error(failure));
                break;
            }
        }
    }
    if result.is_ok() {
        running.complete();
    }
    let report = running.finish().await;
    result?;
    letters.write()?;
    Ok(Ended { report, letters })
}

impl Dataset {
    /// A sink on these rows.
    pub(crate) fn sink_node(
        &self,
        operator: &str,
        caller: &std::panic::Location<'_>,
        rows: SinkRows,
    ) -> SinkNode {
        SinkNode { input: self.node, origin: Origin::new(operator, caller), rows }
    }
}

/// Writes blocks to a writer as they are.
pub(crate) struct WriteBlocks<W> {
    pub writer: W,
}

impl<W: Write> Consume for WriteBlocks<W> {
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        closed_is_success(with_file_size_as_error(|| {
            // What is there should be seen now, not when the next megabyte is.
            self.writer.write_all(&block.bytes).and_then(|()| self.writer.flush())
        }))
    }

    fn end(&mut self) -> Result<(), Failure> {
        closed_is_success(with_file_size_as_error(|| self.writer.flush())).map(drop)
    }
}

/// A closed stdout ends a flow well; any other closed writer is an error.
fn closed_is_success(written: std::io::Result<()>) -> Result<ControlFlow<()>, Failure> {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => match stdout_is_closed() {
            true => Ok(ControlFlow::Break(())),
            false => Err(Failure::new(ErrorKind::OutputClosed, "the writer's reader has gone")),
        },
        Err(error) => Err(Failure::io("cannot write the output", &error)),
    }
}

/// Waits on this thread, also inside somebody's runtime, where blocking through that runtime
/// would panic.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Flow;

    #[test]
    fn terminals_add_nothing_to_the_flow() {
        let rows = Flow::new().range(0..3).map("function(x) return x end");
        let nodes = || rows.flow.state().graph.nodes.len();
        let before = nodes();
        for _ in 0..20 {
            assert_eq!(rows.first::<i64>().unwrap(), Some(0));
            assert_eq!(rows.count().unwrap(), 3);
            rows.save_lines_to(std::io::sink()).unwrap();
            rows.explain().unwrap();
        }
        assert_eq!(nodes(), before);
    }
}
