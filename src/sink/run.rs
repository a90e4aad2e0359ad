//! `run`: all attached sinks together.

use std::panic::Location;

use super::save::{Attached, Output};
use super::terminal::{Consume, run, run_async};
use super::together::{commit, find_same};
use crate::error::{ErrorKind, Failure, Origin, Result};
use crate::flow::Flow;
use crate::plan::compile::SinkNode;
use crate::report::Report;

/// # Running attached sinks
impl Flow {
    /// Runs all attached sinks together; what several of them need is computed once. The sinks
    /// are then no longer attached. The first failure ends the run, and no file of it appears: all
    /// of them are on the disk before the first gets its name. A name that a file system then
    /// refuses is an error that says which files are new and which are as they were.
    ///
    /// Gives the [`Report`] of the run.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let directory = tempfile::tempdir().unwrap();
    /// let (words, most) = (directory.path().join("words"), directory.path().join("most"));
    /// let flow = Flow::new();
    /// let counts = flow.lines(["b", "a", "b"]).count_by([1]);
    /// counts.to_text_file(&words, "%s %d");
    /// counts.top(1, gleamflow::Sort::by(2).descending()).select([1]).to_lines_file(&most);
    /// let report = flow.run()?;
    /// assert_eq!(report.steps[0].rows_out, Some(3));
    /// assert_eq!(std::fs::read_to_string(words).unwrap(), "a 1\nb 2\n");
    /// assert_eq!(std::fs::read_to_string(most).unwrap(), "b\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever fails in the flow or in a sink; nothing attached; two sinks with one file, by
    /// whatever paths and links.
    #[track_caller]
    pub fn run(&self) -> Result<Report> {
        let origin = Origin::new("run", Location::caller());
        self.run_attached().map_err(|error| error.at(&origin))
    }

    fn run_attached(&self) -> Result<Report> {
        let (nodes, mut sinks) = self.take_attached()?;
        let mut consumers: Vec<&mut dyn Consume> = Vec::new();
        for sink in &mut sinks {
            consumers.push(&mut **sink);
        }
        let ended = run(self, &nodes, &mut consumers)?;
        commit(nodes.iter().zip(sinks), ended.letters)?;
        Ok(ended.report)
    }

    /// [`Flow::run`] for async code.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("numbers");
    /// let flow = Flow::new();
    /// flow.range(1..3).to_lines_file(&path);
    /// flow.run_async().await?;
    /// assert_eq!(std::fs::read_to_string(path).unwrap(), "1\n2\n");
    /// # Ok::<(), gleamflow::Error>(())
    /// # })?;
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for `run`.
    #[track_caller]
    pub fn run_async(&self) -> impl Future<Output = Result<Report>> + Send + use<> {
        let origin = Origin::new("run_async", Location::caller());
        let flow = self.clone();
        async move { flow.run_attached_async().await.map_err(|error| error.at(&origin)) }
    }

    async fn run_attached_async(&self) -> Result<Report> {
        let (nodes, mut sinks) = self.take_attached()?;
        let mut consumers: Vec<&mut (dyn Consume + Send)> = Vec::new();
        for sink in &mut sinks {
            consumers.push(&mut **sink);
        }
        let ended = run_async(self, &nodes, &mut consumers).await?;
        commit(nodes.iter().zip(sinks), ended.letters)?;
        Ok(ended.report)
    }

    fn take_attached(&self) -> Result<(Vec<SinkNode>, Vec<AttachedOutput>)> {
        let attached = std::mem::take(&mut self.state().attached);
        if attached.is_empty() {
            let failure = Failure::new(ErrorKind::Plan, "nothing is attached to this flow");
            return Err(failure.hint("`to_text_file` and its kin attach a sink").into());
        }
        let (mut nodes, mut sinks) = (Vec::new(), Vec::new());
        for Attached { node, open } in attached {
            sinks.push(open().map_err(|failure| node.error(failure))?);
            nodes.push(node);
        }
        refuse_same_file(&nodes, &sinks)?;
        Ok((nodes, sinks))
    }
}

type AttachedOutput = Box<dyn Output + Send>;

fn refuse_same_file(nodes: &[SinkNode], sinks: &[AttachedOutput]) -> Result<()> {
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
