//! Text columns as numbers, as `numbers` reads them.
//!
//! A newcomer's trap: a column that is there without text is nil, and one that is not there is a
//! mistake.

use super::describe::describe_line;
use super::missing::Missing;
use super::msgpack::{self, Value};
use super::text::{self, Number};
use crate::error::{ErrorKind, Failure};

/// Appends the columns of an encoded row, those in `wanted` (from 1) as numbers.
pub(crate) fn append_numbers(
    wanted: &[u32],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let mut width = 0;
    for (column, value) in (1..).zip(msgpack::columns(payload)) {
        let value = value.map_err(|error| Failure::new(ErrorKind::Row, error.to_string()))?;
        width = column;
        if wanted.contains(&column) {
            append_number(column, value, out)?;
        } else {
            out.extend_from_slice(value);
        }
    }
    match wanted.iter().copied().find(|&column| column > width) {
        Some(column) => Err(Missing { column, width }.into()),
        None => Ok(()),
    }
}

fn append_number(column: u32, value: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
    let (head, _) =
        msgpack::head(value).map_err(|error| Failure::new(ErrorKind::Row, error.to_string()))?;
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
