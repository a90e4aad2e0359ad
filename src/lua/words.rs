//! The matches of a pattern in a whole block of lines, each with the number of its text.
//!
//! A newcomer's trap: numbers only save work. Which text has one depends on what the VM has seen,
//! so nothing that leaves a task may depend on them; `lua/words.lua` keeps the text of each. Few of
//! them are better than many: each text is a string that every cycle of the collector walks over.

use std::ptr;

use xxhash_rust::xxh3::xxh3_64;

use super::pattern::{MOST_CAPTURES, Pattern, Places};
use super::runs::Runs;

/// The number of a text that has none; the others begin at 1.
const NONE: u32 = 0;
/// A longer text gets no number.
const MOST_BYTES: u32 = 64;
/// The size of a text that is forgotten.
const FREE: u32 = u32::MAX;
/// So many texts are looked up together.
const BATCH: usize = 32;
/// After new texts that hardly came again, so many blocks go without numbers.
const REST_BLOCKS: u32 = 64;

/// Read by Lua as far as `bytes`; `lua/native.lua` repeats the layout.
#[repr(C)]
pub(super) struct Words {
    /// Per match: the number of its text, and where it begins and ends.
    ids: *const u32,
    spans: *const u32,
    /// Per row: the matches in it and before it.
    ends: *const u32,
    count: u32,
    /// Matches whose texts have new numbers.
    fresh: *const u32,
    fresh_count: u32,
    /// Changes when texts are forgotten; their numbers may since mean others.
    generation: u32,
    forgotten: *const u32,
    forgotten_count: u32,
    /// The greatest number.
    most: u32,
    /// What the spans count in.
    bytes: *const u8,
    found: Found,
    dictionary: Dictionary,
    changed: Vec<u8>,
}

#[derive(Default)]
struct Found {
    ids: Vec<u32>,
    spans: Vec<u32>,
    ends: Vec<u32>,
    runs: Runs,
}

impl Words {
    /// About `most` texts at a time have numbers.
    pub fn new(most: usize) -> Words {
        Words {
            ids: ptr::null(),
            spans: ptr::null(),
            ends: ptr::null(),
            count: 0,
            fresh: ptr::null(),
            fresh_count: 0,
            generation: 0,
            forgotten: ptr::null(),
            forgotten_count: 0,
            most: 2 * most as u32,
            bytes: ptr::null(),
            found: Found::default(),
            dictionary: Dictionary::new(most),
            changed: Vec::new(),
        }
    }

    /// The block with its letters in lower case, or in upper case.
    pub fn change_case(&mut self, block: &[u8], upper: bool) -> &[u8] {
        self.changed.clear();
        self.changed.extend_from_slice(block);
        match upper {
            true => self.changed.make_ascii_uppercase(),
            false => self.changed.make_ascii_lowercase(),
        }
        &self.changed
    }

    /// Finds the matches of `pattern`, which has no captures, in each of the block's lines; with
    /// `changed`, in what `change_case` made of the block.
    pub fn scan(&mut self, pattern: &Pattern, block: &[u8], line_ends: &[u32], changed: bool) {
        let block = if changed { &self.changed } else { block };
        self.found.find(pattern, block, line_ends);
        if self.dictionary.prepare() {
            self.generation += 1;
            self.forgotten = self.dictionary.forgotten.as_ptr();
            self.forgotten_count = self.dictionary.forgotten.len() as u32;
        }
        let (spans, _) = self.found.spans.as_chunks();
        self.dictionary.number(block, spans, &mut self.found.ids);
        let found = &self.found;
        self.ids = found.ids.as_ptr();
        self.spans = found.spans.as_ptr();
        self.ends = found.ends.as_ptr();
        self.count = found.ids.len() as u32;
        self.fresh = self.dictionary.fresh.as_ptr();
        self.fresh_count = self.dictionary.fresh.len() as u32;
        self.bytes = block.as_ptr();
    }

    /// Of each match, the number of its text.
    pub fn ids(&self) -> &[u32] {
        &self.found.ids
    }

    /// Lets go of what belonged to a block.
    pub fn rest(&mut self) {
        self.count = 0;
        self.found = Found::default();
        self.changed = Vec::new();
    }
}

impl Found {
    fn find(&mut self, pattern: &Pattern, block: &[u8], line_ends: &[u32]) {
        self.spans.clear();
        self.ends.clear();
        match pattern.run() {
            Some(run) => {
                self.runs.find(&run, block, line_ends, &mut self.spans, &mut self.ends);
            }
            None => self.find_in_lines(pattern, block, line_ends),
        }
    }

