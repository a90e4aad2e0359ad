//! `pipe_as_args`: a command for each row, some at once, their lines in the order of the rows.
//!
//! A newcomer's trap: columns are passed as arguments; they never become part of the command's
//! text.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::error::{ErrorKind, Failure, StepId};
use crate::local::block::Block;
use crate::local::edge::{Edge, Reader, Stop, Writer};
use crate::local::pace::Pace;
use crate::local::session::Session;
use crate::local::shell::{cannot_start, check_ending, push_last, set_environment, take_rows};
use crate::plan::stage::StageId;
use crate::process::Group;
use crate::row::describe::describe_line;
use crate::row::layout::Layout;
use crate::row::{msgpack, text};

/// A command that is run for each row of one partition.
pub(crate) struct PerRow {
    pub session: Arc<Session>,
    pub stage: StageId,
    pub command: String,
    pub partition: u32,
}

impl PerRow {
    /// Runs the commands; returns when none of their processes is left.
    pub(crate) async fn run(self, reader: Reader, out: Writer) {
        let step = self.session.plan.stages[self.stage].step;
        let this = Arc::new(self);
        let mut commands = JoinSet::new();
        let result = tokio::select! {
            result = this.work(step, reader, &out, &mut commands) => result,
            () = out.gone() => Err(Stop::Gone),
            () = this.session.cancel.cancelled() => Err(Stop::Gone),
        };
        // Each one's queue has lost its reader, so each kills its command and ends.
        while commands.join_next().await.is_some() {}
        out.settle(result);
    }

    async fn work(
        self: &Arc<PerRow>,
        step: StepId,
        mut reader: Reader,
        out: &Writer,
        commands: &mut JoinSet<()>,
    ) -> Result<(), Stop> {
        let mut running = VecDeque::new();
        loop {
            let next = self.next_block(&mut reader, &mut running, out).await?;
            let Ok(Some(block)) = &next else {
                // Rows before a failure come first, and so do their commands' failures.
                while let Some(first) = running.pop_front() {
                    pass_on(first, out, self.partition).await?;
                }
                return next.map(drop).map_err(Stop::Failed);
            };
            for row in block.as_rows().each() {
                if running.len() >= self.session.settings.workers {
                    let first = running.pop_front().expect("there is at least one worker");
                    pass_on(first, out, self.partition).await?;
                }
                let edge = Edge::new(1, false, 1, &self.session.meter, step);
                running.push_back(edge.reader(0));
                let row = row.map_err(Failure::from).and_then(|row| arguments(block.layout, row));
                let this = self.clone();
                commands.spawn(async move {
                    let out = edge.writer();
                    match row {
                        Ok(arguments) => this.run_once(step, arguments, out).await,
                        Err(failure) => out.fail(failure),
                    }
                });
                while commands.try_join_next().is_some() {}
            }
        }
    }

    /// The next rows. Until they come, what the first command writes is passed on: a slow source
    /// would otherwise hold back the lines of rows that it gave long ago.
    async fn next_block(
        &self,
        reader: &mut Reader,
        running: &mut VecDeque<Reader>,
        out: &Writer,
    ) -> Result<Result<Option<Block>, Failure>, Stop> {
        while let Some(first) = running.front_mut() {
            tokio::select! {
                next = reader.next() => return Ok(next),
                block = first.next() => match block.map_err(Stop::Failed)? {
                    Some(block) => out.push(Block { partition: self.partition, ..block }).await?,
                    None => drop(running.pop_front()),
                }
            }
        }
        Ok(reader.next().await)
    }

    async fn run_once(&self, step: StepId, arguments: Vec<Vec<u8>>, out: Writer) {
        let mut group = None;
        let result = tokio::select! {
            result = self.command(step, &arguments, &out, &mut group) => result,
            () = out.gone() => Err(Stop::Gone),
            () = self.session.cancel.cancelled() => Err(Stop::Gone),
        };
        if let Some(group) = &mut group {
            group.end().await;
        }
        let shown = || {
            let columns: Vec<String> = arguments.iter().map(|text| describe_line(text)).collect();
            columns.join(", ")
        };
        out.settle(result.map_err(|stop| match stop {
            Stop::Failed(failure) => Stop::Failed(failure.row(shown())),
            Stop::Gone => Stop::Gone,
        }));
    }

    async fn command(
        &self,
        step: StepId,
        arguments: &[Vec<u8>],
        out: &Writer,
        group: &mut Option<Group>,
    ) -> Result<(), Stop> {
        let started = Group::spawn_shell(&self.command, |shell| {
            let arguments = arguments.iter().map(|text| OsString::from_vec(text.clone()));
            set_environment(shell, &self.session, self.stage, self.partition);
            shell.arg("sh").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        });
        let group = group.insert(
            started.map_err(|error| Stop::Failed(cannot_start(&self.command, step, &error)))?,
        );
        let stdout = group.take_stdout().expect("its stdout is a pipe");
        let pace = Pace::default();
        let last = take_rows(&self.session, stdout, out, Layout::Columns, 0, &pace).await?;
        check_ending(group, step, &self.command).await?;
        push_last(out, last).await
    }
}

/// Passes on what one command writes.
async fn pass_on(mut reader: Reader, out: &Writer, partition: u32) -> Result<(), Stop> {
    while let Some(block) = reader.next().await.map_err(Stop::Failed)? {
        out.push(Block { partition, ..block }).await?;
    }
    Ok(())
}

/// The columns of a row as texts.
fn arguments(layout: Layout, row: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let refuse = |message| Err(Failure::new(ErrorKind::Row, message).row(layout.describe(row)));
    let mut columns: Vec<Vec<u8>> = Vec::new();
    match layout {
        Layout::Lines | Layout::Text => columns.push(row.to_vec()),
        Layout::Columns => columns.extend(row.split(|byte| *byte == b'\t').map(<[u8]>::to_vec)),
        Layout::Frames => {
            for (index, value) in (1..).zip(msgpack::columns(row)) {
                let mut column = Vec::new();
                let written = value.map_err(|error| error.to_string()).and_then(|value| {
                    text::append_text(&mut column, value).map_err(|error| error.to_string())
                });
                if let Err(error) = written {
                    return refuse(format!("column {index}: {error}"));
                }
                columns.push(column);
            }
        }
    }
    match columns.iter().position(|column| column.contains(&0)) {
        Some(at) => refuse(format!("column {} has a NUL in it", at + 1)),
        None => Ok(columns),
    }
}
