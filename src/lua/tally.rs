//! How often each text comes: what a combine holds of rows that are a text and a number, always the
//! same, which are added up.
//!
//! A newcomer's trap: when it is full, and so its rows are put out, depends on the texts alone, as
//! with `lua/tails/combine.lua`.

use std::ptr;

use super::Progress;
use super::in_c::in_c;
use super::matches::Matches;
use super::pattern::Pattern;
use super::port::Port;
use super::status::{FLUSH, OK};
use super::text_key::{TextKey, part};
use super::text_table::{BATCH, Batch, TextTable};

const MOST_TEXTS: usize = 1 << 16;
const MOST_COST: usize = 4 << 20;
/// What a text costs beside its bytes.
const TEXT_COST: usize = 32;
/// So often texts may come before their rows are put out: their counts are numbers of 32 bits.
const MOST_CAME: u64 = 1 << 31;

/// Read by Lua as far as `in_c!` names its fields.
#[repr(C)]
pub(super) struct Tally {
    /// The text of the row that could not be put out.
    refused: *const u8,
    refused_size: u32,
    refused_text: Vec<u8>,
    matches: Matches,
    counts: Counts,
    /// The number of the next text to be put out.
    next: u32,
}

in_c!(Tally as "gleamflow_tally": refused, refused_size);

struct Counts {
    table: TextTable,
    cost: usize,
    came: u64,
}

impl Tally {
    pub fn new() -> Tally {
        Tally {
            refused: ptr::null(),
            refused_size: 0,
            refused_text: Vec::new(),
            matches: Matches::default(),
            counts: Counts::new(),
            next: 1,
        }
    }

    /// Finds what is to be counted in the lines of a block: the matches of a pattern without
    /// captures, or the lines; and how many there are.
    pub fn find(
        &mut self,
        pattern: Option<&Pattern>,
        block: &[u8],
        line_ends: &[u32],
        progress: &Progress,
    ) -> u32 {
        match pattern {
            Some(pattern) => self.matches.find(pattern, block, line_ends, progress),
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
        while self.next < self.counts.table.next_id() {
            let mut short = [0; _];
            let (text, count) = self.counts.table.get(self.next, &mut short);
            let number = f64::from(count) * number;
            let status = port.trusting(|port| port.text_and_number(text, number));
            if status != OK && status != FLUSH {
                self.refused_text = text.to_vec();
                self.refused = self.refused_text.as_ptr();
                self.refused_size = text.len() as u32;
                return status;
            }
            self.next += 1;
            if status == FLUSH {
                return FLUSH;
            }
        }
        self.clear();
        OK
    }

    pub fn clear(&mut self) {
        self.next = 1;
        self.counts.clear();
    }

    /// Lets go of all memory.
    pub fn rest(&mut self) {
        *self = Tally::new();
    }
}

impl Counts {
    fn new() -> Counts {
        Counts { table: TextTable::new(), cost: 0, came: 0 }
    }

    fn clear(&mut self) {
        if self.came > 0 {
            self.table.clear();
            (self.cost, self.came) = (0, 0);
        }
    }

    fn is_full(&self) -> bool {
        let is_long = self.table.next_id() as usize > MOST_TEXTS;
        is_long || self.cost >= MOST_COST || self.came >= MOST_CAME
    }

    /// Whether it cannot be full before all these have come.
    fn has_room(&self, spans: &[[u32; 2]]) -> bool {
        let bytes = spans[spans.len() - 1][1] - spans[0][0];
        self.table.next_id() as usize + BATCH <= MOST_TEXTS
            && self.cost + BATCH * TEXT_COST + (bytes as usize) < MOST_COST
            && self.came + (BATCH as u64) < MOST_CAME
    }

    /// Counts texts until it is full; how many those were.
    fn add(&mut self, block: &[u8], spans: &[[u32; 2]]) -> usize {
        self.table.make_room(MOST_TEXTS);
        let before = self.came;
        let mut batch = Batch::new();
        for spans in spans.chunks(BATCH) {
            if self.has_room(spans) {
                self.table.count_batch(block, spans, &mut batch);
                self.came += spans.len() as u64;
                while batch.others != 0 {
                    let nth = batch.others.trailing_zeros() as usize;
                    batch.others &= batch.others - 1;
                    self.add_one(&batch.keys[nth], part(block, spans[nth]));
                }
                continue;
            }
            for span in spans {
                if self.is_full() {
                    return (self.came - before) as usize;
                }
                self.came += 1;
                self.add_one(&TextKey::new(block, *span), part(block, *span));
            }
        }
        (self.came - before) as usize
    }

    #[inline(never)]
    fn add_one(&mut self, key: &TextKey, bytes: &[u8]) {
        if let Err(place) = self.table.count(key, bytes) {
            self.table.insert(place, self.table.next_id(), key, bytes);
            self.cost += TEXT_COST + bytes.len();
        }
    }
}
