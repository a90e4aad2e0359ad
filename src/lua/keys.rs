//! Canonical bytes of keys, as far as Lua needs them.
//!
//! A newcomer's trap: the bytes only say which keys are equal inside one VM; they have no order
//! and never leave it. The exchange's key bytes are `row::key`'s.

use super::in_c::in_c;

/// Tags 3 to 6; `lua/keys.lua` has the others.
const INTEGER: u8 = 3;
const FLOAT: u8 = 4;
const NAN: u8 = 5;
const STRING: u8 = 6;

#[derive(Default)]
pub(super) struct KeyBytes(Vec<u8>);

in_c!(KeyBytes as "gleamflow_key");

impl KeyBytes {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The buffer, emptied, for a text that is on its way to Lua.
    pub fn text(&mut self) -> &mut Vec<u8> {
        self.0.clear();
        self.0.shrink_to(1 << 20);
        &mut self.0
    }

    pub fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    pub fn size(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    pub fn integer(&mut self, x: i128) {
        self.0.push(INTEGER);
        self.0.extend_from_slice(&x.to_le_bytes());
    }

    /// A double that is an integer of 64 bits is that integer's key: 2.0^60 = 1 << 60.
    pub fn number(&mut self, x: f64) {
        if x.is_nan() {
            self.0.push(NAN);
        } else if x.fract() == 0.0
            && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&x)
        {
            self.integer(x as i128);
        } else {
            self.0.push(FLOAT);
            self.0.extend_from_slice(&x.to_le_bytes());
        }
    }

    pub fn string(&mut self, s: &[u8]) {
        self.0.push(STRING);
        self.size(s.len() as u32);
        self.0.extend_from_slice(s);
    }
}
