//! The matches of a pattern in a whole block of lines, each with the number of its text.
//!
//! A newcomer's trap: Lua reads the first fields, and through them what the others own.

use std::ptr;

use super::Progress;
use super::dictionary::Dictionary;
use super::in_c::{Signed, in_c};
use super::matches::Matches;
use super::pattern::Pattern;

/// Read by Lua as far as `in_c!` names its fields.
#[repr(C)]
pub(super) struct Words {
    /// Per match: the number of its text, and where it begins and ends.
    ids: *const Signed,
    spans: *const Signed,
    /// Per row: the matches in it and before it.
    ends: *const Signed,
    count: Signed,
    /// Matches whose texts have new numbers.
    fresh: *const Signed,
    fresh_count: Signed,
    /// Changes when texts are forgotten; their numbers may since mean others.
    generation: u32,
    forgotten: *const Signed,
    forgotten_count: Signed,
    /// The greatest number.
    most: Signed,
    /// What the spans count in.
    pub bytes: *const u8,
    matches: Matches,
    numbers: Vec<u32>,
    new: Vec<u32>,
    dictionary: Dictionary,
    changed: Vec<u8>,
}

in_c!(
    Words as "gleamflow_words": ids, spans, ends, count, fresh, fresh_count, generation, forgotten,
    forgotten_count, most, bytes
);

impl Words {
    /// About `most` texts at a time have numbers.
    pub fn new(most: usize) -> Words {
        Words {
            ids: ptr::null(),
            spans: ptr::null(),
            ends: ptr::null(),
            count: Signed(0),
            fresh: ptr::null(),
            fresh_count: Signed(0),
            generation: 0,
            forgotten: ptr::null(),
            forgotten_count: Signed(0),
            most: Signed(2 * most as u32),
            bytes: ptr::null(),
            matches: Matches::default(),
            numbers: Vec::new(),
            new: Vec::new(),
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
    /// `changed`, in what `change_case` made of the block. With `numbered`, their texts get numbers.
    pub fn scan(
        &mut self,
        pattern: &Pattern,
        block: &[u8],
        line_ends: &[u32],
        changed: bool,
        numbered: bool,
        progress: &Progress,
    ) {
        let block = if changed { &self.changed } else { block };
        self.matches.find(pattern, block, line_ends, progress);
        self.spans = self.matches.found.spans.as_ptr().cast();
        self.ends = self.matches.found.ends.as_ptr().cast();
        self.bytes = block.as_ptr();
        if !numbered {
            (self.count, self.fresh_count) = (Signed(0), Signed(0));
            return;
        }
        if let Some(forgotten) = self.dictionary.prepare() {
            self.generation += 1;
            self.forgotten = forgotten.as_ptr().cast();
            self.forgotten_count = Signed(forgotten.len() as u32);
        }
        let (spans, _) = self.matches.found.spans.as_chunks();
        self.dictionary.number(block, spans, &mut self.numbers, &mut self.new);
        self.ids = self.numbers.as_ptr().cast();
        self.count = Signed(self.numbers.len() as u32);
        self.fresh = self.new.as_ptr().cast();
        self.fresh_count = Signed(self.new.len() as u32);
    }

    /// Where the matches from the `first` to the `last` one begin and end in the block.
    pub fn matches(&self, first: u32, last: u32) -> &[[u32; 2]] {
        let (spans, _) = self.matches.found.spans.as_chunks();
        &spans[first as usize..last as usize]
    }

    /// Lets go of what belonged to a block.
    pub fn rest(&mut self) {
        self.count = Signed(0);
        self.matches = Matches::default();
        (self.numbers, self.new, self.changed) = (Vec::new(), Vec::new(), Vec::new());
    }
}
