//! `numbers`: text columns as numbers.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure};
use crate::op::native::{BlockStep, each_row, malformed};
use crate::op::{Listed, columns};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::row::describe::describe_line;
use crate::row::layout::Rows;
use crate::row::missing::Missing;
use crate::row::msgpack::{self, Value};
use crate::row::text::{self, Number};

impl Dataset {
    /// Reads the named columns, counted from 1, as numbers: decimal integers of up to 64 bits
    /// stay exact, all else is a double; `nan`, `NaN`, `inf` and `-inf` are read as those. Numbers
    /// stay as they are; an empty text is nil.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, i64)> =
    ///     Flow::new().lines(["a 1", "b 22"]).split(" ").numbers([2]).collect()?;
    /// assert_eq!(rows, [("a".into(), 1), ("b".into(), 22)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a column that does not read as a number, or as one beyond all doubles, such
    /// as `1e400`; a column that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn numbers(&self, wanted: impl AsRef<[u32]>) -> Dataset {
        let columns = columns(wanted.as_ref());
        self.try_add("numbers", Location::caller(), columns, |plan, step, rows, columns| {
            plan.fuse(rows, Step::native(step, &Numbers { columns: columns.clone() }))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Numbers {
    columns: Vec<u32>,
}

impl Arguments for Numbers {
    const NAME: &str = "numbers";
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numbers {}", Listed(&self.columns))
    }
}

impl BlockStep for Numbers {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        let last = self.columns.iter().copied().max().unwrap_or(0);
        each_row(rows, max_row, out, |payload, out| {
            let mut width = 0;
            for (column, value) in (1..).zip(msgpack::columns(payload)) {
                let value = value.map_err(malformed)?;
                width = column;
                if self.columns.contains(&column) {
                    put_number(column, value, out)?;
                } else {
                    out.extend_from_slice(value);
                }
            }
            if width < last {
                let missing = self.columns.iter().copied().find(|&column| column > width);
                return Err(Missing { column: missing.unwrap_or(last), width }.into());
            }
            Ok(())
        })
    }
}

fn put_number(column: u32, value: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let (head, _) = msgpack::head(value).map_err(malformed)?;
    match head {
        Value::Nil | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            out.extend_from_slice(value);
        }
        Value::Str([]) | Value::Bin([]) => msgpack::put_nil(out),
        Value::Str(digits) | Value::Bin(digits) => match text::parse_number(digits) {
            Some(Number::Int(number)) => msgpack::put_int(out, number),
            Some(Number::UInt(number)) => msgpack::put_uint(out, number),
            Some(Number::Float(number)) => msgpack::put_float(out, number),
            None => {
                let shown = describe_line(digits);
                let message = format!("column {column} does not read as a number: {shown}");
                return Err(Failure::new(ErrorKind::Row, message).hint(
                    "numbers are decimal, up to 1.8e308; `nan`, `inf` and `-inf` are some too",
                ));
            }
        },
        Value::Bool(_) | Value::Array(_) | Value::Map(_) | Value::Ext(..) => {
            let message = format!("column {column} is neither a number nor text");
            return Err(Failure::new(ErrorKind::Row, message));
        }
    }
    Ok(())
}
