//! How Rust types are declared in C, so that what Lua knows of them through FFI is made from them.
//!
//! A newcomer's trap: `in_c!` names the first fields of a struct, in order; what comes behind them
//! is Rust's own. A field that is left out or moved does not compile.

use crate::row::layout::Mark;
use std::sync::atomic::AtomicU32;

/// A type with a declaration in C.
pub(super) trait InC {
    /// `name` declared to be of this type; with an empty name, the type alone.
    fn declare(name: &str) -> String;
}

/// A struct that Lua knows by name.
pub(super) trait Named: InC {
    /// Its name and its fields; one without fields is known by pointers alone.
    fn definition() -> String;

    /// The fields, and where Rust has them.
    #[cfg(test)]
    const FIELDS: &'static [(&'static str, usize)];
}

/// A number that C has with a sign and Rust without: none is that large, and the JIT converts an
/// index with a sign once, not there and back.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signed(pub u32);

macro_rules! simple {
    ($($kind:ty: $c:literal),* $(,)?) => {$(
        impl InC for $kind {
            fn declare(name: &str) -> String {
                format!("{} {name}", $c)
            }
        }
    )*};
}

simple! {
    u8: "uint8_t", u16: "uint16_t", u32: "uint32_t", u64: "uint64_t", i32: "int32_t",
    i64: "int64_t", f64: "double", AtomicU32: "uint32_t", Mark: "uint8_t", Signed: "int32_t", (): "void",
}

// Pointers to what is no pointer itself: there `const` would belong to the inner one.
impl<T: InC> InC for *const T {
    fn declare(name: &str) -> String {
        format!("const {}", T::declare(&format!("*{name}")))
    }
}

impl<T: InC> InC for *mut T {
    fn declare(name: &str) -> String {
        T::declare(&format!("*{name}"))
    }
}

impl<T: InC, const N: usize> InC for [T; N] {
    fn declare(name: &str) -> String {
        T::declare(&format!("{name}[{N}]"))
    }
}

macro_rules! functions {
    ($(($($arg:ident),*))*) => {$(
        impl<R: InC, $($arg: InC),*> InC for unsafe extern "C" fn($($arg),*) -> R {
            fn declare(name: &str) -> String {
                let arguments: &[String] = &[$($arg::declare("")),*];
                R::declare(&format!("(*{name})({})", arguments.join(", ")))
            }
        }
    )*};
}

functions! {
    (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G)
    (A, B, C, D, E, F, G, H)
}

/// A field, whose type is found by how it is read.
pub(super) fn field<T, F: InC>(name: &str, _: fn(&T) -> &F) -> String {
    format!("  {};\n", F::declare(name))
}

/// Where a field must begin that comes behind `end`, and where it ends.
pub(super) const fn place<T, F>(_: fn(&T) -> &F, end: usize) -> (usize, usize) {
    let begin = end.next_multiple_of(align_of::<F>());
    (begin, begin + size_of::<F>())
}

/// Declares that Lua knows a struct: `in_c!(Port as "gleamflow_port": bytes, ends)`.
macro_rules! in_c {
    (@name $kind:ident as $name:literal) => {
        impl $crate::lua::in_c::InC for $kind {
            fn declare(name: &str) -> String {
                format!(concat!($name, " {}"), name)
            }
        }
    };
    ($kind:ident as $name:literal) => {
        $crate::lua::in_c::in_c!(@name $kind as $name);

        impl $crate::lua::in_c::Named for $kind {
            fn definition() -> String {
                concat!("typedef struct ", $name, " ", $name, ";\n").to_owned()
            }

            #[cfg(test)]
            const FIELDS: &'static [(&'static str, usize)] = &[];
        }
    };
    ($kind:ident as $name:literal: $($field:ident),+) => {
        $crate::lua::in_c::in_c!(@name $kind as $name);

        impl $crate::lua::in_c::Named for $kind {
            fn definition() -> String {
                let fields = [
                    $($crate::lua::in_c::field(stringify!($field), |it: &$kind| &it.$field)),+
                ];
                format!("typedef struct {{\n{}}} {};\n", fields.concat(), $name)
            }

            #[cfg(test)]
            const FIELDS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), std::mem::offset_of!($kind, $field))),+];
        }

        // C puts each field behind the one before it; so must Rust.
        const _: () = {
            let end = 0;
            $(
                let (begin, end) = $crate::lua::in_c::place(|it: &$kind| &it.$field, end);
                assert!(std::mem::offset_of!($kind, $field) == begin);
            )+
            let _ = end;
        };
    };
}

pub(super) use in_c;
