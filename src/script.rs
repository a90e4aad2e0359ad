//! [`Script`]: a piece of the user's Lua, and where its text stands in the user's program.
//!
//! A newcomer's trap: plain strings work everywhere; only the `lua!` macro knows the line of the
//! literal itself, so only with it an error names the very line of the source file.

use std::panic::Location;

use crate::error::Origin;

/// Lua text for a step: made from a string, or by the [`lua!`](crate::lua) macro.
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    place: Option<(&'static str, u32)>,
}

impl Script {
    /// A script whose first line stands at `line` of `file`.
    #[doc(hidden)]
    pub fn at(text: &str, file: &'static str, line: u32) -> Script {
        Script { text: text.to_owned(), place: Some((file, line)) }
    }

    pub(crate) fn origin(&self, operator: &str, caller: &Location<'_>) -> Origin {
        let mut origin = Origin::new(operator, caller);
        if let Some((file, line)) = self.place {
            origin.code = Some((file.to_owned(), line));
        }
        origin
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl From<&str> for Script {
    fn from(text: &str) -> Script {
        Script { text: text.to_owned(), place: None }
    }
}

impl From<String> for Script {
    fn from(text: String) -> Script {
        Script { text, place: None }
    }
}

impl From<&String> for Script {
    fn from(text: &String) -> Script {
        Script::from(text.as_str())
    }
}

/// A Lua literal that knows its own line, so that errors name the line within it.
///
/// ```
/// use gleamflow::{Flow, lua};
///
/// let error = Flow::new()
///     .lines(["x"])
///     .map(lua!(
///         "function(line)
///             return line + {}
///         end"
///     ))
///     .count()
///     .unwrap_err();
/// assert_eq!(error.operator(), Some("map"));
/// ```
#[macro_export]
macro_rules! lua {
    ($text:literal) => {
        $crate::Script::at($text, file!(), line!())
    };
}
