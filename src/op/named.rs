//! `named`, `rename`: names for columns.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Column;
use crate::plan::names::Names;

/// # Names of columns
///
/// Wherever an operator takes the number of a column it takes its name too, once it has one. Names
/// go on through the steps that keep columns; a step in Lua that makes new ones, or a command,
/// forgets them. [`Dataset::explain`] shows which are known where.
impl Dataset {
    /// Names the columns, from the first on. The rows stay as they are, and may have more columns;
    /// names from before are forgotten.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let visits = Flow::new().rows([("b", 3), ("a", 1), ("b", 4)]).named(["user", "bytes"]);
    /// let most: Vec<(i64, String)> =
    ///     visits.sort(Sort::by("bytes").descending()).select(["bytes", "user"]).collect()?;
    /// assert_eq!(most[0], (4, "b".to_string()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// A name that nobody knows is an error before anything runs:
    ///
    /// ```
    /// # use gleamflow::Flow;
    /// let visits = Flow::new().rows([("b", 3)]).named(["user", "bytes"]);
    /// let error = visits.sort("byte").count().unwrap_err().to_string();
    /// assert!(error.contains("is \"bytes\" meant?"), "{error}");
    /// ```
    ///
    /// # Errors
    /// At a terminal: two columns of one name, an empty name.
    #[track_caller]
    pub fn named<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Dataset {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.add("named", Location::caller(), move |_, _, rows| {
            Ok(rows.named(Names::new(names.clone())?))
        })
    }

    /// Gives a column another name; it may have had none.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([("a", 1)]).named(["user", "n"]).rename("n", "visits");
    /// assert_eq!(rows.select("visits").collect::<i64>()?, [1]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column that nobody knows, a name that another column has, an empty name.
    #[track_caller]
    pub fn rename(&self, column: impl Into<Column>, name: impl Into<String>) -> Dataset {
        let (column, name) = (column.into(), name.into());
        self.add("rename", Location::caller(), move |_, _, rows| {
            let number = column.number(rows.names())?;
            let names = rows.names().clone().renamed(number, name.clone())?;
            Ok(rows.named(names))
        })
    }
}
