//! The functions that Lua loops call through FFI: writing rows, reading numbers, key bytes.
//!
//! A newcomer's trap: what Lua knows of the table is made from the types here, so they must mean
//! the same in C. The functions must not panic and cannot call Lua, because FFI calls are part of
//! compiled traces.
//!
//! # Safety
//!
//! All of them have one contract, kept by `lua/`: a port or key pointer comes from
//! `Shared::address` and is used on its own thread while the `Vm` lives; a byte pointer is valid
//! for the length that goes with it (8 bytes for `read_*`, 64 for `number_text`). A pattern is one
//! that `pattern_compile` has filled; `keep_line` and `find_line` are called while a block is
//! loaded, the former after `from` and `stop` were set to a line of it. Of `pattern_*`, `places` has
//! room for 66 numbers, `tokens` for `most * (2 + 2 * captures)`, and `from` is at most the subject's
//! length. `format_fill` is called with a number that `format_add` gave, and the texts among the values
//! are valid. `words_replace` is called for a line of the
//! block that was scanned last, as it lies there. `change_case` has room for `n` bytes elsewhere. `tally_add` is called with the block that was loaded at `tally_find`, and `columns_row`, `columns_cut` and `columns_put` with
//! one at `columns_load` and a row of it. At `lookup_value` a row of one value is open in the port.
#![allow(unsafe_code)]

use std::slice;

use super::columns::Columns;
use super::formats::Formats;
use super::in_c::in_c;
use super::keys::KeyBytes;
use super::pattern::{MOST_CAPTURES, Pattern, Places};
use super::port::Port;
use super::put::number;
use super::replace::{replace, replace_found};
use super::side_table::Lookup;
use super::status::{OK, REFUSED, TOO_LARGE};
use super::tally::Tally;
use super::words::Words;
use crate::row::msgpack::Value;
use crate::row::side_table::Wanted;
use crate::row::{decimal, msgpack, text};

macro_rules! natives {
    ($(fn $name:ident($($arg:ident: $kind:ty),*) $(-> $ret:ty)? $body:block)*) => {
        #[repr(C)]
        pub(super) struct Natives {
            $($name: unsafe extern "C" fn($($kind),*) $(-> $ret)?,)*
        }

        in_c!(Natives as "gleamflow_natives": $($name),*);

        /// The table whose address Lua gets.
        pub(super) static NATIVES: Natives = Natives { $($name,)* };

        pub(super) const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(unsafe extern "C" fn $name($($arg: $kind),*) $(-> $ret)? $body)*
    };
}

