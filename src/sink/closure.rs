//! `sink`, `to_sink`: a closure of the program takes the rows, and may refuse one.

use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::panic::Location;

use serde::de::DeserializeOwned;

use super::rows::try_decode;
use super::save::{Attached, Output};
use super::terminal::{Consume, run, run_async};
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, Result};
use crate::local::block::Block;
use crate::plan::compile::SinkRows;

impl Dataset {
    /// Runs the flow and gives each row to a function, in order, on this thread; the function's error
    /// ends the run. [`Dataset::for_each_row`] is for one that cannot fail.
    ///
    /// ```
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let numbers = Flow::new().range(1..10);
    /// let mut room = [0; 3];
    /// let mut places = room.iter_mut();
    /// let result = numbers.sink(|n: i64| {
    ///     *places.next().ok_or("no room")? = n;
    ///     Ok::<(), &str>(())
    /// });
    /// let error = result.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Closure);
    /// assert!(error.to_string().ends_with(", sink: no room\n  on 4"), "{error}");
    /// assert_eq!(room, [1, 2, 3]);
    /// ```
    ///
    /// # Errors
    /// Whatever fails in the flow; a row that the type cannot take; what the function gives as an
    /// error, of kind [`Closure`](ErrorKind::Closure).
    #[track_caller]
    pub fn sink<T: DeserializeOwned, E: Display>(
        &self,
        function: impl FnMut(T) -> Result<(), E>,
    ) -> Result<()> {
        let node = self.sink_node("sink", Location::caller(), SinkRows::Any);
        run(&self.flow, &[node], &mut [&mut Taking::new(function)])?.commit()?;
        Ok(())
    }

    /// [`Dataset::sink`] for async code; the function is called from the polling task.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let (sender, rows) = mpsc::channel();
    /// Flow::new().range(1..4).sink_async(move |n: i64| sender.send(n)).await?;
    /// assert_eq!(rows.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `sink`.
    #[track_caller]
    pub fn sink_async<T: DeserializeOwned + Send, E: Display, F>(
        &self,
        function: F,
    ) -> impl Future<Output = Result<()>> + Send + use<T, E, F>
    where
        F: FnMut(T) -> Result<(), E> + Send,
    {
        let node = self.sink_node("sink", Location::caller(), SinkRows::Any);
        let flow = self.flow.clone();
        async move {
            run_async(&flow, &[node], &mut [&mut Taking::new(function)]).await?.commit()?;
            Ok(())
        }
    }

    /// Attaches a sink that [`Flow::run`](crate::Flow::run) runs together with others: a function that
    /// takes the rows in order, on the thread that calls `run`.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use gleamflow::Flow;
    ///
    /// let (sender, rows) = mpsc::channel();
    /// let flow = Flow::new();
    /// let numbers = flow.range(1..4);
    /// let negative = sender.clone();
    /// numbers.map("function(n) return -n end").to_sink(move |n: i64| negative.send(n));
    /// numbers.to_sink(move |n: i64| sender.send(n));
    /// flow.run()?;
    /// let mut all: Vec<i64> = rows.iter().collect();
    /// all.sort();
    /// assert_eq!(all, [-3, -2, -1, 1, 2, 3]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At [`Flow::run`](crate::Flow::run): as for `sink`.
    #[track_caller]
    pub fn to_sink<T, E>(
        &self,
        function: impl FnMut(T) -> Result<(), E> + Send + 'static,
    ) -> &Dataset
    where
        T: DeserializeOwned + 'static,
        E: Display + 'static,
    {
        let node = self.sink_node("to_sink", Location::caller(), SinkRows::Any);
        let open = Box::new(|| Ok(Box::new(Taking::new(function)) as Box<dyn Output + Send>));
        self.flow.state().attached.push(Attached { node, open });
        self
    }
}

/// A function that takes rows.
struct Taking<T, E, F> {
    function: F,
    types: PhantomData<fn(T) -> E>,
}

impl<T, E, F> Taking<T, E, F> {
    fn new(function: F) -> Taking<T, E, F> {
        Taking { function, types: PhantomData }
    }
}

impl<T: DeserializeOwned, E: Display, F: FnMut(T) -> Result<(), E>> Consume for Taking<T, E, F> {
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        try_decode(block, |row| {
            (self.function)(row)
                .map_err(|error| Failure::new(ErrorKind::Closure, error.to_string()))
        })?;
        Ok(ControlFlow::Continue(()))
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<T: DeserializeOwned, E: Display, F: FnMut(T) -> Result<(), E>> Output for Taking<T, E, F> {}
