//! What `string.format` makes of texts that are no strings, and of numbers.
//!
//! A newcomer's trap: a format or a value of which LuaJIT might make anything else is refused, and then
//! formatted by LuaJIT itself.

use std::ptr;
use std::slice;

use super::in_c::in_c;
use super::put::number;
use crate::row::decimal::short_decimal;
use crate::row::format::Format;
use crate::row::msgpack::Value;

/// Values that a call may have.
pub(super) const MOST_VALUES: usize = 12;
/// Formats that are known at a time.
const MOST_FORMATS: usize = 256;
/// Integers up to here are doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A text, or a number where there are no bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FormatValue {
    bytes: *const u8,
    size: u32,
    number: f64,
}

in_c!(FormatValue as "gleamflow_format_value": bytes, size, number);

#[repr(C)]
pub(super) struct Formats {
    /// The values of the call, which Lua sets.
    values: [FormatValue; MOST_VALUES],
    /// What became of them.
    text: *const u8,
    size: u32,
    out: Vec<u8>,
    known: Vec<(Format, Vec<Wanted>)>,
}

in_c!(Formats as "gleamflow_formats": values, text, size);

/// What a directive takes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Text,
    Integer,
    Double,
}

impl FormatValue {
    /// What a directive shows of it, if it is what that wants, or a text that reads as it.
    ///
    /// # Safety
    ///
    /// If it is a text, that is valid.
    #[allow(unsafe_code)]
    unsafe fn fitting<'a>(self, wanted: Wanted) -> Option<Value<'a>> {
        let mut x = self.number;
        if !self.bytes.is_null() {
            // SAFETY: the caller's promise.
            let text = unsafe { slice::from_raw_parts(self.bytes, self.size as usize) };
            if wanted == Wanted::Text {
                return Some(Value::Str(text));
            }
            x = short_decimal(text)?;
        }
        let is_whole = x.fract() == 0.0 && x.abs() <= EXACT && (x != 0.0 || x.is_sign_positive());
        match wanted {
            Wanted::Integer if is_whole => Some(number(x)),
            Wanted::Double if x.is_finite() => Some(Value::Float(x)),
            _ => None,
        }
    }
}

impl Formats {
    pub fn new() -> Formats {
        let none = FormatValue { bytes: ptr::null(), size: 0, number: 0.0 };
        Formats {
            values: [none; MOST_VALUES],
            text: ptr::null(),
            size: 0,
            out: Vec::new(),
            known: Vec::new(),
        }
    }

    /// The number of a format, from 1 on; 0 where it is left to LuaJIT.
    pub fn add(&mut self, text: &[u8]) -> u32 {
        let format = str::from_utf8(text).ok().and_then(|text| Format::parse(text).ok());
        let Some(format) = format.filter(|_| self.known.len() < MOST_FORMATS) else {
            return 0;
        };
        let wanted = format.conversions().map(|conversion| match conversion {
            b's' => Some(Wanted::Text),
            b'd' | b'i' | b'x' | b'X' => Some(Wanted::Integer),
            b'e' | b'E' | b'f' | b'g' | b'G' => Some(Wanted::Double),
            _ => None,
        });
        let Some(wanted) = wanted.collect() else {
            return 0;
        };
        self.known.push((format, wanted));
        self.known.len() as u32
    }

    /// Formats the first `count` values; whether that was possible.
    ///
    /// # Safety
    ///
    /// The texts among them are valid.
    #[allow(unsafe_code)]
    pub unsafe fn fill(&mut self, id: u32, count: usize) -> bool {
        let (format, wanted) = &self.known[id as usize - 1];
        let mut values = [Value::Nil; MOST_VALUES];
        if wanted.len() != count {
            return false;
        }
        for ((value, given), wanted) in values.iter_mut().zip(&self.values).zip(wanted) {
            // SAFETY: the caller's promise.
            let Some(fitting) = (unsafe { given.fitting(*wanted) }) else {
                return false;
            };
            *value = fitting;
        }
        self.out.clear();
        if format.append_scalars(&mut self.out, &values[..count]).is_err() {
            return false;
        }
        // A row ends in a line feed.
        self.out.pop();
        (self.text, self.size) = (self.out.as_ptr(), self.out.len() as u32);
        true
    }
}
