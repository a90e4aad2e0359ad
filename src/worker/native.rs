//! Steps that need no Lua: `split`, `select`, `numbers`.
//!
//! A newcomer's trap: each takes a whole block and makes one row of each row, so that a row's
//! number in the block stays what it was.

use crate::error::{ErrorKind, Failed, Failure};
use crate::plan::chain::Step;
use crate::row::describe::{describe, describe_line};
use crate::row::frame::{self, FrameError};
use crate::row::layout::{Layout, Rows};
use crate::row::msgpack::{self, Value};
use crate::row::text::{self, Number};

/// Applies one native step to a block. On an error `out` may end within the failed row.
pub(crate) fn apply(
    step: &Step,
    rows: Rows<'_>,
    max_row: usize,
    out: &mut Vec<u8>,
) -> Result<(), Failed> {
    match step {
        Step::Split { step, separator } => {
            split(rows, separator, max_row, out).map_err(|failed| failed.at_step(*step))
        }
        Step::Select { step, columns } => {
            each_frame(rows, max_row, out, |payload, out| select(payload, columns, out))
                .map_err(|failed| failed.at_step(*step))
        }
        Step::Numbers { step, columns } => {
            each_frame(rows, max_row, out, |payload, out| numbers(payload, columns, out))
                .map_err(|failed| failed.at_step(*step))
        }
        Step::Map(_) | Step::FlatMap(_) | Step::Filter(_) | Step::ForEach(_) => {
            unreachable!("a Lua step is not run here")
        }
    }
}

fn each_frame(
    rows: Rows<'_>,
    max_row: usize,
    out: &mut Vec<u8>,
    mut step: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failed> {
    let mut framed = Vec::new();
    let mut index = 0;
    Rows::frames(rows.as_frames(&mut framed)?).try_each(|payload| {
        if payload.len() > max_row {
            return Err(FrameError::TooLong { length: payload.len(), max_row }.into());
        }
        write_row(out, |out| step(payload, out))
            .map_err(|failed| failed.at_row(index, || describe(payload)))?;
        index += 1;
        Ok(())
    })
}

fn write_row(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failed> {
    let start = frame::begin(out);
    write(out)?;
    Ok(frame::end(out, start)?)
}

/// Bytes that should have been rows.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::Row, error.to_string())
}

fn split(
    rows: Rows<'_>,
    separator: &[u8],
    max_row: usize,
    out: &mut Vec<u8>,
) -> Result<(), Failed> {
    if rows.layout == Layout::Lines {
        return rows.try_each(|line| {
            write_row(out, |out| {
                put_pieces(line, separator, out);
                Ok(())
            })
        });
    }
    each_frame(rows, max_row, out, |payload, out| {
        let (value, used) = msgpack::head(payload).map_err(malformed)?;
        let (Value::Str(text) | Value::Bin(text)) = value else {
            let message = "it takes a row of one text column, and column 1 is no text";
            return Err(Failure::new(ErrorKind::Row, message));
        };
        if used != payload.len() {
            let message = "it takes a row of one text column, and this row has more";
            return Err(Failure::new(ErrorKind::Row, message)
                .hint("rows that come from a command are already cut at TAB"));
        }
        put_pieces(text, separator, out);
        Ok(())
    })
}

fn put_pieces(text: &[u8], separator: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    let mut put = |end: usize, next: usize| {
        msgpack::put_text(out, &text[start..end]);
        start = next;
    };
    match separator {
        [byte] => memchr::memchr_iter(*byte, text).for_each(|at| put(at, at + 1)),
        _ => {
            memchr::memmem::find_iter(text, separator).for_each(|at| put(at, at + separator.len()))
        }
    }
    put(text.len(), text.len());
}

fn select(payload: &[u8], columns: &[u32], out: &mut Vec<u8>) -> Result<(), Failure> {
    for &column in columns {
        match msgpack::column(payload, column).map_err(malformed)? {
            Some(value) => out.extend_from_slice(value),
            None => msgpack::put_nil(out),
        }
    }
    Ok(())
}

fn numbers(payload: &[u8], columns: &[u32], out: &mut Vec<u8>) -> Result<(), Failure> {
    for (column, value) in (1..).zip(msgpack::columns(payload)) {
        let value = value.map_err(malformed)?;
        if columns.contains(&column) {
            put_number(column, value, out)?;
        } else {
            out.extend_from_slice(value);
        }
    }
    Ok(())
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
