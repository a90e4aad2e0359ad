//! What the functions that Lua calls say of a row.
//!
//! A newcomer's trap: Lua has them under the same names from `lua/native.lua`. Of two columns of a
//! row the greater one counts.

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal,)*) => {
        $($(#[$doc])* pub(super) const $name: u32 = $value;)*

        pub(super) const STATUSES: &[(&str, u32)] = &[$((stringify!($name), $name)),*];
    };
}

statuses! {
    /// The row is out.
    OK = 0,
    /// The row is out, and the buffer is to be handed on.
    FLUSH = 1,
    /// A column is the text of an address.
    POINTER = 2,
    /// The row is larger than `max_row`.
    TOO_LARGE = 3,
    /// The row cannot be written as text; the port has why.
    REFUSED = 4,
}
