//! Rows as formatted text: `save_text` and its kin.

use std::fmt;
use std::io::Write;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file::PathTarget;
use super::registry::RowFormat;
use super::save::WriterTarget;
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, Result};
use crate::plan::named::Arguments;
use crate::plan::writing::TextFormat;
use crate::row::format::Format;
use crate::row::written::RowWriter;

/// Columns in the directives of a format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Text {
    format: String,
}

/// The format's name for plans.
fn text(format: &str) -> TextFormat {
    TextFormat::new(&Text { format: format.to_owned() })
}

impl Arguments for Text {
    const NAME: &str = "text";
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "format {:?}", self.format)
    }
}

impl RowFormat for Text {
    fn writer(&self) -> std::result::Result<Arc<dyn RowWriter>, Failure> {
        let format = Format::parse(&self.format).map_err(|error| {
            Failure::new(ErrorKind::Plan, format!("format {:?}: {error}", self.format))
        })?;
        Ok(Arc::new(format))
    }
}

/// # Into writers and files
impl Dataset {
    /// Runs the flow and writes each row, formatted, as a line.
    ///
    /// The format has a directive for each column: `%s %d %i %u %c %x %X %o %e %E %f %g %G %q`
    /// with flags, width and precision as Lua's `string.format` has them, and `%%`. A line feed
    /// is added. `%s` of nil is empty.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let mut text = Vec::new();
    /// Flow::new().rows([("a", 1.5), ("b", 2.0)]).save_text_to(&mut text, "%s=%5.2f")?;
    /// assert_eq!(text, b"a= 1.50\nb= 2.00\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever fails in the flow; a format that cannot be read; a row with more or fewer columns
    /// than the format has directives, or with a column that its directive cannot take. A closed
    /// stdout is no error; any other closed writer is one of kind
    /// [`OutputClosed`](ErrorKind::OutputClosed).
    #[track_caller]
    pub fn save_text_to(&self, writer: impl Write, format: &str) -> Result<()> {
        self.save("save_text_to", Location::caller(), text(format), WriterTarget(writer))
    }

    /// [`Dataset::save_text_to`] a file. The file appears whole when the run has succeeded, or not
    /// at all.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers.txt");
    /// Flow::new().range(1..4).save_text(&path, "%02d")?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "01\n02\n03\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `save_text_to`; and a file that cannot be written.
    #[track_caller]
    pub fn save_text(&self, path: impl Into<PathBuf>, format: &str) -> Result<()> {
        self.save("save_text", Location::caller(), text(format), PathTarget(path.into()))
    }

    /// [`Dataset::save_text_to`] for async code; the writer is called from the polling task.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut text = Vec::new();
    /// Flow::new().range(1..3).save_text_to_async(&mut text, "%03d").await?;
    /// assert_eq!(text, b"001\n002\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `save_text_to`.
    #[track_caller]
    pub fn save_text_to_async<W: Write + Send>(
        &self,
        writer: W,
        format: &str,
    ) -> impl Future<Output = Result<()>> + Send + use<W> {
        self.save_async("save_text_to", Location::caller(), text(format), WriterTarget(writer))
    }

    /// [`Dataset::save_text`] for async code.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// Flow::new().range(1..3).save_text_async(&path, "%03d").await?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "001\n002\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `save_text`.
    #[track_caller]
    pub fn save_text_async<P: Into<PathBuf>>(
        &self,
        path: P,
        format: &str,
    ) -> impl Future<Output = Result<()>> + Send + use<P> {
        self.save_async("save_text", Location::caller(), text(format), PathTarget(path.into()))
    }

    /// Attaches a sink that [`Flow::run`](crate::Flow::run) runs together with others: formatted rows into a writer.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// let file = std::fs::File::create(&path).unwrap();
    /// let flow = Flow::new();
    /// flow.range(1..3).to_text(file, "%d");
    /// flow.run()?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n2\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At [`Flow::run`](crate::Flow::run): as for `save_text_to`.
    #[track_caller]
    pub fn to_text(&self, writer: impl Write + Send + 'static, format: &str) -> &Dataset {
        self.attach("to_text", Location::caller(), text(format), WriterTarget(writer))
    }

    /// Attaches a sink: formatted rows into a file, which appears whole or not at all.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let (odd, all) = (directory.path().join("odd"), directory.path().join("all"));
    /// let flow = Flow::new();
    /// let numbers = flow.range(1..4);
    /// numbers.filter("function(x) return x % 2 == 1 end").to_text_file(&odd, "%d");
    /// numbers.to_lines_file(&all);
    /// flow.run()?;
    /// assert_eq!(std::fs::read_to_string(odd).unwrap(), "1\n3\n");
    /// assert_eq!(std::fs::read_to_string(all).unwrap(), "1\n2\n3\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At [`Flow::run`](crate::Flow::run): as for `save_text`.
    #[track_caller]
    pub fn to_text_file(&self, path: impl Into<PathBuf>, format: &str) -> &Dataset {
        self.attach("to_text_file", Location::caller(), text(format), PathTarget(path.into()))
    }
}
