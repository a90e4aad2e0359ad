//! Text as a whole number of up to 64 bits: every digit counts, and what is no whole number is none.
//!
//! A newcomer's trap: no double is in between. `9007199254740993.0` is whole and `1e-400` is not,
//! and a double could tell neither.

use super::printf::Integer;

/// Reads decimal or scientific notation, from -2^63 to below 2^64, with ASCII blanks around it.
pub(crate) fn parse_whole(text: &[u8]) -> Option<Integer> {
    let (negative, text) = signed(text.trim_ascii());
    let mark = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match mark {
        Some(mark) => (&text[..mark], parse_exponent(&text[mark + 1..])?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.').unwrap_or(mantissa.len());
    let fraction = mantissa.get(point + 1..).unwrap_or_default();
    let digits = || mantissa[..point].iter().chain(fraction);
    let count = point + fraction.len();
    if count == 0 || !digits().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits().rev().take_while(|&&digit| digit == b'0').count();
    if zeros == count {
        return Some(Integer { negative: false, magnitude: 0 });
    }
    // The value is the digits before the zeros at the end, times ten to the power of this.
    let power =
        exponent.checked_add_unsigned(zeros as u64)?.checked_sub_unsigned(fraction.len() as u64)?;
    let mut magnitude = digits().take(count - zeros).try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    magnitude = 10u64.checked_pow(u32::try_from(power).ok()?)?.checked_mul(magnitude)?;
    (!negative || magnitude <= 1 << 63).then_some(Integer { negative, magnitude })
}

fn signed(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// One that is beyond all sense is the largest there is, of its sign.
fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0i64, |number, digit| {
        number.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Option<i128> {
        let Integer { negative, magnitude } = parse_whole(text.as_bytes())?;
        Some(if negative { -i128::from(magnitude) } else { i128::from(magnitude) })
    }

    #[test]
    fn every_digit_counts() {
        for (text, number) in [
            ("9007199254740993.0", 9_007_199_254_740_993),
            (" -9223372036854775808\r", i128::from(i64::MIN)),
            ("18446744073709551615.000", i128::from(u64::MAX)),
            ("1.8446744073709551615e19", i128::from(u64::MAX)),
            ("184467440737095516150e-1", i128::from(u64::MAX)),
            ("-0.0", 0),
            ("0e400", 0),
            ("0e-99999999999999999999", 0),
            ("+5.", 5),
            (".5E1", 5),
            ("0.00012e+5", 12),
            ("000100e-2", 1),
        ] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        #[rustfmt::skip]
        let none = [
            "-9223372036854775809", "18446744073709551616", "9007199254740992.5", "1e-400", "1e400",
            "1.00000000000000000001", "1e20", "1e99999999999999999999", "15e-1", "0.1", "", ".", "-", "e1", "1e",
            "1e+", "1e1.0", "1.2.3", "0x10", "1 2", "--1", "nan", "inf", "1_0",
        ];
        for text in none {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_point_and_an_exponent_change_no_number(number: i64, point in 0..25_usize, zeros in 0..5_usize) {
            let digits = format!("{:025}{}", number.unsigned_abs(), "0".repeat(zeros));
            let (whole_part, fraction) = digits.split_at(point);
            let sign = if number < 0 { "-" } else { "" };
            let text = format!("{sign}{whole_part}.{fraction}e{}", 25 - point as i64);
            prop_assert_eq!(whole(&text), Some(i128::from(number)), "{}", text);
        }

        #[test]
        fn what_a_double_holds_exactly_is_read_alike(number in -(1i64 << 53)..1 << 53, tenths in 0..10_u8) {
            let text = format!("{number}.{tenths}");
            let expected = (tenths == 0).then_some(i128::from(number));
            prop_assert_eq!(whole(&text), expected);
        }
    }
}
