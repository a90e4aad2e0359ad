//! Short decimal integers, eight digits at a time.
//!
//! A newcomer's trap: digits are read from their end, so that what stands before a short number fills
//! the eight bytes, and is taken for zeros.

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The integer that a span of a block is, if it is 1 to 8 digits and nothing else. The first bytes of
/// a block are left to others.
#[inline]
pub(crate) fn short(block: &[u8], (from, to): (u32, u32)) -> Option<u64> {
    let count = to.wrapping_sub(from);
    if count.wrapping_sub(1) >= 8 {
        return None;
    }
    let last: &[u8; 8] = block[..to as usize].last_chunk()?;
    let others = 8 * (8 - count);
    let text = u64::from_le_bytes(*last) >> others << others | ZEROS & ((1 << others) - 1);
    let is_digits =
        text & (text.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0 == ZEROS;
    let pairs =
        ((text & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    let number = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
    is_digits.then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        let block = b"........12345678 -1 +1 1: 1/ 99999999 123456789 0 007 a";
        let mut from = 8;
        let mut found = Vec::new();
        for text in block[8..].split(|byte| *byte == b' ') {
            let to = from + text.len() as u32;
            found.push(short(block, (from, to)));
            from = to + 1;
        }
        let expected = [
            Some(12_345_678),
            None,
            None,
            None,
            None,
            Some(99_999_999),
            None,
            Some(0),
            Some(7),
            None,
        ];
        assert_eq!(found, expected);
        assert_eq!(short(b"1234", (0, 4)), None);
        assert_eq!(short(block, (9, 9)), None);
    }

    proptest! {
        #[test]
        fn a_short_number_is_what_the_standard_library_reads(
            before in any::<[u8; 8]>(), text in "[0-9]{1,8}|[!-~]{1,8}",
        ) {
            let block = [&before, text.as_bytes()].concat();
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let expected = if digits { text.parse().ok() } else { None };
            prop_assert_eq!(short(&block, (8, block.len() as u32)), expected);
        }
    }
}
