//! Where lines and columns end: the places of one or two byte values in a block.
//!
//! A newcomer's trap: `memchr` is the fastest way to the next of few; lines are short, and asking
//! for each one anew costs more than looking at 64 bytes at a time and taking all that are there.

/// Appends the places of both bytes, in order. The block is smaller than 4 GiB.
pub(crate) fn append_ends(ends: &mut Vec<u32>, block: &[u8], bytes: [u8; 2]) {
    let (chunks, rest) = block.as_chunks::<64>();
    let mut start = 0;
    for chunk in chunks {
        let mut found = places(chunk, bytes);
        while found != 0 {
            ends.push(start + found.trailing_zeros());
            found &= found - 1;
        }
        start += 64;
    }
    for (at, byte) in (start..).zip(rest) {
        if bytes.contains(byte) {
            ends.push(at);
        }
    }
}

/// A bit for each byte of the chunk.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code)]
pub(super) fn places(chunk: &[u8; 64], bytes: [u8; 2]) -> u64 {
    // SAFETY: SSE2 is a part of x86-64.
    unsafe { places_sse2(chunk, bytes) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn places_sse2(chunk: &[u8; 64], [a, b]: [u8; 2]) -> u64 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
    };
    let (a, b) = (_mm_set1_epi8(a as i8), _mm_set1_epi8(b as i8));
    let half =
        |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().expect("a chunk's quarter has two"));
    let mut found = 0;
    for quarter in chunk.rchunks_exact(16) {
        let lane = _mm_set_epi64x(half(&quarter[8..]), half(&quarter[..8]));
        let equal = _mm_or_si128(_mm_cmpeq_epi8(lane, a), _mm_cmpeq_epi8(lane, b));
        found = found << 16 | u64::from(_mm_movemask_epi8(equal) as u16);
    }
    found
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn places(chunk: &[u8; 64], bytes: [u8; 2]) -> u64 {
    chunk.iter().rev().fold(0, |found, byte| found << 1 | u64::from(bytes.contains(byte)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ends_are_where_the_bytes_are(block in prop::collection::vec(8..12u8, 0..300)) {
            for bytes in [[b'\n', b'\n'], [b'\t', b'\n']] {
                let mut ends = vec![7];
                append_ends(&mut ends, &block, bytes);
                let places = (0..block.len() as u32).filter(|&at| bytes.contains(&block[at as usize]));
                let expected: Vec<u32> = std::iter::once(7).chain(places).collect();
                prop_assert_eq!(ends, expected);
            }
        }
    }
}
