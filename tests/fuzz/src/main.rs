//! Fuzzing of whatever reads bytes: `GLEAMFLOW_FUZZ` names the target, everything else is
//! libFuzzer's. `.ci/fuzz` builds and runs it.
//!
//! A newcomer's trap: one program has all targets, so that they are built once. What a target may
//! look into, and most of what it checks, stands in `src/fuzz.rs` of the library.
#![no_main]

use std::ffi::CString;
use std::sync::OnceLock;

use gleamflow::fuzz::{TARGETS, Target, format_double};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| target()(bytes));

fn target() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("GLEAMFLOW_FUZZ").unwrap_or_default();
        let all = [TARGETS, &[("printf", printf as Target)]].concat();
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let found = all.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("GLEAMFLOW_FUZZ is none of {names:?}")).1
    })
}

/// As a double and a directive for it, which C's printf writes in the same way.
fn printf(bytes: &[u8]) {
    let Some((number, directive)) = bytes.split_first_chunk() else { return };
    let number = f64::from_le_bytes(*number);
    let Some((&last, flags)) = directive.split_last() else { return };
    // Where LuaJIT's is another than C's: `%a`, and the signs of what is no number.
    if !b"eEfFgG".contains(&last) || flags.iter().any(|byte| !b"-+ 0#.123456789".contains(byte)) {
        return;
    }
    let directive = format!("%{}", String::from_utf8_lossy(directive));
    let Some(ours) = format_double(&directive, number) else { return };
    if number.is_nan() {
        return;
    }
    let mut theirs = vec![0u8; 1024];
    let format = CString::new(directive.clone()).expect("there is no NUL in it");
    // SAFETY: the format has one directive, for a double, and the buffer's size is given.
    let length = unsafe {
        libc::snprintf(theirs.as_mut_ptr().cast(), theirs.len(), format.as_ptr(), number)
    };
    theirs.truncate(usize::try_from(length).expect("C writes any double"));
    assert_eq!(ours, theirs, "{directive} of {number:e}");
}
