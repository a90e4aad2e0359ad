//! `collect`, `first`, `for_each_row`, `count`, `stream`: rows as the program's own values.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, Result};
use crate::local::block::Block;
use crate::local::{self, Message, Running};
use crate::plan::compile::{SinkNode, SinkRows};
use crate::row::describe::describe;
use crate::row::layout::Layout;
use crate::row::typed;
use crate::sink::terminal::{Consume, NO_END, run, run_async};

impl Dataset {
    /// Runs the flow and returns its rows: tuples, structs or vectors by column, any other type
    /// from rows of one column. `Vec<gleamflow::Value>` takes any row.
    ///
    /// ```
    /// use gleamflow::Flow;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, PartialEq, Debug)]
    /// struct User {
    ///     name: String,
    ///     id: u32,
    /// }
    ///
    /// let users: Vec<User> =
    ///     Flow::new().lines(["root:0"]).split(":").numbers([2]).collect()?;
    /// assert_eq!(users, [User { name: "root".into(), id: 0 }]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever fails in the flow; a row that the type cannot take.
    #[track_caller]
    pub fn collect<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.each_row("collect", Location::caller(), SinkRows::Any, |row| rows.push(row))?;
        Ok(rows)
    }

    /// Runs the flow as far as its first row. What comes before stops then.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().range(7..9).first::<i64>()?, Some(7));
    /// assert_eq!(Flow::new().range(7..7).first::<i64>()?, None);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::collect`].
    #[track_caller]
    pub fn first<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let mut first = None;
        self.each_row("first", Location::caller(), SinkRows::First, |row| first = Some(row))?;
        Ok(first)
    }

    /// Runs the flow and calls a function with each row, in order, on this thread.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let mut sum = 0;
    /// Flow::new().range(1..4).for_each_row(|x: i64| sum += x)?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::collect`].
    #[track_caller]
    pub fn for_each_row<T: DeserializeOwned>(&self, function: impl FnMut(T)) -> Result<()> {
        self.each_row("for_each_row", Location::caller(), SinkRows::Any, function)
    }

    /// Runs the flow and returns the number of its rows.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert_eq!(Flow::new().lines(["a", "b"]).count()?, 2);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever fails in the flow.
    #[track_caller]
    pub fn count(&self) -> Result<u64> {
        let node = self.sink("count", Location::caller(), SinkRows::Count);
        let mut counted = Counted(0);
        run(&self.flow, &[node], &mut [&mut counted])?;
        Ok(counted.0)
    }

    /// [`Dataset::collect`] for async code.
    ///
    /// # Errors
    /// As for `collect`.
    #[track_caller]
    pub fn collect_async<T: DeserializeOwned + Send>(
        &self,
    ) -> impl Future<Output = Result<Vec<T>>> + Send + use<T> {
        let caller = Location::caller();
        let dataset = self.clone();
        async move {
            let mut rows = Vec::new();
            dataset.each_row_async("collect", caller, SinkRows::Any, |row| rows.push(row)).await?;
            Ok(rows)
        }
    }

    /// [`Dataset::first`] for async code.
    ///
    /// # Errors
    /// As for `first`.
    #[track_caller]
    pub fn first_async<T: DeserializeOwned + Send>(
        &self,
    ) -> impl Future<Output = Result<Option<T>>> + Send + use<T> {
        let caller = Location::caller();
        let dataset = self.clone();
        async move {
            let mut first = None;
            let take = |row| first = Some(row);
            dataset.each_row_async("first", caller, SinkRows::First, take).await?;
            Ok(first)
        }
    }

    /// [`Dataset::for_each_row`] for async code; the function is called from the polling task.
    ///
    /// # Errors
    /// As for `for_each_row`.
    #[track_caller]
    pub fn for_each_row_async<T: DeserializeOwned + Send, F: FnMut(T) + Send>(
        &self,
        function: F,
    ) -> impl Future<Output = Result<()>> + Send + use<T, F> {
        let caller = Location::caller();
        let dataset = self.clone();
        async move { dataset.each_row_async("for_each_row", caller, SinkRows::Any, function).await }
    }

    /// [`Dataset::count`] for async code.
    ///
    /// # Errors
    /// As for `count`.
    #[track_caller]
    pub fn count_async(&self) -> impl Future<Output = Result<u64>> + Send + use<> {
        let node = self.sink("count", Location::caller(), SinkRows::Count);
        let flow = self.flow.clone();
        async move {
            let mut counted = Counted(0);
            run_async(&flow, &[node], &mut [&mut counted]).await?;
            Ok(counted.0)
        }
    }

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
        let node = self.sink("stream", Location::caller(), SinkRows::Any);
        let running = local::start(&self.flow, std::slice::from_ref(&node))
            .map_err(|error| error.at(&node.origin))?;
        Ok(RowStream { node, running: Some(running), rows: VecDeque::new(), failure: None })
    }

    /// The plan of this dataset as text: a line for each stage, then one for each step whose
    /// function reads and writes the same globals and so keeps state within its task.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let text = Flow::new().range(0..9).sort(1).explain()?;
    /// assert_eq!(text.lines().count(), 3);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the flow itself, as a run would find it before it starts.
    #[track_caller]
    pub fn explain(&self) -> Result<String> {
        let node = self.sink("explain", Location::caller(), SinkRows::Any);
        local::explain(&self.flow, &node)
    }

    fn each_row<T: DeserializeOwned>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        rows: SinkRows,
        function: impl FnMut(T),
    ) -> Result<()> {
        let node = self.sink(operator, caller, rows);
        run(&self.flow, &[node], &mut [&mut Decoded::new(function)])
    }

    async fn each_row_async<T: DeserializeOwned + Send>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        rows: SinkRows,
        function: impl FnMut(T) + Send,
    ) -> Result<()> {
        let node = self.sink(operator, caller, rows);
        run_async(&self.flow, &[node], &mut [&mut Decoded::new(function)]).await
    }
}

