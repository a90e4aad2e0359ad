//! The numbers of texts that come often: of equal texts, the same number.
//!
//! A newcomer's trap: numbers only save work. Which text has one depends on what the VM has seen,
//! so nothing that leaves a task may depend on them; `lua/words.lua` keeps the text of each. Few of
//! them are better than many: each text is a string that every cycle of the collector walks over.

use super::text_key::{KEY_BYTES, Slot, TextKey, part};

/// The number of a text that has none; the others begin at 1.
const NONE: u32 = 0;
/// A longer text gets no number.
const MOST_BYTES: u32 = 64;
/// So many texts are looked up together.
const BATCH: usize = 32;
/// After new texts that hardly came again, so many blocks go without numbers.
const REST_BLOCKS: u32 = 64;

/// An open-addressed table of numbers, small enough for the caches, in front of the texts, of which
/// the common ones come first and so lie close together.
pub(super) struct Dictionary {
    /// With more, those that come least are forgotten before the next block. Numbers go up to
    /// twice this, which a block seldom needs.
    most: usize,
    slots: Vec<Slot>,
    /// By number.
    texts: Vec<Text>,
    /// Texts that are longer than a key, one behind the other.
    long: Vec<u8>,
    /// Numbers that mean no text, and those of them that did until the last block.
    free: Vec<u32>,
    forgotten: Vec<u32>,
    /// Since texts were last forgotten: how many came, and how many of them new.
    came: u64,
    added: u64,
    resting: u32,
}

#[derive(Clone, Copy)]
struct Text {
    key: TextKey,
    /// How often it has come again.
    count: u32,
    /// Where it lies in `long`.
    place: u32,
}

impl Text {
    /// One that is forgotten, or was never there.
    const NONE: Text = Text { key: TextKey::NONE, count: 0, place: 0 };

    fn is_there(&self) -> bool {
        self.key.size() != TextKey::NO_SIZE
    }

    fn is(&self, key: &TextKey) -> bool {
        self.key.words == key.words && self.key.size() == key.size()
    }
}

impl Dictionary {
    /// About `most` texts at a time have numbers.
    pub fn new(most: usize) -> Dictionary {
        Dictionary {
            most,
            slots: Vec::new(),
            // Number 0 is of none.
            texts: vec![Text::NONE],
            long: Vec::new(),
            free: Vec::new(),
            forgotten: Vec::new(),
            came: 0,
            added: 0,
            resting: 0,
        }
    }

    /// To be called before each block; the numbers of texts that are forgotten, if any are.
    pub fn prepare(&mut self) -> Option<&[u32]> {
        self.resting = self.resting.saturating_sub(1);
        if self.texts.len() - 1 - self.free.len() <= self.most {
            return None;
        }
        if self.came < 3 * self.added {
            self.resting = REST_BLOCKS;
        }
        (self.came, self.added) = (0, 0);
        self.forget();
        Some(&self.forgotten)
    }

    /// Keeps the texts that came most, at most half of them; what they came before counts half.
    fn forget(&mut self) {
        let mut counts: Vec<u32> = self.live().map(|(_, text)| text.count).collect();
        let kept = self.most / 2;
        let rare = counts.len() - kept;
        let (_, most_of_rare, _) = counts.select_nth_unstable(rare);
        let most_of_rare = *most_of_rare;
        let is_rare = |(_, text): &(u32, &Text)| text.count <= most_of_rare;
        self.forgotten = self.live().filter(is_rare).map(|(id, _)| id).collect();
        for &id in &self.forgotten {
            self.texts[id as usize] = Text::NONE;
        }
        // Low numbers are given again first: what is close together shares the caches.
        self.free.extend(&self.forgotten);
        self.free.sort_unstable_by(|a, b| b.cmp(a));
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

    /// The numbers that mean a text, each with it.
    fn live(&self) -> impl Iterator<Item = (u32, &Text)> {
        (0..).zip(&self.texts).filter(|(_, text)| text.is_there())
    }

    /// Of each span of the block, the number of its text; and the places among them where a number
    /// begins to mean a text.
    pub fn number(
        &mut self,
        block: &[u8],
        spans: &[[u32; 2]],
        ids: &mut Vec<u32>,
        fresh: &mut Vec<u32>,
    ) {
        ids.clear();
        fresh.clear();
        if self.resting > 0 {
            ids.resize(spans.len(), NONE);
            return;
        }
        ids.reserve(spans.len());
        self.came += spans.len() as u64;
        let mut batch = [TextKey::NONE; BATCH];
        let mut found = [NONE; BATCH];
        for spans in spans.chunks(BATCH) {
            self.make_room(BATCH);
            for (key, span) in batch.iter_mut().zip(spans) {
                *key = TextKey::new(block, *span);
            }
            // No loop waits for memory before it asks for the next text's.
            let mask = self.slots.len() - 1;
            let batch = &batch[..spans.len()];
            for (id, key) in found.iter_mut().zip(batch) {
                *id = self.slots[key.hash() as usize & mask].id();
            }
            let mut others = 0_u32;
            for (nth, (id, key)) in found.iter().zip(batch).enumerate() {
                let known = &mut self.texts[*id as usize];
                let is_same = known.is(key) & (key.size() <= KEY_BYTES);
                known.count += u32::from(is_same);
                others |= u32::from(!is_same) << nth;
            }
            let first = ids.len();
            ids.extend_from_slice(&found[..spans.len()]);
            while others != 0 {
                let nth = others.trailing_zeros() as usize;
                others &= others - 1;
                let (id, is_fresh) = self.look_up(&batch[nth], part(block, spans[nth]));
                ids[first + nth] = id;
                if is_fresh {
                    fresh.push((first + nth) as u32);
                }
            }
        }
    }

    /// The number of a text, and whether it has just got it.
    #[inline(never)]
    fn look_up(&mut self, key: &TextKey, bytes: &[u8]) -> (u32, bool) {
        if key.size() > MOST_BYTES {
            return (NONE, false);
        }
        let mask = self.slots.len() - 1;
        let mut at = key.hash() as usize & mask;
        while self.slots[at] != Slot::default() {
            let slot = self.slots[at];
            if slot.may_be(key.hash()) {
                let known = &mut self.texts[slot.id() as usize];
                let is_whole = || self.long[known.place as usize..].starts_with(bytes);
                if known.is(key) && (key.size() <= KEY_BYTES || is_whole()) {
                    known.count += 1;
                    return (slot.id(), false);
                }
            }
            at = (at + 1) & mask;
        }
        let Some(id) = self.free_number() else { return (NONE, false) };
        self.slots[at] = Slot::new(key.hash(), id);
        let place = self.long.len() as u32;
        if key.size() > KEY_BYTES {
            self.long.extend_from_slice(bytes);
        }
        self.texts[id as usize] = Text { key: *key, count: 0, place };
        self.added += 1;
        (id, true)
    }

    fn free_number(&mut self) -> Option<u32> {
        if let Some(id) = self.free.pop() {
            return Some(id);
        }
        if self.texts.len() > 2 * self.most {
            return None;
        }
        self.texts.push(Text::NONE);
        Some(self.texts.len() as u32 - 1)
    }

    /// Keeps half of the slots free when so many texts come.
    fn make_room(&mut self, more: usize) {
        let wanted = 2 * (self.texts.len() + more).min(2 * self.most + 1);
        if self.slots.len() >= wanted {
            return;
        }
        self.slots.resize(wanted.next_power_of_two().max(1024), Slot::default());
        self.fill_slots();
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
