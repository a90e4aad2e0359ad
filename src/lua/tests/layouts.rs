//! What Lua knows of Rust's memory and functions is what Rust has.
//!
//! A newcomer's trap: that no field is left out or moved, the compiler holds; here LuaJIT is asked
//! where it sees them.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::lua::columns::Columns;
use crate::lua::in_c::{InC, Named, Signed};
use crate::lua::keys::KeyBytes;
use crate::lua::natives::{NAMES, Natives};
use crate::lua::pattern::Pattern;
use crate::lua::port::Port;
use crate::lua::tally::Tally;
use crate::lua::words::Words;

/// What an expression of Lua gives that asks `ffi`.
fn asked<R: mlua::FromLuaMulti>(vm: &Vm, what: &str) -> R {
    vm.load_for_test(&format!("local ffi = require('ffi') return {what}"))
        .and_then(|asks| asks.call(()))
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

fn an_idle_vm() -> Vm {
    vm(lines(vec![map(1, "function() end")]))
}

fn sees_fields<T: Named>(vm: &Vm) {
    for (field, offset) in T::FIELDS {
        let name = T::declare("");
        let seen: usize = asked(vm, &format!("ffi.offsetof('{name}', '{field}')"));
        assert_eq!(seen, *offset, "{field} of {name}");
    }
}

#[test]
fn lua_sees_each_field_where_rust_has_it() {
    let vm = an_idle_vm();
    sees_fields::<Progress>(&vm);
    sees_fields::<Port>(&vm);
    sees_fields::<KeyBytes>(&vm);
    sees_fields::<Pattern>(&vm);
    sees_fields::<Words>(&vm);
    sees_fields::<Tally>(&vm);
    sees_fields::<Columns>(&vm);
    sees_fields::<Natives>(&vm);
    // These have no field that Lua does not know.
    let whole =
        [("gleamflow_pattern", size_of::<Pattern>()), ("gleamflow_natives", size_of::<Natives>())];
    for (name, size) in whole {
        assert_eq!(asked::<usize>(&vm, &format!("ffi.sizeof('{name}')")), size, "{name}");
    }
    assert_eq!(NAMES.len(), Natives::FIELDS.len());
}

#[test]
fn types_have_the_size_and_the_sign_in_c_that_they_have_in_rust() {
    let vm = an_idle_vm();
    let is = |name: String, size: usize, signed: bool| {
        assert_eq!(asked::<usize>(&vm, &format!("ffi.sizeof('{name}')")), size, "{name}");
        let negative = format!("tonumber(ffi.cast('{name}', -1)) < 0");
        assert_eq!(asked::<bool>(&vm, &negative), signed, "{name}");
    };
    is(u8::declare(""), 1, false);
    is(u16::declare(""), 2, false);
    is(u32::declare(""), 4, false);
    is(u64::declare(""), 8, false);
    is(AtomicU32::declare(""), 4, false);
    is(i32::declare(""), 4, true);
    is(i64::declare(""), 8, true);
    is(f64::declare(""), 8, true);
    is(Signed::declare(""), size_of::<Signed>(), true);
    let pointer: usize = asked(&vm, "ffi.sizeof('const uint8_t *')");
    assert_eq!(pointer, size_of::<*const u8>());
}

#[test]
fn declarations_are_c() {
    type Get = unsafe extern "C" fn(*mut Port, f64) -> *const u8;
    type Put = unsafe extern "C" fn(*const Pattern, u32);
    assert_eq!(Get::declare("get"), "const uint8_t *(*get)(gleamflow_port *, double )");
    assert_eq!(Put::declare("put"), "void (*put)(const gleamflow_pattern *, uint32_t )");
    assert_eq!(<[u16; 3]>::declare("sets"), "uint16_t sets[3]");
    assert_eq!(KeyBytes::definition(), "typedef struct gleamflow_key gleamflow_key;\n");
    assert_eq!(
        Tally::definition(),
        "typedef struct {\n  const uint8_t *refused;\n  uint32_t refused_size;\n} gleamflow_tally;\n"
    );
}
