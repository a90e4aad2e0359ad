//! Forms in which a command reads and writes rows as text.
//!
//! A newcomer's trap: lines whose columns are separated by TAB are no form like the others here: they
//! travel as they are, and neither a writer nor a reader is asked.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};
use crate::row::csv::{CsvReader, CsvWriter};
use crate::row::forms::RowReader;
use crate::row::json::{JsonReader, JsonWriter};
use crate::row::nul::{NulReader, NulWriter};
use crate::row::raw::{RawReader, RawWriter};
use crate::row::written::{RowWriter, TabLines};

/// How rows are text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TextForm {
    /// Lines, their columns separated by TAB.
    #[default]
    Tabs,
    Csv,
    /// A row as an array, or as an object where its columns have names.
    Json {
        names: Vec<String>,
    },
    /// A row of one column with a NUL behind it.
    Nul,
    /// A row of one column as it is.
    Raw,
}

impl TextForm {
    pub(crate) fn writer(&self) -> Arc<dyn RowWriter> {
        match self {
            TextForm::Tabs => Arc::new(TabLines),
            TextForm::Csv => Arc::new(CsvWriter),
            TextForm::Json { names } => Arc::new(JsonWriter::new(names)),
            TextForm::Nul => Arc::new(NulWriter),
            TextForm::Raw => Arc::new(RawWriter),
        }
    }

    /// What reads rows of it, unless they can be taken as they are.
    pub(crate) fn reader(&self, max_row: usize) -> Option<Box<dyn RowReader>> {
        match self {
            TextForm::Tabs => None,
            TextForm::Csv => Some(Box::new(CsvReader::new(max_row))),
            TextForm::Json { names } => Some(Box::new(JsonReader::new(names, max_row))),
            TextForm::Nul => Some(Box::new(NulReader::new(max_row))),
            TextForm::Raw => Some(Box::new(RawReader::new(max_row))),
        }
    }

    /// Refuses names that no object has.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let TextForm::Json { names } = self else { return Ok(()) };
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                let message = format!("two columns of the JSON objects are called {name:?}");
                return Err(Failure::new(ErrorKind::Plan, message));
            }
        }
        Ok(())
    }
}

impl fmt::Display for TextForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextForm::Tabs => f.write_str("lines"),
            TextForm::Csv => f.write_str("CSV"),
            TextForm::Json { names } if names.is_empty() => f.write_str("JSON lines"),
            TextForm::Json { names } => write!(f, "JSON objects of {}", names.join(", ")),
            TextForm::Nul => f.write_str("texts ended by NUL"),
            TextForm::Raw => f.write_str("raw bytes"),
        }
    }
}
