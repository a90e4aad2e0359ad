//! Where the literal text that a pattern begins with may be: by its rarest byte.
//!
//! A newcomer's trap: a guess only saves time. Which byte is taken for rare changes nothing that is
//! found.

use memchr::memchr;

/// Bytes of text and code, from the most usual to the least; what is not here is in the middle.
const USUAL: &[u8] = b" etnairosldcuphm_fgb0y1,v2;wk";

/// The place of a text's rarest byte.
pub(super) fn rarest(text: &[u8]) -> usize {
    let rank = |byte: &u8| USUAL.iter().position(|usual| usual == byte).unwrap_or(USUAL.len());
    // Of equals the first.
    (0..text.len()).rev().max_by_key(|&at| rank(&text[at])).unwrap_or(0)
}

/// Where a text of the form `byte_at(0)`, `byte_at(1)` and so on, of which the rarest byte is known,
/// is in `s` at or behind `at`.
#[inline]
pub(super) fn find_literal(
    s: &[u8],
    mut at: usize,
    len: usize,
    rare: usize,
    byte_at: impl Fn(usize) -> u8,
) -> Option<usize> {
    loop {
        at += memchr(byte_at(rare), s.get(at + rare..)?)?;
        let found = s.get(at..at + len)?;
        if (0..len).all(|nth| found[nth] == byte_at(nth)) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_literal_is_found_where_it_is(s in "[ab]{0,30}", text in "[ab]{1,4}", at in 0..40_usize) {
            let (s, text) = (s.as_bytes(), text.as_bytes());
            let found = find_literal(s, at, text.len(), rarest(text), |nth| text[nth]);
            let expected =
                (at..s.len()).find(|&start| s[start..].starts_with(text));
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_rarest_byte_is_one_of_few() {
        assert_eq!(rarest(b"return"), 3);
        assert_eq!(rarest(b"NULL"), 0);
        assert_eq!(rarest(b"the quick"), 4);
    }
}
