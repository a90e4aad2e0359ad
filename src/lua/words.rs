//! The matches of a pattern in a whole block of lines, each with the number of its text.
//!
//! A newcomer's trap: Lua reads the first fields, and through them what the others own.

use std::ptr;

use super::dictionary::Dictionary;
use super::pattern::{MOST_CAPTURES, Pattern, Places};
use super::runs::Runs;

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
    fresh: Vec<u32>,
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
        if let Some(forgotten) = self.dictionary.prepare() {
            self.generation += 1;
            self.forgotten = forgotten.as_ptr();
            self.forgotten_count = forgotten.len() as u32;
        }
        let found = &mut self.found;
        let (spans, _) = found.spans.as_chunks();
        self.dictionary.number(block, spans, &mut found.ids, &mut found.fresh);
        self.ids = found.ids.as_ptr();
        self.spans = found.spans.as_ptr();
        self.ends = found.ends.as_ptr();
        self.count = found.ids.len() as u32;
        self.fresh = found.fresh.as_ptr();
        self.fresh_count = found.fresh.len() as u32;
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
