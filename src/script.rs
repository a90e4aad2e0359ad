//! [`Script`]: a piece of the user's Lua, and where its text stands in the user's program.
//!
//! A newcomer's trap: plain strings work everywhere; only the `lua!` macro knows the line of the
//! literal itself, so only with it an error names the very line of the source file.

use std::panic::Location;

use crate::error::{CodePlace, Origin};

/// Lua text for a step: made from a string, or by the [`lua!`](crate::lua) macro.
///
/// ```
/// use gleamflow::{Flow, Script};
///
/// let double = Script::from("function(x) return 2 * x end");
/// let rows = Flow::new().range(1..3).map(double.clone()).map(double);
/// assert_eq!(rows.collect::<i64>()?, [4, 8]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    text: String,
    place: CodePlace,
}

impl Script {
    /// A script whose first line stands at `line` of `file`.
    #[doc(hidden)]
    pub fn at(text: &str, file: &'static str, line: u32) -> Script {
        Script { text: text.to_owned(), place: CodePlace::At(file.to_owned(), line) }
    }

    /// A script that an operator makes of what a person reads as `of`.
    pub(crate) fn made(text: String, of: String) -> Script {
        Script { text, place: CodePlace::Made { of } }
    }

    pub(crate) fn origin(&self, operator: &str, caller: &Location<'_>) -> Origin {
        Origin { code: self.place.clone(), ..Origin::new(operator, caller) }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// What can be a step's code: Lua text. A Rust function cannot, and the compiler says why:
///
/// ```compile_fail,E0277
/// let _ = gleamflow::Flow::new().range(0..3).map(|x: i64| x + 1);
/// ```
///
/// Lua text, from wherever, can:
///
/// ```
/// use gleamflow::Flow;
///
/// let step = format!("function(x) return x + {} end", 1);
/// let rows: Vec<i64> = Flow::new().range(0..3).map(&step).collect()?;
/// assert_eq!(rows, [1, 2, 3]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a step is Lua text, and `{Self}` is none",
    label = "expected text such as \"function(x) return x end\"",
    note = "steps run in worker processes, which get them as text: a Rust function cannot go there",
    note = "for rows in Rust end the flow with `collect`, `for_each_row` or `stream`, or run a \
            program of your own as a step by `pipe` or `pipe_rows`"
)]
pub trait IntoScript {
    /// The text, and where it stands if that is known.
    ///
    /// ```
    /// use gleamflow::{Flow, IntoScript};
    ///
    /// let script = "function(x) return x + 1 end".into_script();
    /// assert_eq!(Flow::new().range(0..1).map(script).first()?, Some(1));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    fn into_script(self) -> Script;
}

impl IntoScript for Script {
    fn into_script(self) -> Script {
        self
    }
}

impl IntoScript for &str {
    fn into_script(self) -> Script {
        Script { text: self.to_owned(), place: CodePlace::Text }
    }
}

impl IntoScript for String {
    fn into_script(self) -> Script {
        Script { text: self, place: CodePlace::Text }
    }
}

impl IntoScript for &String {
    fn into_script(self) -> Script {
        self.as_str().into_script()
    }
}

impl From<&str> for Script {
    fn from(text: &str) -> Script {
        text.into_script()
    }
}

impl From<String> for Script {
    fn from(text: String) -> Script {
        text.into_script()
    }
}

/// A Lua literal as a [`Script`] that knows its own line, so that errors name the line within it.
/// They count from the line of `lua!`: the text should begin there.
///
/// ```
/// use gleamflow::{Flow, lua};
///
/// let first = line!() + 1;
/// let step = lua!("function(line)
///     return line + {}
/// end");
/// let error = Flow::new().lines(["x"]).map(step).count().unwrap_err();
/// assert!(error.to_string().contains(&format!(":{}, map: ", first + 1)), "{error}");
/// ```
#[macro_export]
macro_rules! lua {
    ($text:literal) => {
        $crate::Script::at($text, file!(), line!())
    };
}
