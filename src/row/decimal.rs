//! Short decimal numbers: digits with a point among them, as money and measures are written.
//!
//! A newcomer's trap: exact only because both the digits and the power of ten are doubles without
//! rounding, so that one division rounds once (Clinger, "How to read floating point numbers
//! accurately", 1990). What is longer is left to others.

/// Powers of ten that are exact as doubles, as many as a short number may have digits.
const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number that a text is, if it is digits, with or without `-` before and a point among or
/// behind them, at most 15, and not a negative zero.
#[inline]
pub(crate) fn short_decimal(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 16 || !digits.first()?.is_ascii_digit() {
        return None;
    }
    let (mut number, mut count, mut behind) = (0_i64, 0, None);
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            number = number * 10 + i64::from(digit);
            count += 1;
        } else if byte == b'.' && behind.is_none() {
            behind = Some(count);
        } else {
            return None;
        }
    }
    if count > 15 || (negative && number == 0) {
        return None;
    }
    let number = number as f64 / POWERS[count - behind.unwrap_or(count)];
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_short_decimal_is_left_to_others() {
        for text in ["", "-", ".", ".5", "-0", "-0.0", "1e3", "0x10", " 1", "1 ", "1.2.3", "+1"] {
            assert_eq!(short_decimal(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(short_decimal(b"1234567890123456"), None);
        assert_eq!(short_decimal(b"5."), Some(5.0));
        assert_eq!(short_decimal(b"-007.50"), Some(-7.5));
        assert_eq!(short_decimal(b"0"), Some(0.0));
    }

    proptest! {
        #[test]
        fn a_short_decimal_is_what_the_standard_library_reads(text in "-?[0-9]{1,8}(\\.[0-9]{0,8})?") {
            if let Some(number) = short_decimal(text.as_bytes()) {
                let expected: f64 = text.trim_end_matches('.').parse().expect("a number");
                prop_assert_eq!(number.to_bits(), expected.to_bits(), "{}", text);
            }
        }
    }
}
