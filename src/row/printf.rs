//! The conversions of C's printf as LuaJIT's `string.format` has them, written out in Rust.
//!
//! All of them are exact and round half to even, as in C; so `%a` shows what glibc shows, where
//! LuaJIT rounds half up and shifts denormals. A NaN's own sign is never shown.
//!
//! A newcomer's trap: everything is written to the end of `out` first and padded in place
//! afterwards, so that no conversion allocates.

use std::io::Write;

use super::text;

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
    let _ = write!(out, "{magnitude:.precision$}");
    if point && precision == 0 {
        out.push(b'.');
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
    const FRACTION_BITS: u32 = 52;
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
