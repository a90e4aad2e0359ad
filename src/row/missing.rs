//! A column that a row does not have, wherever an operator names it.
//!
//! A newcomer's trap: it is no nil. A nil is a value that sorts first and makes a group; a missing
//! column is a mistake, or a row that `pad` has to widen.

use super::msgpack;
use crate::error::{ErrorKind, Failure};

/// A column that was named, counted from 1, and how many the row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub column: u32,
    pub width: u32,
}

impl From<Missing> for Failure {
    fn from(Missing { column, width }: Missing) -> Failure {
        let columns = if width == 1 { "1 column".to_owned() } else { format!("{width} columns") };
        let message = format!("there is no column {column}: the row has {columns}");
        let hint = format!("`pad({column})` makes rows at least {column} columns wide");
        Failure::new(ErrorKind::Row, message).hint(hint)
    }
}

/// A column of an encoded row, counted from 1.
pub(crate) fn column_of(payload: &[u8], column: u32) -> Result<&[u8], Failure> {
    let found = msgpack::column(payload, column)
        .map_err(|error| Failure::new(ErrorKind::Row, error.to_string()))?;
    found.ok_or_else(|| {
        let width = msgpack::columns(payload).count() as u32;
        Missing { column, width }.into()
    })
}
