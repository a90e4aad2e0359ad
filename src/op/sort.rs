//! `sort`, and the order it takes.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::Failure;
use crate::op::Column;
use crate::plan::chain::KeyColumn;
use crate::plan::exchange::{Cuts, Exchange, Keep, Side};
use crate::plan::names::Names;

impl Dataset {
    /// The rows in the order of one column, `sort(1)`, or of several: [`Sort`]. Rows that the
    /// order does not tell apart keep their order.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let rows = Flow::new().rows([("b", 1), ("a", 2), ("b", 0)]);
    /// let by_name: Vec<(String, i64)> = rows.sort(1).collect()?;
    /// assert_eq!(by_name[1], ("b".to_string(), 1));
    /// let order = Sort::by(1).descending().then(2);
    /// let both: Vec<(String, i64)> = rows.sort(order).collect()?;
    /// assert_eq!(both[0], ("b".to_string(), 0));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// A negative column does not compile, and 0 is an error at a terminal:
    ///
    /// ```compile_fail
    /// let _ = gleamflow::Flow::new().range(0..9).sort(-1);
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column 0; a column that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn sort(&self, order: impl Into<Sort>) -> Dataset {
        let order = order.into();
        self.add("sort", Location::caller(), move |plan, step, rows| {
            let names = rows.names().clone();
            let order = order.keys(&names)?;
            let exchange = Exchange { keep: Keep::All, cuts: Cuts::Rows, group: None };
            let side = Side::sorted(rows, order, Keep::All);
            Ok(plan.exchange(step, [side], exchange).named(names))
        })
    }
}

/// An order of rows: columns, each ascending unless told otherwise. A lone number is the order by
/// that column, ascending.
///
/// Values are ordered nil, false, true, numbers by value, NaN, strings by bytes, arrays, maps.
///
/// ```
/// use gleamflow::{Flow, Sort, Value};
///
/// let rows = Flow::new().rows([Value::from("10"), Value::from(9), Value::from("9"), Value::Nil]);
/// let sorted: Vec<Value> = rows.sort(Sort::by(1)).collect()?;
/// assert_eq!(sorted, [Value::Nil, Value::from(9), Value::from("10"), Value::from("9")]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    columns: Vec<By>,
}

/// One column of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct By {
    column: Column,
    descending: bool,
    numeric: bool,
}

impl Sort {
    /// By one column, by its number, counted from 1, or its name.
    ///
    /// ```
    /// use gleamflow::Sort;
    ///
    /// assert_eq!(Sort::by(2), Sort::from(2));
    /// ```
    pub fn by(column: impl Into<Column>) -> Sort {
        Sort { columns: Vec::new() }.then(column)
    }

    /// Rows that are equal so far go by this column.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let rows = Flow::new().rows([(2, "b"), (2, "a"), (1, "c")]);
    /// let sorted: Vec<(i64, String)> = rows.sort(Sort::by(1).then(2)).collect()?;
    /// assert_eq!(sorted, [(1, "c".into()), (2, "a".into()), (2, "b".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn then(mut self, column: impl Into<Column>) -> Sort {
        self.columns.push(By { column: column.into(), descending: false, numeric: false });
        self
    }

    /// The column named last goes from the greatest to the least.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let sorted: Vec<i64> = Flow::new().range(0..3).sort(Sort::by(1).descending()).collect()?;
    /// assert_eq!(sorted, [2, 1, 0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn descending(mut self) -> Sort {
        self.last().descending = true;
        self
    }

    /// Text of the column named last that reads as a number is ordered as that number, before all
    /// other text.
    ///
    /// ```
    /// use gleamflow::{Flow, Sort};
    ///
    /// let lines = Flow::new().lines(["10", "x", "9"]);
    /// assert_eq!(lines.sort(1).collect::<String>()?, ["10", "9", "x"]);
    /// assert_eq!(lines.sort(Sort::by(1).numeric()).collect::<String>()?, ["9", "10", "x"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn numeric(mut self) -> Sort {
        self.last().numeric = true;
        self
    }

    fn last(&mut self) -> &mut By {
        self.columns.last_mut().expect("`by` has named a column")
    }

    /// The order of rows of which these names are known.
    pub(super) fn keys(&self, names: &Names) -> Result<Vec<KeyColumn>, Failure> {
        let key = |by: &By| {
            let (descending, numeric) = (by.descending, by.numeric);
            Ok(KeyColumn { column: by.column.number(names)?, descending, numeric })
        };
        self.columns.iter().map(key).collect()
    }
}

/// What one column can be made of.
macro_rules! from_one {
    ($($one:ty),*) => {$(
        impl From<$one> for Sort {
            fn from(column: $one) -> Sort {
                Sort::by(column)
            }
        }
    )*};
}
from_one!(u32, &str, String, Column);
