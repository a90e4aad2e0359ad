//! What becomes of the rows that a step cannot take.
//!
//! A newcomer's trap: a worker only leaves rows out and tells the engine of each; whether they are
//! too many is known where those of all tasks come together.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::StepId;

/// A step's bad rows are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guard {
    /// The run fails if there are more.
    pub most: Option<Most>,
    /// The file into which they go.
    dead_letters: Option<Bytes>,
}

impl Guard {
    pub(crate) fn new(most: Option<Most>, dead_letters: Option<PathBuf>) -> Guard {
        let bytes = |path: PathBuf| Bytes::from(path.into_os_string().into_vec());
        Guard { most, dead_letters: dead_letters.map(bytes) }
    }

    /// Where the text of all bad rows is wanted.
    pub(crate) fn dead_letters(&self) -> Option<&Path> {
        self.dead_letters.as_ref().map(|path| Path::new(OsStr::from_bytes(path)))
    }
}

impl Eq for Guard {}

/// So many rows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Most {
    Rows(u64),
    /// Of all rows that the step gets, from 0 to 1.
    Share(f64),
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Most::Rows(1) => f.write_str("1 row"),
            Most::Rows(rows) => write!(f, "{rows} rows"),
            Most::Share(share) => write!(f, "{} % of the rows", share * 100.0),
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.dead_letters() {
            None => f.write_str("skips bad rows")?,
            Some(path) => write!(f, "bad rows into {}", path.display())?,
        }
        self.most.map_or(Ok(()), |most| write!(f, ", at most {most}"))
    }
}

/// What a task had to do with its guarded steps: for each, the rows that it got, and how many of them
/// were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guarded {
    pub step: StepId,
    pub rows: u64,
    pub rejected: u64,
}