    fn find_in_lines(&mut self, pattern: &Pattern, block: &[u8], line_ends: &[u32]) {
        let mut places: Places = [0; 2 * MOST_CAPTURES];
        let mut line_start = 0;
        for &line_end in line_ends {
            let line = &block[line_start as usize..line_end as usize];
            let mut from = 0;
            while from <= line.len()
                && let Some((start, end)) = pattern.find(line, from, &mut places)
            {
                self.spans.extend([line_start + start as u32, line_start + end as u32]);
                from = end.max(start + 1);
            }
            self.ends.push(self.spans.len() as u32 / 2);
            line_start = line_end + 1;
        }
    }
}

/// The numbers of texts: an open-addressed table of numbers, small enough for the caches, in front
/// of the texts, of which the common ones come first and so lie close together.
struct Dictionary {
    /// With more, those that come least are forgotten before the next block. Numbers go up to
    /// twice this, which a block seldom needs.
    most: usize,
    slots: Vec<Slot>,
    /// By number.
    texts: Vec<Text>,
    /// Texts of more than 16 bytes, one behind the other.
    long: Vec<u8>,
    /// Matches of the block whose texts are new.
    fresh: Vec<u32>,
    /// Numbers that mean no text, and those of them that did until the last block.
    free: Vec<u32>,
    forgotten: Vec<u32>,
    /// Since texts were last forgotten: how many came, and how many of them new.
    came: u64,
    added: u64,
    resting: u32,
}

/// The number of a text, and as many bits of its hash as there is room for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Slot(u32);

impl Slot {
    /// Numbers are smaller: a dictionary has at most half as many.
    const IDS: u32 = 1 << 18;

    fn new(hash: u64, id: u32) -> Slot {
        Slot((hash >> 32) as u32 / Slot::IDS * Slot::IDS + id)
    }

    fn id(self) -> u32 {
        self.0 % Slot::IDS
    }

    fn may_be(self, hash: u64) -> bool {
        self.0 / Slot::IDS == (hash >> 32) as u32 / Slot::IDS
    }
}

#[derive(Clone, Copy, Default)]
struct Text {
    /// The text itself up to 16 bytes, else its hash and its place in `long`.
    key: [u64; 2],
    hash: u64,
    size: u32,
    /// How often it has come again.
    count: u32,
}

impl Dictionary {
    fn new(most: usize) -> Dictionary {
        Dictionary {
            most,
            slots: Vec::new(),
            // Number 0 is of none.
            texts: vec![Text::default()],
            long: Vec::new(),
            fresh: Vec::new(),
            free: Vec::new(),
            forgotten: Vec::new(),
            came: 0,
            added: 0,
            resting: 0,
        }
    }

    /// Whether texts were forgotten, which happens only between two blocks.
    fn prepare(&mut self) -> bool {
        self.resting = self.resting.saturating_sub(1);
        if self.live_count() <= self.most {
            return false;
        }
        if self.came < 3 * self.added {
            self.resting = REST_BLOCKS;
        }
        (self.came, self.added) = (0, 0);
        self.forget();
        true
    }

    /// Keeps the texts that came most, at most half of them; what they came before counts half.
    fn forget(&mut self) {
        let count_of = |id: u32| self.texts[id as usize].count;
        let mut counts: Vec<u32> = self.live().map(count_of).collect();
        let (_, most_of_rare, _) = counts.select_nth_unstable(self.live_count() - self.most / 2);
        let most_of_rare = *most_of_rare;
        self.forgotten = self.live().filter(|&id| count_of(id) <= most_of_rare).collect();
        for &id in &self.forgotten {
            self.texts[id as usize].size = FREE;
        }
        // Low numbers are given again first: what is close together shares the caches.
        self.free.extend(&self.forgotten);
        self.free.sort_unstable_by(|a, b| b.cmp(a));
        self.texts.iter_mut().for_each(|text| text.count /= 2);
        let long = std::mem::take(&mut self.long);
        for text in self.texts.iter_mut().filter(|text| (17..FREE).contains(&text.size)) {
            let from = text.key[1] as usize;
            text.key[1] = self.long.len() as u64;
            self.long.extend_from_slice(&long[from..from + text.size as usize]);
        }
        self.fill_slots();
    }

    fn live_count(&self) -> usize {
        self.texts.len() - 1 - self.free.len()
    }

