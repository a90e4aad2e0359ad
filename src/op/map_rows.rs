//! `map_rows`, `try_map_rows`: a closure of the program makes a row of each row.

use std::convert::Infallible;
use std::fmt::Display;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::Failure;
use crate::op::closures::{decode, encode, refused};
use crate::plan::closure::{Code, Passing, RowCode, RowWork};

/// # Steps in Rust
///
/// A closure of the program is called with each row, as a value of a type that serde knows: tuples,
/// structs and vectors take a column for each element, anything else is a row of one column, as for
/// [`Dataset::collect`]. A [`Value`](crate::Value) takes any column, and a `Vec` of them any row.
///
/// Closures run in this program, on as many threads as [`Flow::workers`](crate::Flow::workers) says,
/// several at once and each row on any of them; what comes of the rows is in the order of the rows.
/// Neighbouring closures go through the rows together. Behind
/// [`Dataset::partition`] rows stay in their partitions.
///
/// What a closure changes outside of itself is its own affair: rows that nobody comes to want, behind
/// a [`Dataset::limit`], may have been given to it, and a dataset that is run twice calls it twice. A
/// run that ends early waits two seconds for calls that are still going on, then leaves them
/// behind; [`Flow::step_timeout`](crate::Flow::step_timeout) is for steps in Lua.
impl Dataset {
    /// Calls a closure with each row; what it gives is the new row.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let areas: Vec<(String, f64)> = Flow::new()
    ///     .rows([("a", 2.0, 3.0), ("b", 1.0, 0.5)])
    ///     .map_rows(|(name, width, height): (String, f64, f64)| (name, width * height))
    ///     .collect()?;
    /// assert_eq!(areas, [("a".to_string(), 6.0), ("b".to_string(), 0.5)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row that the closure's type does not take; a new row that none can be (an
    /// empty list, an integer of more than 64 bits, more than [`Flow::max_row`](crate::Flow::max_row));
    /// a closure that panics.
    #[track_caller]
    pub fn map_rows<T, U>(&self, function: impl Fn(T) -> U + Send + Sync + 'static) -> Dataset
    where
        T: DeserializeOwned + 'static,
        U: Serialize + 'static,
    {
        let function = move |row| Ok::<U, Infallible>(function(row));
        self.add_closure("map_rows", Location::caller(), MapRows::code(function), false)
    }

    /// [`Dataset::map_rows`] with a closure that may refuse a row: its error fails the run, at the line
    /// of this call, with the row.
    ///
    /// ```
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let texts = Flow::new().lines(["12", "1x"]);
    /// let numbers = texts.try_map_rows(|text: String| text.parse::<i64>());
    /// assert_eq!(numbers.limit(1).collect::<i64>()?, [12]);
    /// let error = numbers.count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Closure);
    /// let text = error.to_string();
    /// assert!(text.contains(", try_map_rows: invalid digit found in string\n  on \"1x\""), "{text}");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what the closure gives as one, of kind
    /// [`Closure`](crate::ErrorKind::Closure), the first in the order of the rows; else as for
    /// `map_rows`.
    #[track_caller]
    pub fn try_map_rows<T, U, E>(
        &self,
        function: impl Fn(T) -> Result<U, E> + Send + Sync + 'static,
    ) -> Dataset
    where
        T: DeserializeOwned + 'static,
        U: Serialize + 'static,
        E: Display + 'static,
    {
        self.add_closure("try_map_rows", Location::caller(), MapRows::code(function), false)
    }
}

struct MapRows<T, U, E, F> {
    function: F,
    types: PhantomData<fn(T) -> Result<U, E>>,
}

impl<T, U, E, F> MapRows<T, U, E, F>
where
    T: DeserializeOwned + 'static,
    U: Serialize + 'static,
    E: Display + 'static,
    F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
{
    fn code(function: F) -> Code {
        Arc::new(MapRows { function, types: PhantomData })
    }
}

impl<T, U, E, F> RowCode for MapRows<T, U, E, F>
where
    T: DeserializeOwned + 'static,
    U: Serialize + 'static,
    E: Display + 'static,
    F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
{
    fn begin(self: Arc<Self>) -> Box<dyn RowWork> {
        Box::new(Work { code: self, columns: Vec::new() })
    }
}

struct Work<T, U, E, F> {
    code: Arc<MapRows<T, U, E, F>>,
    columns: Vec<u8>,
}

impl<T, U, E, F> RowWork for Work<T, U, E, F>
where
    T: DeserializeOwned + 'static,
    U: Serialize + 'static,
    E: Display + 'static,
    F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
{
    fn pass(&mut self, rows: &mut Passing<'_>) -> Result<(), Failure> {
        while !rows.is_enough()
            && let Some((row, end)) = rows.next()?
        {
            let row = decode(rows.layout, row, &mut self.columns)?;
            let made = (self.code.function)(row).map_err(refused)?;
            encode(rows, &made)?;
            rows.at = end;
        }
        Ok(())
    }
}
