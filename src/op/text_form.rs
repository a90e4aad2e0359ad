//! [`Text`]: in which form a command reads and writes rows.

use crate::plan::text_form::TextForm;

/// How rows are text for a command, and how what it writes is rows: see [`Shell::text`],
/// [`Shell::input`] and [`Shell::output`], for one of the two.
///
/// | form | a row as text | text as a row |
/// |---|---|---|
/// | [`tabs`](Text::tabs), the default | a line, columns joined by TAB | a line, cut at TAB |
/// | [`csv`](Text::csv) | a record, with quotes where they are needed | a record, all columns text |
/// | [`json_lines`](Text::json_lines) | an array a line | an array a line; any other value is a row of it alone |
/// | [`json_objects`](Text::json_objects) | an object a line, its members named | the named members of an object a line |
/// | [`nul`](Text::nul) | one column, and a NUL | what is before a NUL, in one column |
/// | [`raw`](Text::raw) | the bytes of one column | all that the command writes, in one column |
///
/// [`Shell::text`]: crate::Shell::text
/// [`Shell::input`]: crate::Shell::input
/// [`Shell::output`]: crate::Shell::output
///
/// ```
/// use gleamflow::{Flow, Shell, Text};
///
/// let rows = Flow::new().rows([("a,b", 1), ("two\nlines", 2)]);
/// let same: Vec<(String, String)> = rows.pipe(Shell::new("cat").text(Text::csv())).collect()?;
/// assert_eq!(same[1], ("two\nlines".to_string(), "2".to_string()));
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub(super) TextForm);

impl Text {
    /// Lines, their columns separated by TAB; all columns are read as text.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let lines = Flow::new().lines(["b", "a"]).pipe(Shell::new("sort").text(Text::tabs()));
    /// assert_eq!(lines.collect::<String>()?, ["a", "b"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn tabs() -> Text {
        Text(TextForm::Tabs)
    }

    /// CSV as RFC 4180 has it: a field with a comma, a quote or the end of a line in it has quotes
    /// around it, and a quote in it is doubled. Records end with LF, or with CR LF where they are
    /// read; there is no line of names. All columns are read as text; nil is written as nothing.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let rows = Flow::new().rows([("say \"hi\"", Some(1)), ("x", None)]);
    /// let shown = rows.pipe(Shell::new("cat").input(Text::csv()));
    /// assert_eq!(shown.collect::<String>()?, ["\"say \"\"hi\"\"\",1", "x,"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn csv() -> Text {
        Text(TextForm::Csv)
    }

    /// JSON, a value a line. A row is written as an array. An array is read as a row, any other value
    /// as a row of it alone, so a command such as `jq -c` may write either.
    ///
    /// Values keep their types: nil is `null`, and lists and maps are arrays and objects. NaN,
    /// infinities, bytes that are no UTF-8, and maps with keys that are no text are refused, since
    /// JSON does not have them. Integers are read within 64 bits.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let rows = Flow::new().rows([("a", 1.5, true), ("b", 2.0, false)]);
    /// let same = rows.pipe(Shell::new("tac").text(Text::json_lines()));
    /// assert_eq!(same.collect::<(String, f64, bool)>()?[1], ("a".to_string(), 1.5, true));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn json_lines() -> Text {
        Text(TextForm::Json { names: Vec::new() })
    }

    /// [JSON lines](Text::json_lines) with an object for each row, whose columns have these names, in
    /// order. A row that is written has as many columns. Of an object that is read, a member that is
    /// missing is nil, and others than these are left out.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let rows = Flow::new().rows([("fox", 4), ("hen", 2)]);
    /// let objects = rows.pipe(Shell::new("cat").input(Text::json_objects(["name", "legs"])));
    /// assert_eq!(objects.first::<String>()?.unwrap(), r#"{"name":"fox","legs":4}"#);
    ///
    /// let legs = objects.pipe(Shell::new("cat").output(Text::json_objects(["legs"])));
    /// assert_eq!(legs.collect::<i64>()?, [4, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn json_objects<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Text {
        Text(TextForm::Json { names: names.into_iter().map(Into::into).collect() })
    }

    /// Texts with a NUL behind each, as `find -print0`, `sort -z` and `xargs -0` have them: rows of
    /// one column, which may have TABs and line feeds in it.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let names = Flow::new().rows(["b\nb", "a\ta"]).pipe(Shell::new("sort -z").text(Text::nul()));
    /// assert_eq!(names.collect::<String>()?, ["a\ta", "b\nb"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn nul() -> Text {
        Text(TextForm::Nul)
    }

    /// The bytes of rows of one column, one after another as they are; and all that the command
    /// writes as one row of one column, also if that is nothing.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let numbers = Flow::new().range(1..4);
    /// let lines = numbers.pipe_as_args(Shell::new("seq $1").output(Text::raw()));
    /// assert_eq!(lines.collect::<String>()?, ["1\n", "1\n2\n", "1\n2\n3\n"]);
    /// let bytes = numbers.pipe(Shell::new("cat").input(Text::raw()));
    /// assert_eq!(bytes.collect::<String>()?, ["123"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn raw() -> Text {
        Text(TextForm::Raw)
    }
}
