//! `split_pattern`: columns from a line, between matches of a Lua pattern.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::plan::chain::Step;
use crate::script::Script;

impl Dataset {
    /// Cuts each row, which is one text column, at every match of a Lua pattern, as
    /// `string.find` finds them; a match at the end makes a last empty column. For a fixed
    /// separator [`Dataset::split`] is faster, for blanks [`Dataset::fields`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, String)> =
    ///     Flow::new().lines(["a ; b", "c;d"]).split_pattern(" *; *").collect()?;
    /// assert_eq!(rows, [("a".into(), "b".into()), ("c".into(), "d".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row of several columns, or of one that is not text; what is no pattern; a
    /// pattern that matches an empty text; more columns than a Lua function can return.
    #[track_caller]
    pub fn split_pattern(&self, pattern: &str) -> Dataset {
        let script = match pattern {
            "" => Err(Failure::new(ErrorKind::Plan, "the pattern is empty")),
            _ => {
                let text = format!("{HEAD}{}{BODY}", quoted(pattern));
                Ok(Script::made(text, format!("{pattern:?}")))
            }
        };
        self.try_add_lua("split_pattern", Location::caller(), script, |plan, rows, code| {
            Ok(plan.fuse(rows, Step::lua("map", code)))
        })
    }
}

const HEAD: &str = "(function() local find, sub, type, unpack, error = \
    string.find, string.sub, type, unpack, error local pattern = ";

const BODY: &str = " return function(text, ...)
    if type(text) ~= 'string' or ... ~= nil then
        error('it takes a row of one text column', 0)
    end
    local columns, n, from = {}, 0, 1
    while true do
        local first, last = find(text, pattern, from)
        n = n + 1
        if not first then
            columns[n] = sub(text, from)
            return unpack(columns, 1, n)
        elseif last < first then
            error('the pattern matches an empty text', 0)
        end
        columns[n] = sub(text, from, first - 1)
        from = last + 1
    end
end end)()";

/// A Lua literal of any text.
fn quoted(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:03}")).collect();
    format!("'{escaped}'")
}
