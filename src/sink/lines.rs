//! Rows as lines, columns joined by TAB: `save_lines` and its kin.

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
use crate::error::{Failure, Result};
use crate::plan::named::Arguments;
use crate::plan::writing::TextFormat;
use crate::row::layout::Layout;
use crate::row::written::{RowWriter, TabLines};

/// Columns joined by TAB.
#[derive(Serialize, Deserialize)]
pub(crate) struct Lines {}

/// The format's name for plans.
pub(crate) fn lines() -> TextFormat {
    TextFormat { layout: Layout::Columns, keeps_lines: true, ..TextFormat::new(&Lines {}) }
}

impl Arguments for Lines {
    const NAME: &str = "lines";
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lines")
    }
}

impl RowFormat for Lines {
    fn writer(&self) -> std::result::Result<Arc<dyn RowWriter>, Failure> {
        Ok(Arc::new(TabLines))
    }
}

impl Dataset {
    /// Runs the flow and writes each row as a line, its columns joined by TAB.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let mut text = Vec::new();
    /// Flow::new().rows([("a", Some(1)), ("b", None)]).save_lines_to(&mut text)?;
    /// assert_eq!(text, b"a\t1\nb\t\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever fails in the flow; a TAB or a line feed within a column of several (in a single
    /// column only a line feed), a table as a column.
    #[track_caller]
    pub fn save_lines_to(&self, writer: impl Write) -> Result<()> {
        self.save("save_lines_to", Location::caller(), lines(), WriterTarget(writer))
    }

    /// [`Dataset::save_lines_to`] a file, which appears whole or not at all.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// Flow::new().rows([(1, "a"), (2, "b")]).save_lines(&path)?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "1\ta\n2\tb\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `save_lines_to`; and a file that cannot be written.
    #[track_caller]
    pub fn save_lines(&self, path: impl Into<PathBuf>) -> Result<()> {
        self.save("save_lines", Location::caller(), lines(), PathTarget(path.into()))
    }

    /// [`Dataset::save_lines_to`] for async code.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut text = Vec::new();
    /// Flow::new().range(1..3).save_lines_to_async(&mut text).await?;
    /// assert_eq!(text, b"1\n2\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `save_lines_to`.
    #[track_caller]
    pub fn save_lines_to_async<W: Write + Send>(
        &self,
        writer: W,
    ) -> impl Future<Output = Result<()>> + Send + use<W> {
        self.save_async("save_lines_to", Location::caller(), lines(), WriterTarget(writer))
    }

    /// [`Dataset::save_lines`] for async code.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// Flow::new().range(1..3).save_lines_async(&path).await?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n2\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `save_lines`.
    #[track_caller]
    pub fn save_lines_async<P: Into<PathBuf>>(
        &self,
        path: P,
    ) -> impl Future<Output = Result<()>> + Send + use<P> {
        self.save_async("save_lines", Location::caller(), lines(), PathTarget(path.into()))
    }

    /// Attaches a sink: rows as lines, columns joined by TAB, into a writer.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// let file = std::fs::File::create(&path).unwrap();
    /// let flow = Flow::new();
    /// flow.range(1..3).to_lines(file);
    /// flow.run()?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n2\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At [`Flow::run`](crate::Flow::run): as for `save_lines_to`.
    #[track_caller]
    pub fn to_lines(&self, writer: impl Write + Send + 'static) -> &Dataset {
        self.attach("to_lines", Location::caller(), lines(), WriterTarget(writer))
    }

    /// Attaches a sink: rows as lines into a file, which appears whole or not at all.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// let flow = Flow::new();
    /// flow.range(1..3).to_lines_file(&path);
    /// flow.run()?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n2\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At [`Flow::run`](crate::Flow::run): as for `save_lines`.
    #[track_caller]
    pub fn to_lines_file(&self, path: impl Into<PathBuf>) -> &Dataset {
        self.attach("to_lines_file", Location::caller(), lines(), PathTarget(path.into()))
    }
}
