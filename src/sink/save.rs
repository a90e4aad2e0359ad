//! `save_text`, `save_lines` and their kin: rows into writers and files.

use std::io::Write;
use std::ops::ControlFlow;
use std::panic::Location;
use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure, Origin, Result};
use crate::flow::Flow;
use crate::local::block::Block;
use crate::plan::compile::{SinkNode, SinkRows};
use crate::process::with_file_size_as_error;
use crate::sink::AtomicFile;
use crate::sink::terminal::{Consume, WriteBlocks, run, run_async};
use crate::sink::together::{commit_all, find_same};

/// A sink that waits for [`Flow::run`].
pub(crate) struct Attached {
    node: SinkNode,
    target: Target,
}

enum Target {
    Writer(Box<dyn Write + Send>),
    File(PathBuf),
}

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
        let node = self.sink("save_text_to", Location::caller(), SinkRows::Text(format.into()));
        run(&self.flow, &[node], &mut [&mut WriteBlocks { writer }])
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
        let node = self.sink("save_text", Location::caller(), SinkRows::Text(format.into()));
        self.save_file(node, path.into())
    }

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
        let node = self.sink("save_lines_to", Location::caller(), SinkRows::Lines);
        run(&self.flow, &[node], &mut [&mut WriteBlocks { writer }])
    }

    /// [`Dataset::save_lines_to`] a file, which appears whole or not at all.
    ///
    /// # Errors
    /// As for `save_lines_to`; and a file that cannot be written.
    #[track_caller]
    pub fn save_lines(&self, path: impl Into<PathBuf>) -> Result<()> {
        let node = self.sink("save_lines", Location::caller(), SinkRows::Lines);
        self.save_file(node, path.into())
    }

    fn save_file(&self, node: SinkNode, path: PathBuf) -> Result<()> {
        let mut file = FileSink::create(path).map_err(|failure| node.error(failure))?;
        run(&self.flow, std::slice::from_ref(&node), &mut [&mut file])?;
        file.commit().map_err(|failure| node.error(failure))
    }

    /// [`Dataset::save_text_to`] for async code; the writer is called from the polling task.
    ///
    /// # Errors
    /// As for `save_text_to`.
    #[track_caller]
    pub fn save_text_to_async<W: Write + Send>(
        &self,
        writer: W,
        format: &str,
    ) -> impl Future<Output = Result<()>> + Send + use<W> {
        let node = self.sink("save_text_to", Location::caller(), SinkRows::Text(format.into()));
        write_async(self.flow.clone(), node, writer)
    }

    /// [`Dataset::save_lines_to`] for async code.
    ///
    /// # Errors
    /// As for `save_lines_to`.
    #[track_caller]
    pub fn save_lines_to_async<W: Write + Send>(
        &self,
        writer: W,
    ) -> impl Future<Output = Result<()>> + Send + use<W> {
        let node = self.sink("save_lines_to", Location::caller(), SinkRows::Lines);
        write_async(self.flow.clone(), node, writer)
    }

    /// [`Dataset::save_text`] for async code.
    ///
    /// # Errors
    /// As for `save_text`.
    #[track_caller]
    pub fn save_text_async<P: Into<PathBuf>>(
        &self,
        path: P,
        format: &str,
    ) -> impl Future<Output = Result<()>> + Send + use<P> {
        let node = self.sink("save_text", Location::caller(), SinkRows::Text(format.into()));
        file_async(self.flow.clone(), node, path.into())
    }

    /// [`Dataset::save_lines`] for async code.
    ///
    /// # Errors
    /// As for `save_lines`.
    #[track_caller]
    pub fn save_lines_async<P: Into<PathBuf>>(
        &self,
        path: P,
    ) -> impl Future<Output = Result<()>> + Send + use<P> {
        let node = self.sink("save_lines", Location::caller(), SinkRows::Lines);
        file_async(self.flow.clone(), node, path.into())
    }

    /// Attaches a sink that [`Flow::run`] runs together with others: formatted rows into a writer.
    #[track_caller]
    pub fn to_text(&self, writer: impl Write + Send + 'static, format: &str) -> &Dataset {
        let node = self.sink("to_text", Location::caller(), SinkRows::Text(format.into()));
        self.attach(node, Target::Writer(Box::new(writer)))
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
    #[track_caller]
    pub fn to_text_file(&self, path: impl Into<PathBuf>, format: &str) -> &Dataset {
        let node = self.sink("to_text_file", Location::caller(), SinkRows::Text(format.into()));
        self.attach(node, Target::File(path.into()))
    }

    /// Attaches a sink: rows as lines, columns joined by TAB, into a writer.
    #[track_caller]
    pub fn to_lines(&self, writer: impl Write + Send + 'static) -> &Dataset {
        let node = self.sink("to_lines", Location::caller(), SinkRows::Lines);
        self.attach(node, Target::Writer(Box::new(writer)))
    }

    /// Attaches a sink: rows as lines into a file, which appears whole or not at all.
    #[track_caller]
    pub fn to_lines_file(&self, path: impl Into<PathBuf>) -> &Dataset {
        let node = self.sink("to_lines_file", Location::caller(), SinkRows::Lines);
        self.attach(node, Target::File(path.into()))
    }

    // A reference, because a `Dataset` that is not used further is a warning.
    fn attach(&self, node: SinkNode, target: Target) -> &Dataset {
        self.flow.state().attached.push(Attached { node, target });
        self
    }
}

