//! The conversions of C's printf as LuaJIT's `string.format` has them, written out in Rust.
//!
//! All of them are exact and round half to even, as in C; so `%a` shows what glibc shows, where
//! LuaJIT rounds half up and shifts denormals. A NaN's own sign is never shown.
//!
//! A newcomer's trap: everything is written to the end of `out` first and padded in place
//! afterwards, so that no conversion allocates.

use std::io::Write;

use super::text;

/// Bits of a double's fraction, the leading one left out.
const FRACTION_BITS: u32 = 52;

/// A directive: flags, width, precision and the conversion's letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spec {
    /// `-`: pad on the right.
    pub left: bool,
    /// `+`: show the sign of what isn't negative.
    pub plus: bool,
    /// A blank where `+` would stand.
    pub space: bool,
    /// `0`: pad numbers with zeros.
    pub zero: bool,
    /// `#`: the alternate form.
    pub alternate: bool,
    pub width: usize,
    pub precision: Option<usize>,
    pub conversion: u8,
}

impl Spec {
    fn upper(&self) -> bool {
        self.conversion.is_ascii_uppercase()
    }

    /// Pads what stands behind `start`; zeros go in at `digits`, behind the sign and `0x`.
    fn pad(&self, out: &mut Vec<u8>, start: usize, digits: Option<usize>) {
        let missing = self.width.saturating_sub(out.len() - start);
        if missing == 0 {
            return;
        }
        let old_end = out.len();
        out.resize(old_end + missing, b' ');
        if self.left {
            return;
        }
        let (at, fill) = match digits {
            Some(digits) if self.zero => (digits, b'0'),
            _ => (start, b' '),
        };
        out.copy_within(at..old_end, at + missing);
        out[at..at + missing].fill(fill);
    }

    fn put_sign(&self, out: &mut Vec<u8>, negative: bool) {
        if negative {
            out.push(b'-');
        } else if self.plus {
            out.push(b'+');
        } else if self.space {
            out.push(b' ');
        }
    }
}

/// `%s` for what `put` appends.
pub(crate) fn put_text<E>(
    out: &mut Vec<u8>,
    spec: &Spec,
    put: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    put(out)?;
    if let Some(precision) = spec.precision {
        out.truncate(start.saturating_add(precision).min(out.len()));
    }
    spec.pad(out, start, None);
    Ok(())
}

/// `%c`: one byte.
pub(crate) fn put_byte(out: &mut Vec<u8>, spec: &Spec, byte: u8) {
    let start = out.len();
    out.push(byte);
    spec.pad(out, start, None);
}

/// `%q`: a Lua string. A line feed becomes a backslash and a line feed, as in LuaJIT.
pub(crate) fn put_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', byte]),
            0..=31 | 127 => {
                out.push(b'\\');
                // A digit behind the escape would be read as part of it.
                if text.get(at + 1).is_some_and(u8::is_ascii_digit) && byte < 100 {
                    out.extend_from_slice(&[b'0', b'0' + byte / 10, b'0' + byte % 10]);
                } else {
                    text::append_uint(out, u64::from(byte));
                }
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// An integer of up to 64 bits, signed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Integer {
    pub negative: bool,
    pub magnitude: u64,
}

impl Integer {
    /// Two's complement.
    pub(crate) fn bits(self) -> u64 {
        if self.negative { self.magnitude.wrapping_neg() } else { self.magnitude }
    }
}

/// `%d %i %u %x %X %o`.
pub(crate) fn put_integer(out: &mut Vec<u8>, spec: &Spec, number: Integer) {
    let start = out.len();
    let signed = matches!(spec.conversion, b'd' | b'i');
    let value = if signed { number.magnitude } else { number.bits() };
    if signed {
        spec.put_sign(out, number.negative);
    }
    if spec.alternate && value != 0 && matches!(spec.conversion, b'x' | b'X') {
        out.extend_from_slice(&[b'0', spec.conversion]);
    }
    let at = out.len();
    // Writing to memory cannot fail.
    let _ = match spec.conversion {
        b'x' => write!(out, "{value:x}"),
        b'X' => write!(out, "{value:X}"),
        b'o' if spec.alternate && value != 0 => write!(out, "0{value:o}"),
        b'o' => write!(out, "{value:o}"),
        _ => {
            text::append_uint(out, value);
            Ok(())
        }
    };
    let octal_zero = spec.alternate && spec.conversion == b'o';
    if value == 0 && spec.precision == Some(0) && !octal_zero {
        out.truncate(at);
    }
    let missing = spec.precision.unwrap_or(0).saturating_sub(out.len() - at);
    if missing > 0 {
        out.splice(at..at, std::iter::repeat_n(b'0', missing));
    }
    // C: with a precision, the 0 flag has no effect.
    spec.pad(out, start, spec.precision.is_none().then_some(at));
}

