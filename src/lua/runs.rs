//! The matches of a pattern that takes runs of bytes, found 64 bytes at a time.
//!
//! A newcomer's trap: a line feed is in neither set, so that no run goes over a line's end, and as
//! many runs have ended before it as have begun.
//!
//! # Safety
//!
//! The only unsafe act is to call code that was compiled for newer processors, after the processor
//! was asked. It is the same code.
#![allow(unsafe_code)]

use super::bits::{ByteSet, next_clear, next_set};

/// A match is a byte of the first set, then all that follow of the second.
pub(super) struct Run {
    pub first: ByteSet,
    pub more: ByteSet,
}

/// Matches in a block of lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Where each begins, and where it ends.
    pub spans: Vec<u32>,
    /// Per line: the matches in it and before it.
    pub ends: Vec<u32>,
}

/// What finding takes room for.
#[derive(Default)]
pub(super) struct Runs {
    /// A bit per byte: whether it is in a run's first set, then whether a run begins or ends there.
    first: Vec<u64>,
    more: Vec<u64>,
    /// Per word of 64 bytes: how many runs have begun and ended before it, together.
    before: Vec<u32>,
}

impl Runs {
    /// Finds the start and end of each match, and for each line how many there are up to its end.
    pub fn find(&mut self, run: &Run, block: &[u8], line_ends: &[u32], found: &mut Found) {
        run.first.mark(block, &mut self.first);
        run.more.mark(block, &mut self.more);
        if !run.more.includes(&run.first) {
            return self.find_each(line_ends, found);
        }
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1") {
            // SAFETY: the processor has what the function was compiled for.
            return unsafe { self.find_nested_on_x86(block.len(), line_ends, found) };
        }
        self.find_nested(block.len(), line_ends, found);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "popcnt,bmi1")]
    fn find_nested_on_x86(&mut self, size: usize, line_ends: &[u32], found: &mut Found) {
        self.find_nested(size, line_ends, found);
    }

    /// All bytes of the first set are in the second, so that a stretch of the second has at most
    /// one match, from its first byte of the first set to its end.
    #[inline(always)]
    fn find_nested(&mut self, size: usize, line_ends: &[u32], found: &mut Found) {
        let Found { spans, ends } = found;
        self.before.clear();
        // Whether the byte before the word is in a match.
        let mut last = 0;
        for (nth, (first, more)) in self.first.iter_mut().zip(&self.more).enumerate() {
            // A sum carries from each byte of the first set to the end of its stretch.
            let sum = first.wrapping_add(*more).wrapping_add(last);
            let taken = ((sum ^ more) | *first) & more;
            let edges = taken ^ (taken << 1 | last);
            last = taken >> 63;
            *first = edges;
            self.before.push(spans.len() as u32);
            push_places(edges, 64 * nth as u32, spans);
        }
        if last == 1 {
            spans.push(size as u32);
        }
        self.first.push(0);
        self.before.push(spans.len() as u32);
        ends.extend(line_ends.iter().map(|&end| {
            let (word, bit) = (end as usize / 64, end % 64);
            let upto = self.first[word] & (u64::MAX >> (63 - bit));
            (self.before[word] + upto.count_ones()) / 2
        }));
    }

    fn find_each(&self, line_ends: &[u32], found: &mut Found) {
        let Found { spans, ends } = found;
        let mut at = 0;
        while let Some(start) = next_set(&self.first, at) {
            at = next_clear(&self.more, start + 1);
            while start as u32 > line_ends[ends.len()] {
                ends.push(spans.len() as u32 / 2);
            }
            spans.extend([start as u32, at as u32]);
        }
        ends.resize(line_ends.len(), spans.len() as u32 / 2);
    }
}

/// The places of the bits that are set, counted from `base`.
#[inline(always)]
fn push_places(bits: u64, base: u32, places: &mut Vec<u32>) {
    let size = places.len() + bits.count_ones() as usize;
    let mut left = bits;
    // Eight at a time whether there are so many or not: a loop that ends at the last one would be
    // guessed wrong at nearly every word.
    while left != 0 {
        places.extend_from_slice(&[(); 8].map(|()| {
            let place = base + left.trailing_zeros();
            left &= left.wrapping_sub(1);
            place
        }));
    }
    places.truncate(size);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected(run: &Run, block: &[u8], line_ends: &[u32]) -> Found {
        let (mut spans, mut ends) = (Vec::new(), Vec::new());
        let mut at = 0;
        for &line_end in line_ends {
            while at < line_end as usize {
                let start = at;
                at += 1;
                if run.first.contains(block[start]) {
                    while at < line_end as usize && run.more.contains(block[at]) {
                        at += 1;
                    }
                    spans.extend([start as u32, at as u32]);
                }
            }
            ends.push(spans.len() as u32 / 2);
            at = line_end as usize + 1;
        }
        Found { spans, ends }
    }

    fn set(bytes: &[u8]) -> ByteSet {
        let mut members = [false; 256];
        bytes.iter().for_each(|&byte| members[usize::from(byte)] = true);
        ByteSet::new(members)
    }

    proptest! {
        #[test]
        fn runs_are_those_of_the_bytes(
            first in prop::collection::vec(0..4usize, 0..3),
            more in prop::collection::vec(0..4usize, 0..4),
            picks in prop::collection::vec(0..9usize, 0..400),
            ends_with_feed in any::<bool>(),
        ) {
            // Long stretches, and all kinds of neighbours.
            let mut block: Vec<u8> = picks.iter().flat_map(|&pick| match pick {
                0..4 => vec![b"abc-"[pick]],
                4 => vec![b'a'; 70],
                5 => b"ab".repeat(40),
                6 => vec![b'c'; 64],
                _ => vec![b'\n'],
            }).collect();
            if ends_with_feed {
                block.push(b'\n');
            }
            let mut line_ends: Vec<u32> = (0u32..).zip(&block)
                .filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
            if block.last().is_some_and(|&byte| byte != b'\n') {
                line_ends.push(block.len() as u32);
            }
            let bytes = |picks: &[usize]| -> Vec<u8> { picks.iter().map(|&at| b"abc-"[at]).collect() };
            let run = Run { first: set(&bytes(&first)), more: set(&bytes(&more)) };
            let mut found = Found::default();
            Runs::default().find(&run, &block, &line_ends, &mut found);
            prop_assert_eq!(found, expected(&run, &block, &line_ends));
            if run.more.includes(&run.first) {
                let mut found = Found::default();
                let mut runs = Runs::default();
                run.first.mark(&block, &mut runs.first);
                run.more.mark(&block, &mut runs.more);
                runs.find_nested(block.len(), &line_ends, &mut found);
                prop_assert_eq!(found, expected(&run, &block, &line_ends));
            }
        }
    }
}
