//! Typed rows: columns into the user's types and back, by serde.
//!
//! Tuples, sequences, tuple structs and structs take one column per element, structs in the order
//! of their fields; anything else (`String`, `i64`, `Option<T>`, maps, enums) is a row of exactly
//! one column. Within a column, structs are maps.
//!
//! A newcomer's trap: `Vec<String>` is a row of any number of columns, not one column that holds a
//! list; for that ask for `(Vec<String>,)`.

mod column;
mod quick;
mod read;
mod write;

use std::fmt;

pub(crate) use quick::from_payload;
pub(crate) use write::to_payload;

use super::msgpack::Malformed;
use crate::error::{ErrorKind, Failure};

/// Why a row and a type do not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TypedError {
    #[error("the type takes {}, the row has {found}", columns(*.expected))]
    Width { expected: u32, found: u32 },
    #[error("column {column} is the text {text}, where a number is asked for")]
    TextForNumber { column: u32, text: String },
    #[error("column {column} is {bytes}, bytes that are no UTF-8, where text is asked for")]
    BytesForText { column: u32, bytes: String },
    #[error("column {column}: {message}")]
    Column { column: u32, message: String },
    #[error("a row has at least one column")]
    Empty,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("{0}")]
    Other(String),
}

impl TypedError {
    pub(crate) fn failure(&self, kind: ErrorKind) -> Failure {
        let failure = Failure::new(kind, self.to_string());
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// The next move, where it is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            TypedError::TextForNumber { .. } => {
                Some("columns of text lines are text; `numbers(cols)` reads them as numbers")
            }
            TypedError::Other(message) if message == column::TOO_WIDE => {
                Some("as text it can be of any length: `number.to_string()`")
            }
            TypedError::BytesForText { .. } => Some(
                "`pipe(\"iconv -f latin1 -t utf-8\")` makes text of Latin-1; a `gleamflow::Value` \
                 takes any bytes",
            ),
            _ => None,
        }
    }
}

fn columns(count: u32) -> String {
    format!("{count} column{}", if count == 1 { "" } else { "s" })
}

impl serde::de::Error for TypedError {
    fn custom<T: fmt::Display>(message: T) -> TypedError {
        TypedError::Other(message.to_string())
    }
}

impl serde::ser::Error for TypedError {
    fn custom<T: fmt::Display>(message: T) -> TypedError {
        TypedError::Other(message.to_string())
    }
}

#[cfg(test)]
mod tests;
