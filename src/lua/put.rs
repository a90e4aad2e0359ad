//! Writing rows into a port: a column after the other, or a whole row of usual columns at once.
//!
//! A newcomer's trap: `begin`, columns, `end` make a frame; `Port::write` tries without one first,
//! where rows leave as text.

use super::port::Port;
use super::status::{OK, POINTER, TOO_LARGE};
use crate::row::msgpack::{self, Value};

const EXACT: f64 = 9_007_199_254_740_992.0;

impl Port {
    /// Puts out a row of a text and a number, or says why not.
    #[inline]
    pub(super) fn text_and_number(&mut self, s: &[u8], x: f64) -> u32 {
        if !self.doubts(s)
            && let Some(status) = self.write(&[Value::Str(s), number(x)], s.len())
        {
            return status;
        }
        self.begin();
        let status = self.string(s);
        self.number(x);
        self.end(status)
    }

    #[inline]
    pub(super) fn begin(&mut self) {
        self.mark = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
    }

    #[inline]
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.out.len() - self.mark + more <= self.max_row + 4
    }

    #[inline]
    pub(super) fn string(&mut self, s: &[u8]) -> u32 {
        if !self.has_room(s.len()) {
            return TOO_LARGE;
        }
        if self.doubts(s) {
            return POINTER;
        }
        msgpack::put_text(&mut self.out, s);
        OK
    }

    #[inline]
    pub(super) fn number(&mut self, x: f64) {
        match number(x) {
            Value::Int(x) => msgpack::put_int(&mut self.out, x),
            _ => msgpack::put_float(&mut self.out, x),
        }
    }

    #[inline]
    pub(super) fn end(&mut self, status: u32) -> u32 {
        if status != OK {
            return status;
        }
        let len = self.out.len() - self.mark - 4;
        if len > self.max_row {
            return TOO_LARGE;
        }
        self.end_frame(len)
    }
}

#[inline]
pub(super) fn number(x: f64) -> Value<'static> {
    if x.fract() == 0.0 && x.abs() <= EXACT { Value::Int(x as i64) } else { Value::Float(x) }
}
