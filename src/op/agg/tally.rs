//! The different values of each group, and how often each is there.
//!
//! A newcomer's trap: within a task all groups share one table, whose keys are of a group and a
//! value; behind the exchange the only group has a [`Counter`].

use super::chain::Chains;
use super::counter::Counter;
use super::no_part;
use crate::error::Failure;
use crate::op::agg::count::count_of;
use crate::op::group::GroupTask;
use crate::op::native::malformed;
use crate::row::key;
use crate::row::key_table::KeyTable;
use crate::row::msgpack::{self, Malformed, Value};

#[derive(Default)]
pub(super) struct Tally {
    table: KeyTable,
    /// How often each value of the table is there.
    counts: Vec<u64>,
    /// The values of each group.
    values: Chains<u32>,
    /// The bytes of each group's values.
    sizes: Vec<u32>,
    largest: u32,
    key: Vec<u8>,
    merged: Option<Counter>,
}

impl Tally {
    pub(super) fn begin_group(&mut self) {
        self.values.begin_group();
        self.sizes.push(0);
    }

    #[inline]
    pub(super) fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Malformed> {
        self.key.clear();
        self.key.extend_from_slice(&(group as u32).to_le_bytes());
        key::append(&mut self.key, value)?;
        let known = self.counts.len();
        let show = |shown: &mut Vec<u8>| {
            shown.extend_from_slice(value);
            Ok(())
        };
        let number = self.table.number(&self.key, show).expect("a copy is made of what is there");
        if number == known {
            self.counts.push(0);
            self.values.push(group, number as u32);
            self.sizes[group] += value.len() as u32;
            self.largest = self.largest.max(self.sizes[group]);
        }
        self.counts[number] += 1;
        Ok(())
    }

    /// A part is a list of values, each with its count behind it.
    pub(super) fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        msgpack::put_array_len(out, 2 * self.values.count(group));
        for number in self.values.of(group) {
            out.extend_from_slice(self.table.shown(number as usize));
            msgpack::put_uint(out, self.counts[number as usize]);
        }
    }

    pub(super) fn begin_merging(&mut self, task: &GroupTask<'_>) {
        self.merged = Some(Counter::new(task.lists));
    }

    pub(super) fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let Ok((Value::Array(count), at)) = msgpack::head(part) else { return Err(no_part()) };
        let mut rest = &part[at..];
        for _ in 0..count / 2 {
            let (value, behind) = rest.split_at(msgpack::skip(rest).map_err(malformed)?);
            self.merged().add(value, count_of(behind)?)?;
            rest = &behind[msgpack::skip(behind).map_err(malformed)?..];
        }
        Ok(())
    }

    /// Calls a function with each value of the only group, and how often it is there, in whatever
    /// order. They are forgotten.
    pub(super) fn take_each(
        &mut self,
        mut each: impl FnMut(&[u8], u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.merged().take_each(&mut each)
    }

    fn merged(&mut self) -> &mut Counter {
        self.merged.as_mut().expect("a task that merges has begun")
    }

    pub(super) fn bytes(&self) -> usize {
        let (counts, sizes) = (size_of_val(&self.counts[..]), size_of_val(&self.sizes[..]));
        self.table.bytes() + counts + sizes + self.values.bytes()
    }

    pub(super) fn largest_part(&self) -> usize {
        self.largest as usize
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.counts.clear();
        self.values.clear();
        self.sizes.clear();
        self.largest = 0;
        if let Some(merged) = &mut self.merged {
            merged.clear();
        }
    }
}
