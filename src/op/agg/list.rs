//! `Agg::list`: all values of a column as one list.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::chain::Chains;
use super::{Accumulate, Agg, Unfit, no_part};
use crate::error::{ErrorKind, Failure};
use crate::op::Column;
use crate::op::group::GroupTask;
use crate::plan::named::Arguments;
use crate::row::msgpack::{self, Value};

impl Agg {
    /// The values of a column, nils among them, as a list in the order of the rows. An empty list of
    /// no rows.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([("a", 3), ("b", 1), ("a", 2)]);
    /// let lists: Vec<(String, Vec<i64>)> = rows.aggregate([1], [Agg::list(2)]).collect()?;
    /// assert_eq!(lists, [("a".to_string(), vec![3, 2]), ("b".to_string(), vec![1])]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a list that is larger than `max_row` (see
    /// [`Dataset::group_map`](crate::Dataset::group_map)).
    pub fn list(column: impl Into<Column>) -> Agg {
        Agg::of(column, &List::default())
    }
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct List {
    /// Where the values of each group lie.
    #[serde(skip)]
    spans: Chains<(u32, u32)>,
    #[serde(skip)]
    bytes: Vec<u8>,
    /// The bytes of each group.
    #[serde(skip)]
    sizes: Vec<u32>,
    #[serde(skip)]
    largest: u32,
    /// The values of the only group, and how many they are.
    #[serde(skip)]
    merged: (u32, Vec<u8>),
    #[serde(skip)]
    max_row: usize,
}

impl Arguments for List {
    const NAME: &str = "list";
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("list")
    }
}

impl Accumulate for List {
    fn begin_group(&mut self) {
        self.spans.begin_group();
        self.sizes.push(0);
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        let place = |bytes: &[u8]| u32::try_from(bytes.len()).expect("far below 4 GiB");
        let from = place(&self.bytes);
        self.bytes.extend_from_slice(value);
        self.spans.push(group, (from, place(&self.bytes)));
        self.sizes[group] += place(value);
        self.largest = self.largest.max(self.sizes[group]);
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        msgpack::put_array_len(out, self.spans.count(group));
        for (from, to) in self.spans.of(group) {
            out.extend_from_slice(&self.bytes[from as usize..to as usize]);
        }
    }

    fn begin_merging(&mut self, task: &GroupTask<'_>) {
        self.max_row = task.max_row;
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let Ok((Value::Array(count), at)) = msgpack::head(part) else { return Err(no_part()) };
        let (values, bytes) = &mut self.merged;
        *values += count;
        bytes.extend_from_slice(&part[at..]);
        if bytes.len() > self.max_row {
            let message = "list: the values of one key are larger than `max_row` allows";
            return Err(Failure::new(ErrorKind::Row, message)
                .hint("`group_map` goes through the rows of a key without holding them"));
        }
        Ok(())
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let (values, bytes) = &self.merged;
        msgpack::put_array_len(out, *values);
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.spans.bytes() + self.bytes.len() + size_of_val(&self.sizes[..])
    }

    fn largest_part(&self) -> usize {
        self.largest as usize
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.bytes.clear();
        self.sizes.clear();
        self.largest = 0;
        self.merged.0 = 0;
        self.merged.1.clear();
    }
}
