//! [`Column`] and [`Columns`]: which columns an operator means, by number or by name.
//!
//! A newcomer's trap: a name is looked up when the flow is compiled, among the names that are known
//! of the operator's rows at that point; a number is never checked before the rows come.

use crate::error::{ErrorKind, Failure};
use crate::plan::names::Names;

/// One column, by its number, counted from 1, or by the name that
/// [`named`](crate::Dataset::named) gave it.
///
/// ```
/// use gleamflow::{Column, Sort};
///
/// assert_eq!(Sort::by(2), Sort::from(Column::from(2)));
/// assert_ne!(Sort::by("bytes"), Sort::by(2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column(Meant);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Meant {
    Number(u32),
    Name(String),
}

/// Several columns, each by number or by name: `[1, 2]`, `["user", "bytes"]`, `1`, `"user"`.
///
/// ```
/// use gleamflow::{Columns, Flow};
///
/// let rows = Flow::new().rows([("a", 1, true)]).named(["user", "bytes", "ok"]);
/// let mixed = Columns::from("bytes").and(1);
/// assert_eq!(rows.select(mixed).collect::<(i64, String)>()?, [(1, "a".to_string())]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

impl Column {
    /// The number of the column in rows of which these names are known.
    pub(crate) fn number(&self, names: &Names) -> Result<u32, Failure> {
        match &self.0 {
            Meant::Number(0) => {
                let failure = Failure::new(ErrorKind::Plan, "there is no column 0");
                Err(failure.hint("columns are counted from 1"))
            }
            Meant::Number(number) => Ok(*number),
            Meant::Name(name) => names.find(name),
        }
    }
}

impl Columns {
    /// These columns, and one more behind them.
    ///
    /// ```
    /// use gleamflow::Columns;
    ///
    /// assert_eq!(Columns::from(1).and(3), Columns::from([1, 3]));
    /// ```
    pub fn and(mut self, column: impl Into<Column>) -> Columns {
        self.0.push(column.into());
        self
    }

    /// The numbers of the columns in rows of which these names are known.
    pub(crate) fn numbers(&self, names: &Names) -> Result<Vec<u32>, Failure> {
        self.0.iter().map(|column| column.number(names)).collect()
    }

    /// The same where there must be at least one.
    pub(crate) fn some_numbers(&self, names: &Names, hint: &str) -> Result<Vec<u32>, Failure> {
        match self.0[..] {
            [] => Err(Failure::new(ErrorKind::Plan, "no key columns").hint(hint)),
            _ => self.numbers(names),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<u32> for Column {
    fn from(number: u32) -> Column {
        Column(Meant::Number(number))
    }
}

impl From<&str> for Column {
    fn from(name: &str) -> Column {
        Column(Meant::Name(name.to_owned()))
    }
}

impl From<String> for Column {
    fn from(name: String) -> Column {
        Column(Meant::Name(name))
    }
}

impl From<&String> for Column {
    fn from(name: &String) -> Column {
        Column(Meant::Name(name.clone()))
    }
}

impl From<Column> for Columns {
    fn from(column: Column) -> Columns {
        Columns(vec![column])
    }
}

/// What one column can be made of.
macro_rules! from_one {
    ($($one:ty),*) => {$(
        impl From<$one> for Columns {
            fn from(column: $one) -> Columns {
                Columns(vec![column.into()])
            }
        }
    )*};
}
from_one!(u32, &str, String, &String);

/// Lists of columns. Those whose length is known are not generic over what is in them, so that an
/// empty list, `[]`, needs no type.
macro_rules! from_many {
    ($([$($generic:tt)*] $many:ty),* $(,)?) => {$(
        impl<$($generic)*> From<$many> for Columns {
            fn from(columns: $many) -> Columns {
                Columns(columns.iter().cloned().map(Column::from).collect())
            }
        }
    )*};
}
from_many! {
    [const N: usize] [u32; N], [const N: usize] &[u32; N], [] &[u32], [] Vec<u32>, [] &Vec<u32>,
    [] &[&str], [] Vec<&str>, [] &Vec<&str>, [] &[String], [] Vec<String>, [] &Vec<String>,
    [] &[Column], [] Vec<Column>,
}

/// Arrays of names, which are never empty.
macro_rules! from_names {
    ($($n:literal)*) => {
        from_many!($([] [&str; $n], [] &[&str; $n], [] [String; $n]),*);
    };
}
from_names!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24);