/// `%f %F %e %E %g %G %a %A`.
pub(crate) fn put_double(out: &mut Vec<u8>, spec: &Spec, number: f64) {
    let start = out.len();
    if !number.is_finite() {
        spec.put_sign(out, number == f64::NEG_INFINITY);
        out.extend_from_slice(if number.is_nan() { b"nan" } else { b"inf" });
        if spec.upper() {
            out[start..].make_ascii_uppercase();
        }
        return spec.pad(out, start, None);
    }
    spec.put_sign(out, number.is_sign_negative());
    if spec.conversion.eq_ignore_ascii_case(&b'a') {
        out.extend_from_slice(b"0x");
    }
    let at = out.len();
    let magnitude = number.abs();
    let precision = spec.precision.unwrap_or(6);
    match spec.conversion.to_ascii_lowercase() {
        b'f' => put_fixed(out, magnitude, precision, spec.alternate),
        b'e' => {
            let exponent = put_mantissa(out, magnitude, precision, spec.alternate);
            put_exponent(out, exponent);
        }
        b'g' => put_general(out, magnitude, precision.max(1), spec.alternate),
        _ => put_hexadecimal(out, magnitude, spec.precision, spec.alternate),
    }
    if spec.upper() {
        out[start..].make_ascii_uppercase();
    }
    spec.pad(out, start, Some(at));
}

fn put_fixed(out: &mut Vec<u8>, magnitude: f64, precision: usize, point: bool) {
    if let Some(scaled) = scaled(magnitude, precision) {
        put_scaled(out, scaled, precision);
    } else {
        let _ = write!(out, "{magnitude:.precision$}");
    }
    if point && precision == 0 {
        out.push(b'.');
    }
}

/// Powers of ten within 64 bits.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// A double times a power of ten, rounded half to even, where 64 bits hold it.
///
/// The product is exact in 128 bits before its binary places are cut off: a fraction of 53 bits
/// times a power of up to 64 has at most 117.
fn scaled(magnitude: f64, power: usize) -> Option<u64> {
    let power = *POWERS.get(power)?;
    let bits = magnitude.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let (fraction, places) = match bits >> FRACTION_BITS {
        0 => (fraction, 1074),
        biased => (fraction | 1 << FRACTION_BITS, 1075 - biased as i32),
    };
    let product = u128::from(fraction) * u128::from(power);
    let rounded = match places {
        -10..=0 => product << -places,
        1..=127 => {
            let whole = product >> places;
            let (rest, half) = (product & ((1 << places) - 1), 1 << (places - 1));
            whole + u128::from(rest > half || (rest == half && whole & 1 == 1))
        }
        // Half of one is 2^127 at least.
        128.. => 0,
        _ => return None,
    };
    u64::try_from(rounded).ok()
}

