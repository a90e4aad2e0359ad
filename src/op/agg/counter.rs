//! Different values and how often each is there, however many they are.
//!
//! A newcomer's trap: values that are too many for memory are dealt out to lists by their hash, and
//! each list is counted apart, in the same way: so values come in an order that depends on the
//! budget, and nobody may show it.

use crate::error::Failure;
use crate::op::agg::count::count_of;
use crate::op::group::{Lists, RowList};
use crate::op::native::malformed;
use crate::row::key;
use crate::row::key_table::KeyTable;
use crate::row::msgpack;

/// Lists that values are dealt out to, by so many bits of their hash.
const LISTS: usize = 1 << LIST_BITS;
const LIST_BITS: u32 = 4;

pub(super) struct Counter {
    lists: Box<dyn Lists>,
    /// Bits of the hash that all values have alike: the highest.
    alike: u32,
    table: KeyTable,
    counts: Vec<u64>,
    /// Where the values go when they are too many.
    dealt: Vec<Box<dyn RowList>>,
    key: Vec<u8>,
    row: Vec<u8>,
}

type EachValue<'a> = dyn FnMut(&[u8], u64) -> Result<(), Failure> + 'a;

impl Counter {
    pub(super) fn new(lists: &dyn Lists) -> Counter {
        Counter::of_alike(lists, 0)
    }

    fn of_alike(lists: &dyn Lists, alike: u32) -> Counter {
        Counter {
            lists: lists.keep(),
            alike,
            table: KeyTable::default(),
            counts: Vec::new(),
            dealt: Vec::new(),
            key: Vec::new(),
            row: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, value: &[u8], count: u64) -> Result<(), Failure> {
        self.key.clear();
        key::append(&mut self.key, value).map_err(malformed)?;
        if !self.dealt.is_empty() {
            return self.deal(value, count);
        }
        let number = self.table.number(&self.key, |shown| {
            shown.extend_from_slice(value);
            Ok(())
        })?;
        if number == self.counts.len() {
            self.counts.push(0);
        }
        self.counts[number] += count;
        let bytes = self.table.bytes() + size_of_val(&self.counts[..]);
        if bytes > self.lists.memory() && self.alike + LIST_BITS <= u64::BITS {
            self.deal_all()?;
        }
        Ok(())
    }

    #[cold]
    fn deal_all(&mut self) -> Result<(), Failure> {
        self.dealt = self.lists.lists(LISTS);
        let table = std::mem::take(&mut self.table);
        for (number, count) in std::mem::take(&mut self.counts).into_iter().enumerate() {
            let value = table.shown(number);
            self.key.clear();
            key::append(&mut self.key, value).map_err(malformed)?;
            self.deal(value, count)?;
        }
        Ok(())
    }

    /// Puts a value, whose key bytes are known, into the list for its hash.
    fn deal(&mut self, value: &[u8], count: u64) -> Result<(), Failure> {
        let number = (key::hash(&self.key) << self.alike) >> (u64::BITS - LIST_BITS);
        self.row.clear();
        self.row.extend_from_slice(value);
        msgpack::put_uint(&mut self.row, count);
        self.dealt[number as usize].push(&self.row)
    }

    /// Calls a function with each value and how often it is there, and forgets them.
    pub(super) fn take_each(&mut self, each: &mut EachValue<'_>) -> Result<(), Failure> {
        for (number, count) in self.counts.iter().enumerate() {
            each(self.table.shown(number), *count)?;
        }
        for mut list in std::mem::take(&mut self.dealt) {
            let mut counter = Counter::of_alike(&*self.lists, self.alike + LIST_BITS);
            list.try_each(&mut |row| {
                let (value, count) = row.split_at(msgpack::skip(row).map_err(malformed)?);
                Ok(counter.add(value, count_of(count)?)?)
            })
            .map_err(|failed| failed.failure)?;
            drop(list);
            counter.take_each(each)?;
        }
        self.clear();
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.counts.clear();
        self.dealt.clear();
    }
}
