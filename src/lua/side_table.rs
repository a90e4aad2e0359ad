//! A side table as loops in Lua look into it: a key in, where the row's other columns lie out.
//!
//! A newcomer's trap: what was found last lies in the first fields, which the next lookup
//! overwrites; Lua takes it out before it calls anything else.

use std::rc::Rc;

use super::in_c::in_c;
use crate::row::msgpack::{self, Value};
use crate::row::side_table::{SideTable, Wanted};

/// What a lookup gives.
const MISSING: u32 = 0;
const NUMBER: u32 = 1;
const TEXT: u32 = 2;
/// All other values, and several columns: they are read one by one.
const VALUES: u32 = 3;

#[repr(C)]
pub(super) struct Lookup {
    number: f64,
    bytes: *const u8,
    size: u32,
    table: Rc<SideTable>,
}

in_c!(Lookup as "gleamflow_lookup": number, bytes, size);

impl Lookup {
    pub fn new(table: Rc<SideTable>) -> Lookup {
        Lookup { number: 0.0, bytes: std::ptr::null(), size: 0, table }
    }

    /// How many columns each row has, its key included.
    pub fn columns(&self) -> u32 {
        self.table.columns()
    }

    #[inline]
    pub fn find(&mut self, wanted: Wanted<'_>) -> u32 {
        let Some(columns) = self.table.find(wanted) else { return MISSING };
        if self.table.columns() == 2 {
            match msgpack::head(columns) {
                Ok((Value::Str(text) | Value::Bin(text), _)) => {
                    (self.bytes, self.size) = (text.as_ptr(), text.len() as u32);
                    return TEXT;
                }
                Ok((Value::Int(number), _))
                    if (number as f64) as i64 == number && number.abs() <= 1 << 53 =>
                {
                    self.number = number as f64;
                    return NUMBER;
                }
                Ok((Value::Float(number), _)) => {
                    self.number = number;
                    return NUMBER;
                }
                _ => {}
            }
        }
        (self.bytes, self.size) = (columns.as_ptr(), columns.len() as u32);
        VALUES
    }
}
