//! `flat_map_rows`, `try_flat_map_rows`: a closure of the program makes any number of rows of each.

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

impl Dataset {
    /// Calls a closure with each row; the elements of what it gives, a list or an iterator, are the new
    /// rows. An iterator is asked only as its rows are wanted, so it may be without end before a
    /// [`Dataset::limit`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let words: Vec<(String, usize)> = Flow::new()
    ///     .lines(["to be", "or"])
    ///     .flat_map_rows(|line: String| {
    ///         let words = line.split(' ').map(|word| (word.to_string(), word.len()));
    ///         words.collect::<Vec<_>>()
    ///     })
    ///     .collect()?;
    /// assert_eq!(words[2], ("or".to_string(), 2));
    /// let from = Flow::new().range(5..7).flat_map_rows(|n: u64| n..);
    /// assert_eq!(from.limit(3).collect::<u64>()?, [5, 6, 7]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: as for [`Dataset::map_rows`].
    #[track_caller]
    pub fn flat_map_rows<T, I>(&self, function: impl Fn(T) -> I + Send + Sync + 'static) -> Dataset
    where
        T: DeserializeOwned + 'static,
        I: IntoIterator<Item: Serialize, IntoIter: Send + 'static> + 'static,
    {
        let function = move |row| Ok::<I, Infallible>(function(row));
        self.add_closure("flat_map_rows", Location::caller(), FlatMapRows::code(function), false)
    }

    /// [`Dataset::flat_map_rows`] with a closure that may refuse a row: its error fails the run.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().lines(["1 2", "3 x"]).try_flat_map_rows(|line: String| {
    ///     line.split(' ').map(str::parse).collect::<Result<Vec<i64>, _>>()
    /// });
    /// assert_eq!(rows.limit(2).collect::<i64>()?, [1, 2]);
    /// assert!(rows.count().unwrap_err().to_string().contains("on \"3 x\""));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what the closure gives as one, of kind
    /// [`Closure`](crate::ErrorKind::Closure); else as for `flat_map_rows`.
    #[track_caller]
    pub fn try_flat_map_rows<T, I, E>(
        &self,
        function: impl Fn(T) -> Result<I, E> + Send + Sync + 'static,
    ) -> Dataset
    where
        T: DeserializeOwned + 'static,
        I: IntoIterator<Item: Serialize, IntoIter: Send + 'static> + 'static,
        E: Display + 'static,
    {
        let code = FlatMapRows::code(function);
        self.add_closure("try_flat_map_rows", Location::caller(), code, false)
    }
}

struct FlatMapRows<T, I, E, F> {
    function: F,
    types: PhantomData<fn(T) -> Result<I, E>>,
}

impl<T, I, E, F> FlatMapRows<T, I, E, F>
where
    T: DeserializeOwned + 'static,
    I: IntoIterator<Item: Serialize, IntoIter: Send + 'static> + 'static,
    E: Display + 'static,
    F: Fn(T) -> Result<I, E> + Send + Sync + 'static,
{
    fn code(function: F) -> Code {
        Arc::new(FlatMapRows { function, types: PhantomData })
    }
}

impl<T, I, E, F> RowCode for FlatMapRows<T, I, E, F>
where
    T: DeserializeOwned + 'static,
    I: IntoIterator<Item: Serialize, IntoIter: Send + 'static> + 'static,
    E: Display + 'static,
    F: Fn(T) -> Result<I, E> + Send + Sync + 'static,
{
    fn begin(self: Arc<Self>) -> Box<dyn RowWork> {
        Box::new(Work { code: self, columns: Vec::new(), left: None })
    }
}

struct Work<T, I: IntoIterator, E, F> {
    code: Arc<FlatMapRows<T, I, E, F>>,
    columns: Vec<u8>,
    /// What is left of the row at hand.
    left: Option<I::IntoIter>,
}

impl<T, I, E, F> RowWork for Work<T, I, E, F>
where
    T: DeserializeOwned + 'static,
    I: IntoIterator<Item: Serialize, IntoIter: Send + 'static> + 'static,
    E: Display + 'static,
    F: Fn(T) -> Result<I, E> + Send + Sync + 'static,
{
    fn pass(&mut self, rows: &mut Passing<'_>) -> Result<(), Failure> {
        while let Some((row, end)) = rows.next()? {
            let left = match &mut self.left {
                Some(left) => left,
                _ if rows.is_enough() => return Ok(()),
                none => {
                    let row = decode(rows.layout, row, &mut self.columns)?;
                    none.insert((self.code.function)(row).map_err(refused)?.into_iter())
                }
            };
            loop {
                // Before an element is taken: one that is taken must be put.
                if rows.is_enough() {
                    return Ok(());
                }
                let Some(made) = left.next() else { break };
                encode(rows, &made)?;
            }
            self.left = None;
            rows.at = end;
        }
        Ok(())
    }
}
