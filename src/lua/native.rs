//! The unsafe floor under the loops: memory that Lua reads and writes through FFI.
//!
//! A newcomer's trap: Lua may call these functions only with the pointers it was given here, so
//! `Shared` must outlive the state; `Vm` drops the state first.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::c_void;

use mlua::LightUserData;

use super::columns::Columns;
use super::formats::{FormatValue, Formats};
use super::in_c::Named;
use super::keys::KeyBytes;
use super::natives::{NATIVES, Natives};
use super::pattern::Pattern;
use super::port::Port;
use super::progress::Progress;
use super::side_table::Lookup;
use super::tally::Tally;
use super::words::Words;

/// A boxed value at a fixed address which Lua also uses, on the same thread, between two uses by
/// Rust.
pub(super) struct Shared<T>(Box<UnsafeCell<T>>);

impl<T> Shared<T> {
    pub fn new(value: T) -> Shared<T> {
        Shared(Box::new(UnsafeCell::new(value)))
    }

    /// A short use by Rust, in which neither Lua nor anybody else can come in: `f` gets nothing to
    /// call them with.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: `Shared` is not `Sync`, Lua runs on this thread, and no caller in this folder
        // runs Lua or enters `with` for the same value again inside `f`.
        f(unsafe { &mut *self.0.get() })
    }

    pub fn address(&self) -> LightUserData {
        LightUserData(self.0.get().cast::<c_void>())
    }
}

pub(super) type Ports = Vec<Shared<Port>>;
pub(super) type Key = Shared<KeyBytes>;

/// The address of the table of functions.
pub(super) fn natives_address() -> LightUserData {
    LightUserData((&raw const NATIVES).cast_mut().cast::<c_void>())
}

/// The declarations in C of all that Lua gets addresses of.
pub(super) fn declarations() -> String {
    [
        Progress::definition(),
        Port::definition(),
        KeyBytes::definition(),
        Pattern::definition(),
        Words::definition(),
        Tally::definition(),
        Columns::definition(),
        FormatValue::definition(),
        Formats::definition(),
        Lookup::definition(),
        Natives::definition(),
    ]
    .concat()
}

pub(super) fn progress_address(progress: &Progress) -> LightUserData {
    LightUserData(std::ptr::from_ref(progress).cast_mut().cast::<c_void>())
}
