//! The vocabulary of steps: a file per operator, which is a builder method, its documentation and
//! how it is lowered: in terms of the primitives of `plan/lower.rs`.

mod distinct;
mod filter;
mod flat_map;
mod for_each;
mod limit;
mod map;
mod numbers;
mod partition;
mod pipe;
mod reduce;
mod select;
mod sort;
mod split;

pub use sort::Sort;

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