/// Appends a number of which the last `precision` digits are behind the point.
fn put_scaled(out: &mut Vec<u8>, scaled: u64, precision: usize) {
    let power = POWERS[precision];
    text::append_uint(out, scaled / power);
    if precision > 0 {
        out.push(b'.');
        let at = out.len();
        out.resize(at + precision, b'0');
        let mut rest = scaled % power;
        for digit in out[at..].iter_mut().rev() {
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
    }
}

/// Writes `d.ddd` and gives the decimal exponent that belongs behind it.
fn put_mantissa(out: &mut Vec<u8>, magnitude: f64, precision: usize, point: bool) -> i32 {
    let start = out.len();
    let _ = write!(out, "{magnitude:.precision$e}");
    let mark =
        out[start..].iter().rposition(|byte| *byte == b'e').map_or(out.len(), |at| start + at);
    let exponent = std::str::from_utf8(&out[mark + 1..])
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("Rust ends a scientific number with its exponent");
    out.truncate(mark);
    if point && precision == 0 {
        out.push(b'.');
    }
    exponent
}

/// At least two digits, as in C.
fn put_exponent(out: &mut Vec<u8>, exponent: i32) {
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
}

fn put_general(out: &mut Vec<u8>, magnitude: f64, digits: usize, alternate: bool) {
    let start = out.len();
    let exponent = put_mantissa(out, magnitude, digits - 1, alternate);
    let fixed = (-4..digits as i32).contains(&exponent);
    if fixed {
        out.truncate(start);
        let precision = (digits as i32 - 1 - exponent) as usize;
        put_fixed(out, magnitude, precision, alternate);
    }
    if !alternate && out[start..].contains(&b'.') {
        while out.last() == Some(&b'0') {
            out.pop();
        }
        if out.last() == Some(&b'.') {
            out.pop();
        }
    }
    if !fixed {
        put_exponent(out, exponent);
    }
}

/// What stands behind `0x`.
fn put_hexadecimal(out: &mut Vec<u8>, magnitude: f64, precision: Option<usize>, point: bool) {
    const FRACTION_DIGITS: usize = 13;
    let bits = magnitude.to_bits();
    let mut fraction = bits & ((1 << FRACTION_BITS) - 1);
    let exponent = match (bits >> FRACTION_BITS) as i32 {
        0 if fraction == 0 => 0,
        // As in C, a denormal begins with 0.
        0 => -1022,
        biased => {
            fraction |= 1 << FRACTION_BITS;
            biased - 1023
        }
    };
    let exact = FRACTION_DIGITS - (fraction | 1 << FRACTION_BITS).trailing_zeros() as usize / 4;
    let digits = precision.unwrap_or(exact);
    if digits < FRACTION_DIGITS {
        let dropped = FRACTION_BITS as usize - 4 * digits;
        let is_odd = (fraction >> dropped) & 1;
        fraction += (1 << (dropped - 1)) - 1 + is_odd;
    }
    // Usually 1, for zero and denormals 0, and one more where rounding has carried.
    out.push(b'0' + (fraction >> FRACTION_BITS) as u8);
    if point || digits > 0 {
        out.push(b'.');
    }
    for digit in 1..=digits {
        let shift = (FRACTION_BITS as usize).checked_sub(4 * digit);
        let value = shift.map_or(0, |shift| (fraction >> shift) & 15);
        let _ = write!(out, "{value:x}");
    }
    let _ = write!(out, "p{exponent:+}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(number: f64, precision: usize) -> String {
        let spec = Spec { conversion: b'f', precision: Some(precision), ..Spec::default() };
        let mut out = b"|".to_vec();
        put_double(&mut out, &spec, number);
        String::from_utf8(out).expect("digits are text")
    }

    fn agrees(number: f64, precision: usize) -> Result<(), TestCaseError> {
        for number in [number, -number] {
            let expected = format!("|{number:.precision$}");
            prop_assert_eq!(fixed(number, precision), expected, "%.{}f of {:e}", precision, number);
        }
        Ok(())
    }

    #[test]
    fn halves_are_rounded_to_even() {
        for (number, precision, text) in [
            (0.5, 0, "|0"),
            (1.5, 0, "|2"),
            (2.5, 0, "|2"),
            (0.125, 2, "|0.12"),
            (0.375, 2, "|0.38"),
            (-0.0, 2, "|-0.00"),
            (-0.001, 2, "|-0.00"),
            (1.005, 2, "|1.00"),
            (999.995, 2, "|1000.00"),
            (9_007_199_254_740_993.0, 1, "|9007199254740992.0"),
        ] {
            assert_eq!(fixed(number, precision), text);
        }
    }

    #[test]
    fn doubles_at_the_limits_of_what_64_bits_hold_are_written_alike() {
        for precision in 0..=22 {
            for exponent in -1074..=1023 {
                let number = 2f64.powi(exponent);
                for number in [number, number.next_down(), number.next_up(), 1.5 * number] {
                    agrees(number, precision).expect("both are exact");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_double_is_written_as_by_the_standard_library(
            bits: u64,
            small in 0..1_u64 << 62,
            precision in 0..=22_usize,
        ) {
            let finite = Some(f64::from_bits(bits)).filter(|number| number.is_finite());
            // Of doubles of any magnitude most have no digits, or too many.
            let ordinary = f64::from_bits((small >> 5) + (1000 << 52));
            for number in finite.into_iter().chain([ordinary]) {
                agrees(number, precision)?;
            }
        }

        #[test]
        fn few_digits_are_rounded_as_by_the_standard_library(
            digits in 0..10_000_000_u32,
            places in 0..9,
            eighths in 0..100_000_u32,
            precision in 0..=8_usize,
        ) {
            agrees(f64::from(digits) / 10f64.powi(places), precision)?;
            agrees(f64::from(eighths) / 8.0, precision)?;
        }
    }
}
