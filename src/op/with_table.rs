//! `with_table`: rows of another dataset, looked up in Lua by their first column.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};

/// # Side tables
///
/// What functions look up: countries by their codes, prices by articles.
impl Dataset {
    /// Lets the functions of all steps behind this one look up rows of another dataset of the same
    /// flow by their first column, under a name: `tables.NAME[key]`. The rows themselves pass as they
    /// are.
    ///
    /// - `tables.NAME[key]` gives the row's other column; where rows have several, a list of them (in
    ///   which nil is `null`), and where they have none, `true`.
    /// - `tables.NAME(key)` gives the other columns as values, one after another.
    ///
    /// For a key that is not there both give nil. Numbers are one key if they are equal, 1 and 1.0, and
    /// text is never a number; rows whose key is nil are found by nothing.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let countries = flow.rows([("fr", "France", 68), ("it", "Italy", 59)]);
    /// let visits = flow.rows([("ann", "it"), ("bob", "fr"), ("eve", "xx")]);
    /// let rows: Vec<(String, Option<String>, Option<u32>)> = visits
    ///     .with_table("countries", &countries)
    ///     .map("function(user, code)
    ///         local name, millions = tables.countries(code)
    ///         return user, name, millions
    ///     end")
    ///     .collect()?;
    /// assert_eq!(rows[0], ("ann".into(), Some("Italy".into()), Some(59)));
    /// assert_eq!(rows[2], ("eve".into(), None, None));
    ///
    /// let known = visits.with_table("names", &countries.select([1, 2]));
    /// let known = known.filter("function(_, code) return tables.names[code] ~= nil end");
    /// assert_eq!(known.count()?, 2);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// The table is computed once in a run, before the first of these steps begins, and lies in a
    /// temporary file that all workers map: one copy for the machine, which may be larger than
    /// [`Flow::memory`](crate::Flow::memory). A table that no function names is not computed. Steps
    /// behind are all those that read this dataset, or one made of it: functions given to
    /// [`Flow::lua`](crate::Flow::lua) too, when such a step calls them. For the rows of a key of which
    /// there are several there is [`Dataset::join`], as there is for keys of several columns.
    ///
    /// # Errors
    /// At a terminal: two rows of one key (see [`Dataset::distinct_by`]); rows of different widths (see
    /// [`Dataset::pad`]); a name that is no Lua name, or that another table has here already; a dataset
    /// of another flow. In a step: a name that no table has.
    #[track_caller]
    pub fn with_table(&self, name: impl Into<String>, table: &Dataset) -> Dataset {
        let name = name.into();
        self.add_two("with_table", Location::caller(), table, move |plan, step, inputs| {
            plan.table(step, inputs, checked(&name)?)
        })
    }
}

/// What may stand behind `tables.`.
fn checked(name: &str) -> Result<&str, Failure> {
    const RESERVED: &[&str] = &[
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if",
        "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
    ];
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.chars().all(is_letter) && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_name && !name.is_empty() && !RESERVED.contains(&name) {
        return Ok(name);
    }
    let message = format!("{name:?} is no name that Lua takes behind `tables.`");
    let hint = "letters, digits and _ make a name, which begins with no digit";
    Err(Failure::new(ErrorKind::Plan, message).hint(hint))
}