    /// The numbers that mean a text.
    fn live(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.texts).skip(1).filter(|(_, text)| text.size != FREE).map(|(id, _)| id)
    }

    fn number(&mut self, block: &[u8], spans: &[[u32; 2]], ids: &mut Vec<u32>) {
        ids.clear();
        self.fresh.clear();
        if self.resting > 0 {
            ids.resize(spans.len(), NONE);
            return;
        }
        ids.reserve(spans.len());
        self.came += spans.len() as u64;
        let mut batch = [Text::default(); BATCH];
        for spans in spans.chunks(BATCH) {
            self.make_room(BATCH);
            for (text, span) in batch.iter_mut().zip(spans) {
                *text = Text::new(block, *span);
            }
            // The processor waits for all of these at once, and below for none.
            let mask = self.slots.len() - 1;
            let first = batch.map(|text| self.slots[text.hash as usize & mask].id());
            let ready = |sum, id: &u32| sum | self.texts[*id as usize].size;
            std::hint::black_box(first.iter().fold(0, ready));
            for (text, span) in batch.iter().zip(spans) {
                let added = self.added;
                let id = self.id(text, block, *span);
                if self.added > added {
                    self.fresh.push(ids.len() as u32);
                }
                ids.push(id);
            }
        }
    }

    fn id(&mut self, text: &Text, block: &[u8], span: [u32; 2]) -> u32 {
        if text.size > MOST_BYTES {
            return NONE;
        }
        let mask = self.slots.len() - 1;
        let mut at = text.hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == Slot::default() {
                break;
            }
            if slot.may_be(text.hash) {
                let known = &mut self.texts[slot.id() as usize];
                if known.key[0] == text.key[0] && known.size == text.size {
                    let is_same = match text.size {
                        0..=16 => known.key[1] == text.key[1],
                        _ => self.long[known.key[1] as usize..].starts_with(part(block, span)),
                    };
                    if is_same {
                        known.count += 1;
                        return slot.id();
                    }
                }
            }
            at = (at + 1) & mask;
        }
        let Some(id) = self.free_number() else { return NONE };
        self.slots[at] = Slot::new(text.hash, id);
        let known = &mut self.texts[id as usize];
        *known = *text;
        if text.size > 16 {
            known.key[1] = self.long.len() as u64;
            self.long.extend_from_slice(part(block, span));
        }
        self.added += 1;
        id
    }

    fn free_number(&mut self) -> Option<u32> {
        if let Some(id) = self.free.pop() {
            return Some(id);
        }
        if self.texts.len() > 2 * self.most {
            return None;
        }
        self.texts.push(Text::default());
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
        for (id, text) in (0..).zip(&self.texts).skip(1).filter(|(_, text)| text.size != FREE) {
            let mut at = text.hash as usize & mask;
            while self.slots[at] != Slot::default() {
                at = (at + 1) & mask;
            }
            self.slots[at] = Slot::new(text.hash, id);
        }
    }
}

impl Text {
    fn new(block: &[u8], span: [u32; 2]) -> Text {
        let size = span[1] - span[0];
        match size {
            0..=16 => {
                let key = first_16(block, span[0] as usize, size as usize);
                Text { key, hash: mix(key, size), size, count: 0 }
            }
            17..=MOST_BYTES => {
                let hash = xxh3_64(part(block, span));
                Text { key: [hash, 0], hash, size, count: 0 }
            }
            _ => Text { key: [0; 2], hash: 0, size, count: 0 },
        }
    }
}

fn part(block: &[u8], span: [u32; 2]) -> &[u8] {
    &block[span[0] as usize..span[1] as usize]
}

/// Up to 16 bytes as two numbers, zeros behind them.
fn first_16(block: &[u8], start: usize, size: usize) -> [u64; 2] {
    let whole = match block[start..].first_chunk::<16>() {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => {
            let mut chunk = [0; 16];
            chunk[..size].copy_from_slice(&block[start..start + size]);
            u128::from_le_bytes(chunk)
        }
    };
    let bits = match size {
        16 => whole,
        _ => whole & ((1 << (8 * size)) - 1),
    };
    [bits as u64, (bits >> 64) as u64]
}

fn mix(key: [u64; 2], size: u32) -> u64 {
    let x = key[0] ^ key[1].rotate_left(23) ^ u64::from(size);
    let product = u128::from(x) * 0x9e37_79b9_7f4a_7c15;
    (product as u64) ^ (product >> 64) as u64
}
