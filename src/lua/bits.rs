//! Which bytes of a block are in a set, as a bit per byte, 64 to a word.
//!
//! A newcomer's trap: the bits behind the last byte are zero, so that a run ends at the block's
//! end.
//!
//! # Safety
//!
//! The only unsafe act is to call code that was compiled for AVX2, after the processor was asked.
//! The code itself reads through slices; a test compares it with the portable one.
#![allow(unsafe_code)]

/// A set of bytes.
pub(super) struct ByteSet {
    members: [bool; 256],
    /// Entry `low` of half `h` has bit `i` set where the byte `(h * 8 + i) << 4 | low` is a member.
    rows: [[u8; 16]; 2],
}

impl ByteSet {
    pub fn new(members: [bool; 256]) -> ByteSet {
        let mut rows = [[0; 16]; 2];
        for (byte, _) in members.iter().enumerate().filter(|(_, member)| **member) {
            rows[byte >> 7][byte & 15] |= 1 << (byte >> 4 & 7);
        }
        ByteSet { members, rows }
    }

    pub fn contains(&self, byte: u8) -> bool {
        self.members[usize::from(byte)]
    }

    pub fn includes(&self, other: &ByteSet) -> bool {
        self.members.iter().zip(&other.members).all(|(member, wanted)| *member || !wanted)
    }

    /// Replaces `bits` by those of `bytes`.
    pub fn mark(&self, bytes: &[u8], bits: &mut Vec<u64>) {
        bits.clear();
        bits.reserve(bytes.len() / 64 + 1);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has what the function was compiled for.
            unsafe { x86::mark(self, bytes, bits) };
            return;
        }
        self.mark_each(bytes, bits);
    }

    fn mark_each(&self, bytes: &[u8], bits: &mut Vec<u64>) {
        bits.extend(bytes.chunks(64).map(|chunk| {
            let bit = |(i, &byte): (usize, &u8)| u64::from(self.contains(byte)) << i;
            chunk.iter().enumerate().map(bit).fold(0, |word, bit| word | bit)
        }));
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_blendv_epi8, _mm256_cmpeq_epi8, _mm256_movemask_epi8,
        _mm256_set1_epi8, _mm256_setr_epi64x, _mm256_shuffle_epi8, _mm256_srli_epi16,
    };

    use super::ByteSet;

    /// Each byte's low half chooses an entry of `rows`, its high half a bit of that entry.
    #[target_feature(enable = "avx2")]
    pub fn mark(set: &ByteSet, bytes: &[u8], bits: &mut Vec<u64>) {
        let [low, high] = set.rows.map(|row| {
            let [a, b] = halves(&row);
            _mm256_setr_epi64x(a, b, a, b)
        });
        let powers = i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]);
        let powers = _mm256_setr_epi64x(powers, powers, powers, powers);
        let nibble = _mm256_set1_epi8(15);
        let members = |chunk: &[u8; 32]| -> u64 {
            let ([a, b], [c, d]) = (halves(&chunk[..16]), halves(&chunk[16..]));
            let chunk: __m256i = _mm256_setr_epi64x(a, b, c, d);
            let by_low = _mm256_and_si256(chunk, nibble);
            let by_high = _mm256_and_si256(_mm256_srli_epi16::<4>(chunk), nibble);
            let row = _mm256_blendv_epi8(
                _mm256_shuffle_epi8(low, by_low),
                _mm256_shuffle_epi8(high, by_low),
                chunk,
            );
            let bit = _mm256_shuffle_epi8(powers, by_high);
            let found = _mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit);
            u64::from(_mm256_movemask_epi8(found).cast_unsigned())
        };
        let (chunks, rest) = bytes.as_chunks::<64>();
        for chunk in chunks {
            let (parts, _) = chunk.as_chunks::<32>();
            bits.push(members(&parts[0]) | members(&parts[1]) << 32);
        }
        set.mark_each(rest, bits);
    }

    fn halves(bytes: &[u8]) -> [i64; 2] {
        let (parts, _) = bytes.as_chunks::<8>();
        [i64::from_le_bytes(parts[0]), i64::from_le_bytes(parts[1])]
    }
}

/// The first place at or behind `from` whose bit is set.
pub(super) fn next_set(bits: &[u64], from: usize) -> Option<usize> {
    let mut at = from / 64;
    let mut word = bits.get(at)? & (u64::MAX << (from % 64));
    while word == 0 {
        at += 1;
        word = *bits.get(at)?;
    }
    Some(at * 64 + word.trailing_zeros() as usize)
}

/// The first place at or behind `from` whose bit is not set.
pub(super) fn next_clear(bits: &[u64], from: usize) -> usize {
    let mut at = from / 64;
    let Some(word) = bits.get(at) else { return from };
    let mut word = !word & (u64::MAX << (from % 64));
    while word == 0 {
        at += 1;
        match bits.get(at) {
            Some(next) => word = !next,
            None => return at * 64,
        }
    }
    at * 64 + word.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_those_of_the_members(
            members in proptest::collection::vec(any::<bool>(), 256),
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let set = ByteSet::new(members.try_into().expect("256 of them"));
            let (mut bits, mut each) = (vec![7], Vec::new());
            set.mark(&bytes, &mut bits);
            set.mark_each(&bytes, &mut each);
            prop_assert_eq!(&bits, &each);
            prop_assert_eq!(bits.len(), bytes.len().div_ceil(64));
            for from in 0..bytes.len() {
                let set_at = (from..bytes.len()).find(|&at| set.contains(bytes[at]));
                prop_assert_eq!(next_set(&bits, from), set_at);
                let clear_at = (from..bytes.len()).find(|&at| !set.contains(bytes[at]));
                prop_assert_eq!(next_clear(&bits, from).min(bytes.len()), clear_at.unwrap_or(bytes.len()));
            }
        }
    }
}
