//! `collect`, `first`, `for_each_row`, `count`: rows as the program's own values.

use std::ops::ControlFlow;
use std::panic::Location;

use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, Result};
use crate::local::block::Block;
use crate::plan::compile::SinkRows;
use crate::row::describe::describe;
use crate::row::layout::Layout;
use crate::row::typed;
use crate::sink::terminal::{Consume, run, run_async};

/// # Into the program's own values
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
        let node = self.sink_node("count", Location::caller(), SinkRows::Count);
        let mut counted = Counted(0);
        run(&self.flow, &[node], &mut [&mut counted])?.commit()?;
        Ok(counted.0)
    }
}

/// # The same in async code
impl Dataset {
    /// [`Dataset::collect`] for async code.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let rows: Vec<i64> = Flow::new().range(1..3).collect_async().await?;
    /// assert_eq!(rows, [1, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
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
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// assert_eq!(Flow::new().range(7..9).first_async::<i64>().await?, Some(7));
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
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
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut sum = 0;
    /// Flow::new().range(1..4).for_each_row_async(|x: i64| sum += x).await?;
    /// assert_eq!(sum, 6);
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
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
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// assert_eq!(Flow::new().range(1..4).count_async().await?, 3);
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `count`.
    #[track_caller]
    pub fn count_async(&self) -> impl Future<Output = Result<u64>> + Send + use<> {
        let node = self.sink_node("count", Location::caller(), SinkRows::Count);
        let flow = self.flow.clone();
        async move {
            let mut counted = Counted(0);
            run_async(&flow, &[node], &mut [&mut counted]).await?.commit()?;
            Ok(counted.0)
        }
    }
}

impl Dataset {
    fn each_row<T: DeserializeOwned>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        rows: SinkRows,
        function: impl FnMut(T),
    ) -> Result<()> {
        let node = self.sink_node(operator, caller, rows);
        run(&self.flow, &[node], &mut [&mut Decoded::new(function)])?.commit()?;
        Ok(())
    }

    async fn each_row_async<T: DeserializeOwned + Send>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        rows: SinkRows,
        function: impl FnMut(T) + Send,
    ) -> Result<()> {
        let node = self.sink_node(operator, caller, rows);
        run_async(&self.flow, &[node], &mut [&mut Decoded::new(function)]).await?.commit()?;
        Ok(())
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
pub(super) fn decode<T: DeserializeOwned>(
    block: &Block,
    mut take: impl FnMut(T),
) -> Result<(), Failure> {
    try_decode(block, |row| {
        take(row);
        Ok(())
    })
}

/// The same for who may refuse a row.
pub(super) fn try_decode<T: DeserializeOwned>(
    block: &Block,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut typed_row = |payload: &[u8]| -> Result<(), Failure> {
        typed::from_payload(payload)
            .map_err(|error| error.failure(ErrorKind::Row))
            .and_then(&mut take)
            .map_err(|failure| failure.row(describe(payload)))
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