struct Counted(u64);

impl Consume for Counted {
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        self.0 += u64::from(block.rows);
        Ok(ControlFlow::Continue(()))
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

struct Decoded<T, F> {
    function: F,
    row: std::marker::PhantomData<fn() -> T>,
}

impl<T, F> Decoded<T, F> {
    fn new(function: F) -> Decoded<T, F> {
        Decoded { function, row: std::marker::PhantomData }
    }
}

impl<T: DeserializeOwned, F: FnMut(T)> Consume for Decoded<T, F> {
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        decode(block, &mut self.function)?;
        Ok(ControlFlow::Continue(()))
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Decodes each row of a block.
fn decode<T: DeserializeOwned>(block: &Block, mut take: impl FnMut(T)) -> Result<(), Failure> {
    let mut typed_row = |payload: &[u8]| -> Result<(), Failure> {
        let row = typed::from_payload(payload)
            .map_err(|error| error.failure(ErrorKind::Row).row(describe(payload)))?;
        take(row);
        Ok(())
    };
    if block.layout == Layout::Frames {
        return block.as_rows().try_each(typed_row);
    }
    let mut payload = Vec::new();
    block.as_rows().try_each(|row| {
        payload.clear();
        block.layout.put_columns(row, &mut payload);
        typed_row(&payload)
    })
}

/// The rows of a running flow, as they come.
///
/// It is a [`Stream`]; [`RowStream::next_row`] needs no other crate. Dropping it cancels the run.
#[must_use = "a stream does nothing unless it is polled"]
pub struct RowStream<T> {
    node: SinkNode,
    running: Option<Running>,
    rows: VecDeque<T>,
    failure: Option<Failure>,
}

impl<T> Unpin for RowStream<T> {}

impl<T: DeserializeOwned> RowStream<T> {
    /// The next row; `None` at the end.
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
                this.running = None;
                let error = this.node.error(failure);
                return Poll::Ready(Some(Err(error)));
            }
            let Some(running) = &mut this.running else { return Poll::Ready(None) };
            match std::task::ready!(running.poll_next(context)) {
                Some(Message::Block(_, block)) => {
                    let rows = &mut this.rows;
                    this.failure = decode(&block, |row| rows.push_back(row)).err();
                }
                Some(Message::Failed(error)) => {
                    this.running = None;
                    return Poll::Ready(Some(Err(error.at(&this.node.origin))));
                }
                Some(Message::End(_)) => this.running = None,
                None => this.failure = Some(Failure::new(ErrorKind::Worker, NO_END)),
            }
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
