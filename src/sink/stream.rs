//! `stream`: rows as they come, in async code.

use std::collections::VecDeque;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::letters::LetterFiles;
use super::rows::decode;
use super::terminal::NO_END;
use crate::dataset::Dataset;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::local::{self, Message, Running};
use crate::plan::compile::{SinkNode, SinkRows};
use crate::report::Report;

impl Dataset {
    /// Starts the flow and returns its rows as a stream. Dropping the stream cancels the run.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut rows = Flow::new().range(0..3).stream::<i64>()?;
    /// assert_eq!(rows.next_row().await.transpose()?, Some(0));
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// What can be known before a row has moved; all else comes as an item, and is the last.
    #[track_caller]
    pub fn stream<T: DeserializeOwned>(&self) -> Result<RowStream<T>> {
        let node = self.sink_node("stream", Location::caller(), SinkRows::Any);
        let running = local::start(&self.flow, std::slice::from_ref(&node))
            .map_err(|error| error.at(&node.origin))?;
        let letters = Some(LetterFiles::open(&running, None)?);
        Ok(RowStream {
            node,
            running: Some(running),
            letters,
            rows: VecDeque::new(),
            failure: None,
            ending: None,
        })
    }
}

/// The rows of a running flow, as they come.
///
/// It is a [`Stream`]; [`RowStream::next_row`] needs no other crate. Dropping it cancels the run.
///
/// ```
/// use gleamflow::{Flow, RowStream};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mut rows: RowStream<i64> = Flow::new().range(0..1_000_000).stream()?;
/// assert_eq!(rows.next_row().await.transpose()?, Some(0));
/// drop(rows);
/// # Ok::<(), gleamflow::Error>(())
/// # })?;
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[must_use = "a stream does nothing unless it is polled"]
pub struct RowStream<T> {
    node: SinkNode,
    running: Option<Running>,
    /// Until the run has succeeded.
    letters: Option<LetterFiles>,
    rows: VecDeque<T>,
    failure: Option<Failure>,
    /// All rows have come, or an error: what is left of the run is going.
    ending: Option<(Ending, Option<Error>)>,
}

type Ending = Pin<Box<dyn Future<Output = Report> + Send + Sync>>;

impl<T> Unpin for RowStream<T> {}

impl<T: DeserializeOwned> RowStream<T> {
    /// The next row; `None` at the end.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut rows = Flow::new().lines(["a"]).stream::<String>()?;
    /// assert_eq!(rows.next_row().await.transpose()?.as_deref(), Some("a"));
    /// assert!(rows.next_row().await.is_none());
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// An item that is an error is the last: whatever fails in the flow, or a row that the type
    /// cannot take.
    pub async fn next_row(&mut self) -> Option<Result<T>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<T: DeserializeOwned> Stream for RowStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        let this = &mut *self;
        loop {
            if let Some(row) = this.rows.pop_front() {
                return Poll::Ready(Some(Ok(row)));
            }
            if let Some(failure) = this.failure.take() {
                let error = this.node.error(failure);
                this.end(Some(error));
            }
            if let Some((ending, error)) = &mut this.ending {
                std::task::ready!(ending.as_mut().poll(context));
                let error = error.take();
                this.ending = None;
                let letters = this.letters.take().filter(|_| error.is_none());
                let committed = letters.map_or(Ok(()), LetterFiles::write_and_commit);
                return Poll::Ready(error.or(committed.err()).map(Err));
            }
            let Some(running) = &mut this.running else { return Poll::Ready(None) };
            match std::task::ready!(running.poll_next(context)) {
                Some(Message::Block(_, block)) => {
                    let rows = &mut this.rows;
                    this.failure = decode(&block, |row| rows.push_back(row)).err();
                }
                Some(Message::Failed(error)) => {
                    let error = error.at(&this.node.origin);
                    this.end(Some(error));
                }
                Some(Message::End(_)) => {
                    running.complete();
                    this.end(None);
                }
                None => this.failure = Some(Failure::new(ErrorKind::Worker, NO_END)),
            }
        }
    }
}

impl<T> RowStream<T> {
    /// Ends the run; the error comes, or the end, when nothing is left of it.
    fn end(&mut self, error: Option<Error>) {
        if let Some(running) = self.running.take() {
            self.ending = Some((Box::pin(running.finish()), error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Flow;

    #[test]
    fn a_run_that_goes_without_its_end_is_an_error_of_the_stream() {
        let dataset = Flow::new().range(0..3);
        let mut stream = dataset.stream::<i64>().unwrap();
        stream.running = Some(Running::gone());
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut next = || Pin::new(&mut stream).poll_next(&mut context);
        let Poll::Ready(Some(Err(error))) = next() else { panic!("an error was to come") };
        assert!(error.to_string().ends_with("stream: the run ended without its end"), "{error}");
        assert!(matches!(next(), Poll::Ready(None)));
    }
}
