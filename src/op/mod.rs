//! The vocabulary of steps: a file per operator, which is a builder method, its documentation and
//! how it is lowered: in terms of the primitives of `plan/lower.rs`.
//!
//! A newcomer's trap: the page of `Dataset` shows methods in the order of these `mod` lines. The
//! first of a group stands alone, and its `impl` block has the group's heading.

mod columns;

mod map;

mod branch;
mod filter;
mod flat_map;
mod for_each;

mod map_rows;

mod filter_rows;
mod flat_map_rows;

mod select;

mod drop;
mod fields;
mod numbers;
mod pad;
mod split;
mod split_pattern;

mod named;

mod on_error;
mod with_table;

mod reduce;

mod count_by;
mod distinct;
mod distinct_by;
mod sort;
mod sort_by;
mod top;

mod aggregate;

mod accumulate;
mod group_map;

mod map_partitions;

mod join;

mod cogroup;

mod scan;

mod lag;
mod sessions;
mod tumbling;
mod window;

mod ordered;

mod limit;

mod sample;
mod skip;
mod with_index;

mod union;

mod intersect;
mod merge_sorted;
mod zip;

mod pipe;

mod pipe_columns;

mod partition;

mod agg;
mod closures;
pub(crate) mod group;
pub(crate) mod native;
mod shell;
mod text_form;

pub use agg::Agg;
pub use columns::{Column, Columns};
pub use join::Join;
pub use on_error::{AtMost, LeaveOut, OnError};
pub use ordered::Ordered;
pub use shell::Shell;
pub use sort::Sort;
pub use text_form::Text;
pub use zip::Zip;

use std::fmt;

use crate::error::{ErrorKind, Failure};

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
