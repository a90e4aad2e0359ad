//! The vocabulary of steps: a file per operator, which is a builder method, its documentation and
//! how it is lowered: in terms of the primitives of `plan/lower.rs`.
//!
//! A newcomer's trap: the page of `Dataset` shows methods in the order of these `mod` lines. The
//! first of a group stands alone, and its `impl` block has the group's heading.

mod map;

mod filter;
mod flat_map;
mod for_each;

mod select;

mod drop;
mod fields;
mod numbers;
mod pad;
mod split;
mod split_pattern;

mod reduce;

mod count_by;
mod distinct;
mod distinct_by;
mod sort;
mod top;

mod limit;

mod skip;

mod union;

mod intersect;

mod pipe;

mod partition;

pub(crate) mod native;

pub use sort::Sort;

use std::fmt;

use crate::error::{ErrorKind, Failure};

/// Checks column numbers, which are counted from 1.
fn columns(columns: &[u32]) -> Result<Vec<u32>, Failure> {
    if columns.contains(&0) {
        let failure = Failure::new(ErrorKind::Plan, "there is no column 0");
        return Err(failure.hint("columns are counted from 1"));
    }
    Ok(columns.to_vec())
}

/// Checks a number of partitions.
fn partitions(count: u32) -> Result<u32, Failure> {
    match count {
        1..=4096 => Ok(count),
        _ => {
            let message = format!("{count} partitions: from 1 to 4096 are possible");
            Err(Failure::new(ErrorKind::Plan, message))
        }
    }
}

/// Column numbers for people.
struct Listed<'a>(&'a [u32]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&names.join(", "))
    }
}