impl Flow {
    /// Runs all attached sinks together; what several of them need is computed once. The sinks
    /// are then no longer attached. The first failure ends the run, and no file of it appears: all
    /// of them are on the disk before the first gets its name. A name that a file system then
    /// refuses is an error that says which files are new and which are as they were.
    ///
    /// # Errors
    /// Whatever fails in the flow or in a sink; nothing attached; two sinks with one file, by
    /// whatever paths and links.
    #[track_caller]
    pub fn run(&self) -> Result<()> {
        let origin = Origin::new("run", Location::caller());
        self.run_attached().map_err(|error| error.at(&origin))
    }

    fn run_attached(&self) -> Result<()> {
        let (nodes, mut sinks) = self.take_attached()?;
        let mut consumers: Vec<&mut dyn Consume> = Vec::new();
        for sink in &mut sinks {
            consumers.push(sink);
        }
        run(self, &nodes, &mut consumers)?;
        commit(&nodes, sinks)
    }

    /// [`Flow::run`] for async code.
    ///
    /// # Errors
    /// As for `run`.
    #[track_caller]
    pub fn run_async(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let origin = Origin::new("run_async", Location::caller());
        let flow = self.clone();
        async move { flow.run_attached_async().await.map_err(|error| error.at(&origin)) }
    }

    async fn run_attached_async(&self) -> Result<()> {
        let (nodes, mut sinks) = self.take_attached()?;
        let mut consumers: Vec<&mut (dyn Consume + Send)> = Vec::new();
        for sink in &mut sinks {
            consumers.push(sink);
        }
        run_async(self, &nodes, &mut consumers).await?;
        commit(&nodes, sinks)
    }

    fn take_attached(&self) -> Result<(Vec<SinkNode>, Vec<AttachedSink>)> {
        let attached = std::mem::take(&mut self.state().attached);
        if attached.is_empty() {
            let failure = Failure::new(ErrorKind::Plan, "nothing is attached to this flow");
            return Err(failure.hint("`to_text_file` and its kin attach a sink").into());
        }
        let mut nodes = Vec::new();
        let mut sinks = Vec::new();
        for Attached { node, target } in attached {
            sinks.push(match target {
                Target::Writer(writer) => AttachedSink::Writer(WriteBlocks { writer }),
                Target::File(path) => AttachedSink::File(
                    FileSink::create(path).map_err(|failure| node.error(failure))?,
                ),
            });
            nodes.push(node);
        }
        refuse_same_file(&nodes, &sinks)?;
        Ok((nodes, sinks))
    }
}

fn refuse_same_file(nodes: &[SinkNode], sinks: &[AttachedSink]) -> Result<()> {
    let files: Vec<_> =
        sinks.iter().zip(nodes).filter_map(|(sink, node)| Some((sink.file()?, node))).collect();
    let only_files: Vec<_> = files.iter().map(|(file, _)| *file).collect();
    let Some((first, second)) = find_same(&only_files) else { return Ok(()) };
    let [(first, first_node), (second, node)] = [first, second].map(|index| files[index]);
    let origin = &first_node.origin;
    let mut message = format!("cannot write {}: {origin}, writes it too", second.path().display());
    if first.path() != second.path() {
        message.push_str(&format!(", as {}", first.path().display()));
    }
    let failure = Failure::new(ErrorKind::Plan, message);
    Err(node.error(failure.hint("each sink needs a file of its own")))
}

fn commit(nodes: &[SinkNode], sinks: Vec<AttachedSink>) -> Result<()> {
    let (mut of_files, mut files) = (Vec::new(), Vec::new());
    for (node, sink) in nodes.iter().zip(sinks) {
        if let AttachedSink::File(FileSink { file }) = sink {
            of_files.push(node);
            files.push(file);
        }
    }
    with_file_size_as_error(|| commit_all(files))
        .map_err(|(index, failure)| of_files[index].error(failure))
}

async fn write_async<W: Write + Send>(flow: Flow, node: SinkNode, writer: W) -> Result<()> {
    run_async(&flow, &[node], &mut [&mut WriteBlocks { writer }]).await
}

async fn file_async(flow: Flow, node: SinkNode, path: PathBuf) -> Result<()> {
    let mut file = FileSink::create(path).map_err(|failure| node.error(failure))?;
    run_async(&flow, std::slice::from_ref(&node), &mut [&mut file]).await?;
    file.commit().map_err(|failure| node.error(failure))
}

/// Rows into a file that appears whole.
struct FileSink {
    file: AtomicFile,
}

impl FileSink {
    fn create(path: PathBuf) -> Result<FileSink, Failure> {
        Ok(FileSink { file: AtomicFile::create(&path)? })
    }

    fn commit(self) -> Result<(), Failure> {
        with_file_size_as_error(|| self.file.commit())
    }
}

impl Consume for FileSink {
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        match with_file_size_as_error(|| self.file.write_all(&block.bytes)) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => Err(self.file.failure(&error)),
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

enum AttachedSink {
    Writer(WriteBlocks<Box<dyn Write + Send>>),
    File(FileSink),
}

impl AttachedSink {
    fn file(&self) -> Option<&AtomicFile> {
        match self {
            AttachedSink::Writer(_) => None,
            AttachedSink::File(sink) => Some(&sink.file),
        }
    }
}

impl Consume for AttachedSink {
    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        match self {
            AttachedSink::Writer(writer) => writer.block(block),
            AttachedSink::File(file) => file.block(block),
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        match self {
            AttachedSink::Writer(writer) => writer.end(),
            AttachedSink::File(file) => file.end(),
        }
    }
}