// SAFETY of each block below: the module's contract.
natives! {
    fn row_s(port: *mut Port, s: *const u8, n: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (port, s) = unsafe { (&mut *port, slice::from_raw_parts(s, n as usize)) };
        if !port.doubts(s) && let Some(status) = port.write(&[Value::Str(s)], s.len()) {
            return status;
        }
        port.begin();
        let status = port.string(s);
        port.end(status)
    }
    fn row_n(port: *mut Port, x: f64) -> u32 {
        // SAFETY: see the module's contract.
        let port = unsafe { &mut *port };
        if let Some(status) = port.write(&[number(x)], 0) {
            return status;
        }
        port.begin();
        port.number(x);
        port.end(OK)
    }
    fn row_sn(port: *mut Port, s: *const u8, n: u32, x: f64) -> u32 {
        // SAFETY: see the module's contract.
        let (port, s) = unsafe { (&mut *port, slice::from_raw_parts(s, n as usize)) };
        port.text_and_number(s, x)
    }
    fn row_ss(port: *mut Port, s: *const u8, n: u32, t: *const u8, m: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (port, s, t) = unsafe {
            (&mut *port, slice::from_raw_parts(s, n as usize), slice::from_raw_parts(t, m as usize))
        };
        if !port.doubts(s) && !port.doubts(t)
            && let Some(status) = port.write(&[Value::Str(s), Value::Str(t)], s.len() + t.len())
        {
            return status;
        }
        port.begin();
        let first = port.string(s);
        let second = port.string(t);
        port.end(first.max(second))
    }
    fn keep_line(port: *mut Port) -> u32 {
        // SAFETY: see the module's contract.
        let port = unsafe { &mut *port };
        // SAFETY: see the module's contract.
        let block = unsafe { slice::from_raw_parts(port.bytes, port.size as usize) };
        port.keep_line(block)
    }
    fn find_line(port: *mut Port, s: *const u8, n: u32, row: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (port, s) = unsafe { (&mut *port, slice::from_raw_parts(s, n as usize)) };
        // SAFETY: see the module's contract.
        let block = unsafe { slice::from_raw_parts(port.bytes, port.size as usize) };
        port.find_line(block, s, row)
    }
    fn row_begin(port: *mut Port) {
        // SAFETY: see the module's contract.
        unsafe { &mut *port }.begin();
    }
    fn row_end(port: *mut Port) -> u32 {
        // SAFETY: see the module's contract.
        unsafe { &mut *port }.end(OK)
    }
    fn row_drop(port: *mut Port) {
        // SAFETY: see the module's contract.
        let port = unsafe { &mut *port };
        port.out.truncate(port.mark);
    }
    fn put_string(port: *mut Port, s: *const u8, n: u32) -> u32 {
        // SAFETY: see the module's contract.
        unsafe { (*port).string(slice::from_raw_parts(s, n as usize)) }
    }
    fn put_number(port: *mut Port, x: f64) {
        // SAFETY: see the module's contract.
        unsafe { &mut *port }.number(x);
    }
    fn put_int(port: *mut Port, x: i64) {
        // SAFETY: see the module's contract.
        msgpack::put_int(&mut unsafe { &mut *port }.out, x);
    }
    fn put_uint(port: *mut Port, x: u64) {
        // SAFETY: see the module's contract.
        msgpack::put_uint(&mut unsafe { &mut *port }.out, x);
    }
    fn put_nil(port: *mut Port) {
        // SAFETY: see the module's contract.
        msgpack::put_nil(&mut unsafe { &mut *port }.out);
    }
    fn put_bool(port: *mut Port, x: u32) {
        // SAFETY: see the module's contract.
        msgpack::put_bool(&mut unsafe { &mut *port }.out, x != 0);
    }
    fn put_array(port: *mut Port, n: u32) -> u32 {
        // SAFETY: see the module's contract.
        let port = unsafe { &mut *port };
        msgpack::put_array_len(&mut port.out, n);
        // Checked here too: a table that holds another one twice, and so on, has no end in time.
        if port.has_room(0) { OK } else { TOO_LARGE }
    }
    fn put_map(port: *mut Port, n: u32) -> u32 {
        // SAFETY: see the module's contract.
        let port = unsafe { &mut *port };
        msgpack::put_map_len(&mut port.out, n);
        // Checked here too: a table that holds another one twice, and so on, has no end in time.
        if port.has_room(0) { OK } else { TOO_LARGE }
    }
    fn read_float(p: *const u8) -> f64 {
        // SAFETY: see the module's contract.
        f64::from(f32::from_be_bytes(unsafe { *p.cast::<[u8; 4]>() }))
    }
    fn read_double(p: *const u8) -> f64 {
        // SAFETY: see the module's contract.
        f64::from_be_bytes(unsafe { *p.cast::<[u8; 8]>() })
    }
    fn read_int(p: *const u8) -> i64 {
        // SAFETY: see the module's contract.
        i64::from_be_bytes(unsafe { *p.cast::<[u8; 8]>() })
    }
    fn read_uint(p: *const u8) -> u64 {
        // SAFETY: see the module's contract.
        u64::from_be_bytes(unsafe { *p.cast::<[u8; 8]>() })
    }
    fn key_clear(key: *mut KeyBytes) {
        // SAFETY: see the module's contract.
        unsafe { &mut *key }.clear();
    }
    fn key_tag(key: *mut KeyBytes, tag: u32) {
        // SAFETY: see the module's contract.
        unsafe { &mut *key }.tag(tag as u8);
    }
    fn key_number(key: *mut KeyBytes, x: f64) {
        // SAFETY: see the module's contract.
        unsafe { &mut *key }.number(x);
    }
    fn key_int(key: *mut KeyBytes, x: i64) {
        // SAFETY: see the module's contract.
        unsafe { &mut *key }.integer(i128::from(x));
    }
    fn key_uint(key: *mut KeyBytes, x: u64) {
        // SAFETY: see the module's contract.
        unsafe { &mut *key }.integer(i128::from(x));
    }
    fn key_string(key: *mut KeyBytes, s: *const u8, n: u32) {
        // SAFETY: see the module's contract.
        unsafe { (*key).string(slice::from_raw_parts(s, n as usize)) }
    }
    fn key_size(key: *mut KeyBytes, n: u32) {
        // SAFETY: see the module's contract.
        unsafe { &mut *key }.size(n);
    }
    fn key_bytes(key: *mut KeyBytes) -> *const u8 {
        // SAFETY: see the module's contract.
        unsafe { &*key }.bytes().as_ptr()
    }
    fn key_count(key: *mut KeyBytes) -> u32 {
        // SAFETY: see the module's contract.
        unsafe { &*key }.bytes().len() as u32
    }
    fn number_text(x: f64, into: *mut u8) -> u32 {
        // SAFETY: see the module's contract.
        let into = unsafe { slice::from_raw_parts_mut(into, 64) };
        let mut number = Vec::with_capacity(64);
        text::append_float(&mut number, x);
        into[..number.len()].copy_from_slice(&number);
        number.len() as u32
    }
    fn text_number(s: *const u8, n: u32) -> f64 {
        // SAFETY: see the module's contract.
        let text = unsafe { slice::from_raw_parts(s, n as usize) };
        decimal::short_decimal(text).unwrap_or(f64::NAN)
    }
    fn pattern_compile(s: *const u8, n: u32, literal_caret: u32, into: *mut Pattern) -> u32 {
        // SAFETY: see the module's contract.
        let text = unsafe { slice::from_raw_parts(s, n as usize) };
        let Some(pattern) = Pattern::compile(text, literal_caret != 0) else {
            return 0;
        };
        let captures = u32::from(pattern.captures);
        // SAFETY: see the module's contract.
        unsafe { into.write(pattern) };
        1 + captures
    }
    fn pattern_find(pattern: *const Pattern, s: *const u8, n: u32, from: u32, places: *mut u32) -> u32 {
        // SAFETY: see the module's contract.
        let (pattern, s) = unsafe { (&*pattern, slice::from_raw_parts(s, n as usize)) };
        // SAFETY: see the module's contract.
        let into = unsafe { slice::from_raw_parts_mut(places, 2 + 2 * MOST_CAPTURES) };
        let (whole, captures) = into.split_at_mut(2);
        let Ok(captures) = <&mut Places>::try_from(captures) else {
            return 0;
        };
        let Some((start, end)) = pattern.find(s, from as usize, captures) else {
            return 0;
        };
        (whole[0], whole[1]) = (start as u32, end as u32);
        1
    }
    fn pattern_fill(pattern: *const Pattern, s: *const u8, n: u32, from: u32, tokens: *mut u32, most: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (pattern, s) = unsafe { (&*pattern, slice::from_raw_parts(s, n as usize)) };
        let width = 2 + 2 * usize::from(pattern.captures);
        // SAFETY: see the module's contract.
        let tokens = unsafe { slice::from_raw_parts_mut(tokens, width * most as usize) };
        let mut places: Places = [0; 2 * MOST_CAPTURES];
        let (mut count, mut from) = (0, from as usize);
        for token in tokens.chunks_exact_mut(width) {
            if from > s.len() {
                break;
            }
            let Some((start, end)) = pattern.find(s, from, &mut places) else {
                break;
            };
            (token[0], token[1]) = (start as u32, end as u32);
            token[2..].copy_from_slice(&places[..width - 2]);
            count += 1;
            from = end.max(start + 1);
        }
        count
    }
    fn pattern_replace(pattern: *const Pattern, s: *const u8, n: u32, with: *const u8, m: u32, most: u32, out: *mut KeyBytes) -> i32 {
        // SAFETY: see the module's contract.
        let (pattern, s) = unsafe { (&*pattern, slice::from_raw_parts(s, n as usize)) };
        // SAFETY: see the module's contract.
        let (with, out) = unsafe { (slice::from_raw_parts(with, m as usize), &mut *out) };
        replace(pattern, s, with, most, out.text()).map_or(-1, |count| count as i32)
    }
    fn pattern_runs(pattern: *const Pattern) -> u32 {
        // SAFETY: see the module's contract.
        u32::from(unsafe { &*pattern }.run().is_some())
    }
    fn words_replace(words: *const Words, first: u32, last: u32, s: *const u8, n: u32, with: *const u8, m: u32, out: *mut KeyBytes) -> u32 {
        // SAFETY: see the module's contract.
        let (words, s) = unsafe { (&*words, slice::from_raw_parts(s, n as usize)) };
        // SAFETY: see the module's contract.
        let (with, out) = unsafe { (slice::from_raw_parts(with, m as usize), &mut *out) };
        let begin = (s.as_ptr() as usize - words.bytes as usize) as u32;
        u32::from(replace_found(words.matches(first, last), begin, s, with, out.text()))
    }
    fn words_scan(words: *mut Words, pattern: *const Pattern, port: *const Port, view: u32, numbered: u32) {
        // SAFETY: see the module's contract.
        let (words, pattern, port) = unsafe { (&mut *words, &*pattern, &*port) };
        // SAFETY: see the module's contract.
        let (block, ends) = unsafe { port.lines() };
        words.scan(pattern, block, ends, view != 0, numbered != 0, &port.progress);
    }
    fn words_lower(words: *mut Words, port: *const Port, upper: u32) -> *const u8 {
        // SAFETY: see the module's contract.
        let (words, port) = unsafe { (&mut *words, &*port) };
        // SAFETY: see the module's contract.
        let (block, _) = unsafe { port.lines() };
        words.change_case(block, upper != 0).as_ptr()
    }
    fn tally_find(tally: *mut Tally, pattern: *const Pattern, port: *const Port) -> u32 {
        // SAFETY: see the module's contract.
        let (tally, pattern, port) = unsafe { (&mut *tally, pattern.as_ref(), &*port) };
        // SAFETY: see the module's contract.
        let (block, ends) = unsafe { port.lines() };
        tally.find(pattern, block, ends, &port.progress)
    }
    fn tally_add(tally: *mut Tally, port: *const Port, from: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (tally, port) = unsafe { (&mut *tally, &*port) };
        // SAFETY: see the module's contract.
        let (block, _) = unsafe { port.lines() };
        tally.add(block, from)
    }
    fn tally_rows(tally: *mut Tally, port: *mut Port, number: f64) -> u32 {
        // SAFETY: see the module's contract.
        let (tally, port) = unsafe { (&mut *tally, &mut *port) };
        tally.put_rows(port, number)
    }
    fn tally_clear(tally: *mut Tally) {
        // SAFETY: see the module's contract.
        unsafe { &mut *tally }.clear();
    }
    fn columns_load(columns: *mut Columns, port: *const Port, width: u32, exact: u32) {
        // SAFETY: see the module's contract.
        let (columns, port) = unsafe { (&mut *columns, &*port) };
        // SAFETY: see the module's contract.
        let (block, ends) = unsafe { port.lines() };
        columns.load(block, ends, port.rows, width as usize, exact != 0);
    }
    fn columns_row(columns: *mut Columns, port: *mut Port, row: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (columns, port) = unsafe { (&mut *columns, &mut *port) };
        // SAFETY: see the module's contract.
        let (block, ends) = unsafe { port.lines() };
        match columns.make_row(block, ends, row as usize) {
            Ok(()) => OK,
            Err(failure) => {
                port.refused = Some(failure);
                REFUSED
            }
        }
    }
    fn columns_cut(columns: *mut Columns, port: *const Port, row: u32) {
        // SAFETY: see the module's contract.
        let (columns, port) = unsafe { (&mut *columns, &*port) };
        // SAFETY: see the module's contract.
        let (block, ends) = unsafe { port.lines() };
        columns.show_row(block, ends, row as usize);
    }
    fn columns_put(columns: *mut Columns, port: *mut Port, row: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (columns, port) = unsafe { (&mut *columns, &mut *port) };
        // SAFETY: see the module's contract.
        let (block, ends) = unsafe { port.lines() };
        columns.put_row(block, ends, row as usize, port)
    }
    fn change_case(s: *const u8, n: u32, upper: u32, into: *mut u8) {
        // SAFETY: see the module's contract.
        let (s, into) = unsafe {
            (slice::from_raw_parts(s, n as usize), slice::from_raw_parts_mut(into, n as usize))
        };
        into.copy_from_slice(s);
        if upper != 0 { into.make_ascii_uppercase() } else { into.make_ascii_lowercase() }
    }
    fn format_add(formats: *mut Formats, s: *const u8, n: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (formats, text) = unsafe { (&mut *formats, slice::from_raw_parts(s, n as usize)) };
        formats.add(text)
    }
    fn format_fill(formats: *mut Formats, id: u32, count: u32) -> u32 {
        // SAFETY: see the module's contract.
        u32::from(unsafe { (*formats).fill(id, count as usize) })
    }
    fn lookup_text(lookup: *mut Lookup, s: *const u8, n: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (lookup, s) = unsafe { (&mut *lookup, slice::from_raw_parts(s, n as usize)) };
        lookup.find(Wanted::Text(s))
    }
    fn lookup_number(lookup: *mut Lookup, x: f64) -> u32 {
        // SAFETY: see the module's contract.
        unsafe { &mut *lookup }.find(Wanted::Number(x))
    }
    fn lookup_value(lookup: *mut Lookup, room: *const Port) -> u32 {
        // SAFETY: see the module's contract.
        let (lookup, room) = unsafe { (&mut *lookup, &*room) };
        lookup.find(Wanted::Value(&room.out[room.mark + 4..]))
    }
    fn find_text(s: *const u8, n: u32, text: *const u8, m: u32) -> u32 {
        // SAFETY: see the module's contract.
        let (s, text) = unsafe {
            (slice::from_raw_parts(s, n as usize), slice::from_raw_parts(text, m as usize))
        };
        memchr::memmem::find(s, text).map_or(0, |at| at as u32 + 1)
    }
}
