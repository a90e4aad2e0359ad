//! `filter_rows`, `try_filter_rows`: a closure of the program chooses rows.

use std::convert::Infallible;
use std::fmt::Display;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::Failure;
use crate::op::closures::{decode, refused};
use crate::plan::closure::{Code, Passing, RowCode, RowWork};

impl Dataset {
    /// Keeps the rows for which a closure gives true, in their order and as they are: their columns
    /// keep their names, and nothing is encoded anew.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("a", 3), ("b", 8)]);
    /// let large = rows.filter_rows(|(_, n): &(String, i64)| *n > 5);
    /// assert_eq!(large.collect::<(String, i64)>()?, [("b".to_string(), 8)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row that the closure's type does not take; a closure that panics.
    #[track_caller]
    pub fn filter_rows<T: DeserializeOwned + 'static>(
        &self,
        function: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Dataset {
        let function = move |row: &T| Ok::<bool, Infallible>(function(row));
        self.add_closure("filter_rows", Location::caller(), FilterRows::code(function), true)
    }

    /// [`Dataset::filter_rows`] with a closure that may refuse a row: its error fails the run.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let lines = Flow::new().lines(["7", "-", "12"]);
    /// let large = lines.try_filter_rows(|line: &String| line.parse::<i64>().map(|n| n > 9));
    /// let text = large.count().unwrap_err().to_string();
    /// assert!(text.contains(", try_filter_rows: invalid digit found in string\n  on \"-\""), "{text}");
    /// ```
    ///
    /// # Errors
    /// At a terminal: what the closure gives as one, of kind
    /// [`Closure`](crate::ErrorKind::Closure); else as for `filter_rows`.
    #[track_caller]
    pub fn try_filter_rows<T: DeserializeOwned + 'static, E: Display + 'static>(
        &self,
        function: impl Fn(&T) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Dataset {
        self.add_closure("try_filter_rows", Location::caller(), FilterRows::code(function), true)
    }
}

struct FilterRows<T, E, F> {
    function: F,
    types: PhantomData<fn(T) -> E>,
}

impl<T, E, F> FilterRows<T, E, F>
where
    T: DeserializeOwned + 'static,
    E: Display + 'static,
    F: Fn(&T) -> Result<bool, E> + Send + Sync + 'static,
{
    fn code(function: F) -> Code {
        Arc::new(FilterRows { function, types: PhantomData })
    }
}

impl<T, E, F> RowCode for FilterRows<T, E, F>
where
    T: DeserializeOwned + 'static,
    E: Display + 'static,
    F: Fn(&T) -> Result<bool, E> + Send + Sync + 'static,
{
    fn begin(self: Arc<Self>) -> Box<dyn RowWork> {
        Box::new(Work { code: self, columns: Vec::new() })
    }
}

struct Work<T, E, F> {
    code: Arc<FilterRows<T, E, F>>,
    columns: Vec<u8>,
}

impl<T, E, F> RowWork for Work<T, E, F>
where
    T: DeserializeOwned + 'static,
    E: Display + 'static,
    F: Fn(&T) -> Result<bool, E> + Send + Sync + 'static,
{
    fn pass(&mut self, rows: &mut Passing<'_>) -> Result<(), Failure> {
        while !rows.is_enough()
            && let Some((row, end)) = rows.next()?
        {
            let row = decode(rows.layout, row, &mut self.columns)?;
            if (self.code.function)(&row).map_err(refused)? {
                rows.out.extend_from_slice(&rows.input[rows.at..end]);
                rows.row_ended();
            }
            rows.at = end;
        }
        Ok(())
    }
}
