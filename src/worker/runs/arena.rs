//! The arena: the rows of one task until they are sorted and written.
//!
//! Entries stand in one buffer in the order of arrival, already in the layout of a run; only the
//! list of 16-byte items is sorted.
//!
//! A newcomer's trap: an item's prefix is not of the key's first bytes but of the bytes behind
//! what all keys of the sorted group share. Keys like `user_000017` would all tie otherwise.

use super::entry::{self, Entry, MAX_HEAD_BYTES};

/// Groups of equal prefixes are sorted by their next bytes this many times, then by comparing
/// whole keys. It bounds the depth of the stack, and ends where one key is the start of another.
const PREFIX_LEVELS: u32 = 6;

/// Offsets are 32 bits; an entry may begin at the last byte below the limit.
const MAX_ARENA_BYTES: usize = 3 << 30;

#[derive(Clone, Copy, Debug)]
struct Item {
    prefix: u64,
    /// Of the entry; it grows with the row, and so decides between equal keys.
    offset: u32,
    len: u32,
}

impl Item {
    fn entry<'a>(&self, entries: &'a [u8]) -> &'a [u8] {
        &entries[self.offset as usize..][..self.len as usize]
    }

    fn key<'a>(&self, entries: &'a [u8]) -> &'a [u8] {
        let bytes = self.entry(entries);
        let entry = parse(bytes);
        &bytes[entry.key..entry.payload]
    }
}

#[derive(Debug)]
pub(super) struct Arena {
    entries: Vec<u8>,
    items: Vec<Item>,
    /// What all keys begin with alike.
    shared: Vec<u8>,
    limit: usize,
}

impl Arena {
    /// Entries and items together take at most `limit` bytes, or one row.
    pub(super) fn new(limit: usize) -> Arena {
        Arena {
            entries: Vec::new(),
            items: Vec::new(),
            shared: Vec::new(),
            limit: limit.min(MAX_ARENA_BYTES),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a row of this size must wait until the arena is empty.
    pub(super) fn is_full_for(&self, row_bytes: usize) -> bool {
        let items = (self.items.len() + 1) * size_of::<Item>();
        !self.is_empty() && self.entries.len() + MAX_HEAD_BYTES + row_bytes + items > self.limit
    }

    pub(super) fn push(&mut self, key: &[u8], payload: &[u8], row: u32) {
        match self.items.is_empty() {
            true => key.clone_into(&mut self.shared),
            false if key.starts_with(&self.shared) => {}
            false => self.shared.truncate(entry::common_prefix(&self.shared, key)),
        }
        let offset = self.entries.len();
        entry::append_head(&mut self.entries, key.len(), payload.len(), row, None);
        self.entries.extend_from_slice(key);
        self.entries.extend_from_slice(payload);
        self.items.push(Item {
            prefix: 0,
            offset: offset.try_into().expect("the limit is below 4 GiB"),
            len: (self.entries.len() - offset).try_into().expect("a row is far below 4 GiB"),
        });
    }

    pub(super) fn sort(&mut self) {
        sort_group(&self.entries, &mut self.items, self.shared.len(), PREFIX_LEVELS);
    }

    /// Rows that it holds.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Lets all but the first rows of the sorted ones go, and returns the key of the last that
    /// stays.
    pub(super) fn keep_first(&mut self, rows: usize) -> Option<&[u8]> {
        self.items.truncate(rows);
        let mut kept = Vec::new();
        for item in &mut self.items {
            let entry = item.entry(&self.entries);
            let offset = kept.len();
            kept.extend_from_slice(entry);
            item.offset = offset.try_into().expect("it was below 4 GiB before");
        }
        self.entries = kept;
        self.items.last().map(|item| item.key(&self.entries))
    }

    /// The entries in their present order; `first_only` leaves out those whose key is that of the
    /// one before.
    pub(super) fn entries(&self, first_only: bool) -> impl Iterator<Item = &[u8]> {
        let mut before: Option<&Item> = None;
        self.items.iter().filter_map(move |item| {
            let repeated = first_only
                && before.is_some_and(|before| {
                    before.prefix == item.prefix
                        && before.key(&self.entries) == item.key(&self.entries)
                });
            before = Some(item);
            (!repeated).then(|| item.entry(&self.entries))
        })
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.items.clear();
        // A row of many MiB must not keep its memory for the rest of the task.
        self.entries.shrink_to(self.limit + self.limit / 4);
    }
}

/// Sorts items, whose keys are alike in their first `shared` bytes, by key and then by offset.
/// Each key is fetched once a level instead of once a comparison.
fn sort_group(entries: &[u8], items: &mut [Item], shared: usize, levels: u32) {
    if levels == 0 {
        items.sort_unstable_by(|left, right| {
            let keys = left.key(entries).cmp(right.key(entries));
            keys.then(left.offset.cmp(&right.offset))
        });
        return;
    }
    for item in items.iter_mut() {
        item.prefix = entry::prefix(item.key(entries), shared);
    }
    items.sort_unstable_by_key(|item| (item.prefix, item.offset));
    for group in items.chunk_by_mut(|left, right| left.prefix == right.prefix) {
        let [first, rest @ ..] = &*group else { continue };
        if rest.is_empty() {
            // Decided without another look at the key, which is seldom in the cache.
            continue;
        }
        let first = first.key(entries);
        let (mut shared, mut longest) = (first.len(), first.len());
        for item in rest {
            let key = item.key(entries);
            shared = entry::common_prefix(&first[..shared], key);
            longest = longest.max(key.len());
        }
        // Where nothing is left behind the shared bytes, the keys are equal and the offsets have
        // decided.
        if longest > shared {
            sort_group(entries, group, shared, levels - 1);
        }
    }
}

fn parse(bytes: &[u8]) -> Entry {
    Entry::parse(bytes, false).expect("entries of the arena were written by `push`")
}
