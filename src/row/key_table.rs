//! Keys and their numbers: which group a row belongs to.
//!
//! A newcomer's trap: a key is found by its key bytes, and shown by the columns of the row that
//! came first: 1 and 1.0 are one key, which is shown as whichever of them that was.

use super::key;
use crate::error::Failure;

/// What a key takes beside its bytes.
const KEY_COST: usize = size_of::<Key>() + 8;

/// Numbers from 0, in the order in which keys came.
#[derive(Default)]
pub(crate) struct KeyTable {
    /// Numbers of keys, one more than they are; 0 is free. As many as a power of two.
    slots: Vec<u32>,
    keys: Vec<Key>,
    /// Each key's bytes, then the columns that show it.
    bytes: Vec<u8>,
}

struct Key {
    hash: u64,
    from: u32,
    shown: u32,
    end: u32,
}

impl KeyTable {
    /// The number of a key. If it is new, `show` appends the columns that show it.
    #[inline]
    pub(crate) fn number(
        &mut self,
        key: &[u8],
        show: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        if self.slots.len() < 2 * (self.keys.len() + 1) {
            self.grow();
        }
        let hash = key::hash(key);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != 0 {
            let number = self.slots[at] as usize - 1;
            let known = &self.keys[number];
            if known.hash == hash && self.bytes[known.from as usize..known.shown as usize] == *key {
                return Ok(number);
            }
            at = (at + 1) & mask;
        }
        let from = self.place();
        self.bytes.extend_from_slice(key);
        let shown = self.place();
        show(&mut self.bytes)?;
        let end = self.place();
        self.keys.push(Key { hash, from, shown, end });
        self.slots[at] = self.keys.len() as u32;
        Ok(self.keys.len() - 1)
    }

    fn place(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("a table is emptied far below 4 GiB")
    }

    fn grow(&mut self) {
        let size = (2 * self.slots.len()).max(1024);
        self.slots.clear();
        self.slots.resize(size, 0);
        for (number, key) in (1..).zip(&self.keys) {
            let mut at = key.hash as usize & (size - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = number;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The columns that show a key.
    pub(crate) fn shown(&self, number: usize) -> &[u8] {
        let key = &self.keys[number];
        &self.bytes[key.shown as usize..key.end as usize]
    }

    /// What the keys take in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() + self.keys.len() * KEY_COST
    }

    pub(crate) fn clear(&mut self) {
        let few = self.keys.len() < self.slots.len() / 64;
        if !few {
            self.slots.fill(0);
        }
        // Of a few keys all slots from where one should be to the next free one, which has its own.
        let mask = self.slots.len().wrapping_sub(1);
        for key in self.keys.iter().filter(|_| few) {
            let mut at = key.hash as usize & mask;
            while self.slots[at] != 0 {
                self.slots[at] = 0;
                at = (at + 1) & mask;
            }
        }
        self.keys.clear();
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_key_has_one_number_in_the_order_of_coming(
            keys in prop::collection::vec(prop::collection::vec(0..3_u8, 0..4), 0..3000),
        ) {
            let mut table = KeyTable::default();
            let mut model: HashMap<Vec<u8>, usize> = HashMap::new();
            for (turn, key) in keys.iter().enumerate() {
                let next = model.len();
                let expected = *model.entry(key.clone()).or_insert(next);
                let number = table
                    .number(key, |shown| {
                        shown.extend_from_slice(&turn.to_le_bytes());
                        Ok(())
                    })
                    .unwrap();
                prop_assert_eq!(number, expected);
                let shown = table.shown(number).try_into().unwrap();
                prop_assert_eq!(&keys[usize::from_le_bytes(shown)], key);
            }
            prop_assert_eq!(table.len(), model.len());
            table.clear();
            prop_assert!(table.slots.iter().all(|slot| *slot == 0));
            // Few keys, in a table that has grown.
            for key in keys.iter().take(12) {
                table.number(key, |_| Ok(())).unwrap();
            }
            table.clear();
            prop_assert!(table.slots.iter().all(|slot| *slot == 0));
        }
    }
}
