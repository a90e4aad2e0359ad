//! How often each text comes: what a combine holds of rows that are a text and a number, always the
//! same, which are added up.
//!
//! A newcomer's trap: when it is full, and so its rows are put out, depends on the texts alone, as
//! with `lua/tails/combine.lua`.

use std::ptr;

use super::matches::Matches;
use super::natives::{FLUSH, OK};
use super::pattern::Pattern;
use super::port::Port;
use super::text_key::{KEY_BYTES, Slot, TextKey, part};

const MOST_TEXTS: usize = 1 << 16;
const MOST_COST: usize = 4 << 20;
/// What a text costs beside its bytes.
const TEXT_COST: usize = 32;
const SLOTS: usize = 2 * MOST_TEXTS;
/// So many texts are looked up together.
const BATCH: usize = 32;

/// Read by Lua as far as `refused_size`; `lua/native.lua` repeats the layout.
#[repr(C)]
pub(super) struct Tally {
    /// The text of the row that could not be put out.
    refused: *const u8,
    refused_size: u32,
    refused_text: Vec<u8>,
    matches: Matches,
    counts: Counts,
    /// The next row to be put out.
    row: usize,
}

/// An open-addressed table.
struct Counts {
    slots: Vec<Slot>,
    /// In the order in which they came; number 0 is of none.
    entries: Vec<Entry>,
    /// Texts that are longer than a key, one behind the other.
    long: Vec<u8>,
    cost: usize,
}

struct Entry {
    words: [u64; 2],
    size: u32,
    /// Where the text lies in `long`.
    place: u32,
    count: u64,
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            refused: ptr::null(),
            refused_size: 0,
            refused_text: Vec::new(),
            matches: Matches::default(),
            counts: Counts::new(),
            row: 1,
        }
    }

    /// Finds what is to be counted in the lines of a block: the matches of a pattern without
    /// captures, or the lines; and how many there are.
    pub fn find(&mut self, pattern: Option<&Pattern>, block: &[u8], line_ends: &[u32]) -> u32 {
        match pattern {
            Some(pattern) => self.matches.find(pattern, block, line_ends),
            None => self.matches.take_lines(line_ends),
        }
        self.matches.found.spans.len() as u32 / 2
    }

    /// Counts what was found, from `from` on; where it ends, because all are counted or because
    /// rows must be put out first.
    pub fn add(&mut self, block: &[u8], from: u32) -> u32 {
        let (spans, _) = self.matches.found.spans.as_chunks();
        from + self.counts.add(block, &spans[from as usize..]) as u32
    }

    /// Puts out a row for each text with `number` as often as it came. Ends where the port says
    /// more than that it is well; then there are more rows, or one was refused.
    pub fn put_rows(&mut self, port: &mut Port, number: f64) -> u32 {
        while let Some(entry) = self.counts.entries.get(self.row) {
            let short = entry.words.map(u64::to_le_bytes);
            let text = match entry.size {
                0..=KEY_BYTES => &short.as_flattened()[..entry.size as usize],
                size => &self.counts.long[entry.place as usize..][..size as usize],
            };
            let status = port.text_and_number(text, entry.count as f64 * number);
            if status != OK && status != FLUSH {
                self.refused_text = text.to_vec();
                self.refused = self.refused_text.as_ptr();
                self.refused_size = entry.size;
                return status;
            }
            self.row += 1;
            if status == FLUSH {
                return FLUSH;
            }
        }
        self.clear();
        OK
    }

    pub fn clear(&mut self) {
        self.row = 1;
        self.counts.clear();
    }

    /// Lets go of all memory.
    pub fn rest(&mut self) {
        *self = Tally::new();
    }
}

impl Counts {
    fn new() -> Counts {
        Counts { slots: Vec::new(), entries: Vec::new(), long: Vec::new(), cost: 0 }
    }

    fn clear(&mut self) {
        if self.cost > 0 {
            self.slots.fill(Slot::default());
            self.entries.truncate(1);
            self.long.clear();
            self.cost = 0;
        }
    }

    fn is_full(&self) -> bool {
        self.entries.len() > MOST_TEXTS || self.cost >= MOST_COST
    }

    /// Counts texts until it is full; how many those were.
    fn add(&mut self, block: &[u8], spans: &[[u32; 2]]) -> usize {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
            self.entries.push(Entry { words: [0; 2], size: TextKey::NO_SIZE, place: 0, count: 0 });
        }
        let mut done = 0;
        let mut keys = [TextKey::NONE; BATCH];
        for batch in spans.chunks(BATCH) {
            let bytes: usize = batch.iter().map(|[start, end]| (end - start) as usize).sum();
            let most_cost = self.cost + BATCH * TEXT_COST + bytes;
            if self.entries.len() + BATCH <= MOST_TEXTS && most_cost < MOST_COST {
                self.add_batch(block, batch, &mut keys[..batch.len()]);
                done += batch.len();
                continue;
            }
            for span in batch {
                if self.is_full() {
                    return done;
                }
                self.add_one(&TextKey::new(block, *span), part(block, *span));
                done += 1;
            }
        }
        done
    }

    /// `keys` has room for as many as there are spans.
    fn add_batch(&mut self, block: &[u8], spans: &[[u32; 2]], keys: &mut [TextKey]) {
        for (key, span) in keys.iter_mut().zip(spans) {
            *key = TextKey::new(block, *span);
        }
        // No loop waits for memory before it asks for the next text's.
        let mut found = [0; BATCH];
        for (id, key) in found.iter_mut().zip(&*keys) {
            *id = self.slots[key.hash() as usize % SLOTS].id();
        }
        let mut others = 0_u32;
        for (nth, (id, key)) in found.iter().zip(&*keys).enumerate() {
            let known = &mut self.entries[*id as usize];
            let is_same = known.is(key) & (key.size() <= KEY_BYTES);
            known.count += u64::from(is_same);
            others |= u32::from(!is_same) << nth;
        }
        while others != 0 {
            let nth = others.trailing_zeros() as usize;
            others &= others - 1;
            self.add_one(&keys[nth], part(block, spans[nth]));
        }
    }

    #[inline(never)]
    fn add_one(&mut self, key: &TextKey, bytes: &[u8]) {
        let mut at = key.hash() as usize % SLOTS;
        while self.slots[at] != Slot::default() {
            let slot = self.slots[at];
            if slot.may_be(key.hash()) {
                let known = &mut self.entries[slot.id() as usize];
                let is_whole = || self.long[known.place as usize..].starts_with(bytes);
                if known.is(key) && (key.size() <= KEY_BYTES || is_whole()) {
                    known.count += 1;
                    return;
                }
            }
            at = (at + 1) % SLOTS;
        }
        self.slots[at] = Slot::new(key.hash(), self.entries.len() as u32);
        let place = self.long.len() as u32;
        if key.size() > KEY_BYTES {
            self.long.extend_from_slice(bytes);
        }
        self.entries.push(Entry { words: key.words, size: key.size(), place, count: 1 });
        self.cost += TEXT_COST + bytes.len();
    }
}

impl Entry {
    fn is(&self, key: &TextKey) -> bool {
        self.words == key.words && self.size == key.size()
    }
}
