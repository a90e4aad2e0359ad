//! Texts by their numbers and numbers by their texts, and how often each came.
//!
//! An open-addressed table of numbers, small enough for the caches, in front of the texts, of which
//! the early ones lie close together.
//!
//! A newcomer's trap: number 0 is of no text, and a slot that has it is free.

use super::text_key::{KEY_BYTES, TextKey};

/// So many texts are looked up together.
pub(super) const BATCH: usize = 32;

pub(super) struct TextTable {
    slots: Vec<Slot>,
    /// By number.
    texts: Vec<Text>,
    /// Texts that are longer than a key, one behind the other.
    long: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Text {
    key: TextKey,
    count: u32,
    /// Where it lies in `long`.
    place: u32,
}

/// The number of a text, from 1 on, and as many bits of its hash as there is room for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Slot(u32);

impl Slot {
    /// Numbers are smaller.
    const IDS: u32 = 1 << 18;

    fn new(hash: u32, id: u32) -> Slot {
        Slot(hash / Slot::IDS * Slot::IDS + id)
    }

    /// 0 where the slot is free.
    fn id(self) -> u32 {
        self.0 % Slot::IDS
    }

    fn may_be(self, hash: u32) -> bool {
        self.0 / Slot::IDS == hash / Slot::IDS
    }
}

/// A batch of texts: their keys, and their numbers if `others` does not say that they have to be
/// looked up.
pub(super) struct Batch {
    pub keys: [TextKey; BATCH],
    pub ids: [u32; BATCH],
    /// A bit each.
    pub others: u32,
}

/// Where a text that is not there would be.
pub(super) struct Free(usize);

impl Text {
    /// One that was taken away, or was never there.
    const NONE: Text = Text { key: TextKey::NONE, count: 0, place: 0 };

    fn is_there(&self) -> bool {
        self.key.size() != TextKey::NO_SIZE
    }

    fn is(&self, key: &TextKey) -> bool {
        self.key.words == key.words && self.key.size() == key.size()
    }
}

impl Batch {
    pub fn new() -> Batch {
        Batch { keys: [TextKey::NONE; BATCH], ids: [0; BATCH], others: 0 }
    }
}

impl TextTable {
    pub fn new() -> TextTable {
        TextTable { slots: Vec::new(), texts: vec![Text::NONE], long: Vec::new() }
    }

    /// The next number that nothing has had.
    pub fn next_id(&self) -> u32 {
        self.texts.len() as u32
    }

    /// Keeps half of the slots free with numbers below this.
    pub fn make_room(&mut self, ids: usize) {
        if self.slots.len() < 2 * ids {
            self.slots.resize((2 * ids).next_power_of_two().max(1024), Slot::default());
            self.fill_slots();
        }
    }

    /// Looks texts up where they most likely are, and counts those that are there and no longer than
    /// a key.
    #[inline(always)]
    pub fn count_batch(&mut self, block: &[u8], spans: &[[u32; 2]], batch: &mut Batch) {
        let keys = &mut batch.keys[..spans.len()];
        for (key, span) in keys.iter_mut().zip(spans) {
            *key = TextKey::new(block, *span);
        }
        // No loop waits for memory before it asks for the next text's.
        let mask = self.slots.len() - 1;
        for (id, key) in batch.ids.iter_mut().zip(&*keys) {
            *id = self.slots[key.hash() as usize & mask].id();
        }
        let mut others = 0;
        for (nth, (id, key)) in batch.ids.iter().zip(&*keys).enumerate() {
            let known = &mut self.texts[*id as usize];
            let is_same = known.is(key) & (key.size() <= KEY_BYTES);
            known.count += u32::from(is_same);
            others |= u32::from(!is_same) << nth;
        }
        batch.others = others;
    }

    /// Counts a text that is there, and gives its number.
    #[inline]
    pub fn count(&mut self, key: &TextKey, bytes: &[u8]) -> Result<u32, Free> {
        let mask = self.slots.len() - 1;
        let mut at = key.hash() as usize & mask;
        while self.slots[at] != Slot::default() {
            let slot = self.slots[at];
            if slot.may_be(key.hash()) {
                let known = &mut self.texts[slot.id() as usize];
                let is_whole = || self.long[known.place as usize..].starts_with(bytes);
                if known.is(key) && (key.size() <= KEY_BYTES || is_whole()) {
                    known.count += 1;
                    return Ok(slot.id());
                }
            }
            at = (at + 1) & mask;
        }
        Err(Free(at))
    }

    /// Gives a number to a text that came once.
    #[inline]
    pub fn insert(&mut self, Free(at): Free, id: u32, key: &TextKey, bytes: &[u8]) {
        self.slots[at] = Slot::new(key.hash(), id);
        let text = Text { key: *key, count: 1, place: self.long.len() as u32 };
        if key.size() > KEY_BYTES {
            self.long.extend_from_slice(bytes);
        }
        match self.texts.get_mut(id as usize) {
            Some(free) => *free = text,
            None => self.texts.push(text),
        }
    }

    /// A text, for which `short` is room, and how often it came.
    pub fn get<'a>(&'a self, id: u32, short: &'a mut [u8; KEY_BYTES as usize]) -> (&'a [u8], u32) {
        let Text { key, count, place } = self.texts[id as usize];
        if key.size() > KEY_BYTES {
            return (&self.long[place as usize..][..key.size() as usize], count);
        }
        *short = (u128::from(key.words[1]) << 64 | u128::from(key.words[0])).to_le_bytes();
        (&short[..key.size() as usize], count)
    }

    /// The numbers that mean a text, and how often it came.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u32)> {
        let live = (0..).zip(&self.texts).filter(|(_, text)| text.is_there());
        live.map(|(id, text)| (id, text.count))
    }

    /// Takes texts away; what the others came counts half.
    pub fn remove(&mut self, ids: &[u32]) {
        for &id in ids {
            self.texts[id as usize] = Text::NONE;
        }
        let long = std::mem::take(&mut self.long);
        for text in self.texts.iter_mut().filter(|text| text.is_there()) {
            text.count /= 2;
            if text.key.size() > KEY_BYTES {
                let from = text.place as usize;
                text.place = self.long.len() as u32;
                self.long.extend_from_slice(&long[from..from + text.key.size() as usize]);
            }
        }
        self.fill_slots();
    }

    /// Takes all away, and keeps the room.
    pub fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.texts.truncate(1);
        self.long.clear();
    }

    fn fill_slots(&mut self) {
        self.slots.fill(Slot::default());
        let mask = self.slots.len() - 1;
        for (id, text) in (0..).zip(&self.texts).filter(|(_, text)| text.is_there()) {
            let mut at = text.key.hash() as usize & mask;
            while self.slots[at] != Slot::default() {
                at = (at + 1) & mask;
            }
            self.slots[at] = Slot::new(text.key.hash(), id);
        }
    }
}
