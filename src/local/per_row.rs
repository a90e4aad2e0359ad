//! `pipe_as_args`: a command for each row, some at once, their lines in the order of the rows.
//!
//! A newcomer's trap: columns are passed as arguments; they never become part of the command's
//! text.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::task::JoinSet;

use crate::error::{ErrorKind, Failure, StepId};
use crate::local::again::{Attempts, held_at, pass_on};
use crate::local::block::Block;
use crate::local::command::{Site, Started, end_all, until_wrong};
use crate::local::edge::{Edge, Reader, Stop, Writer};
use crate::local::output::{push_last, take_rows};
use crate::local::pace::Pace;
use crate::plan::command::Command;
use crate::row::describe::describe_line;
use crate::row::layout::Layout;
use crate::row::{msgpack, text};

/// A command that is run for each row of one partition.
pub(crate) struct PerRow {
    pub site: Site,
    pub command: Command,
}

impl PerRow {
    /// Runs the commands; returns when none of their processes is left.
    pub(crate) async fn run(self, reader: Reader, out: Writer) {
        let step = self.command.step;
        let this = Arc::new(self);
        let mut commands = JoinSet::new();
        let result = tokio::select! {
            result = this.work(step, reader, &out, &mut commands) => result,
            () = out.gone() => Err(Stop::Gone),
            () = this.site.session.cancel.cancelled() => Err(Stop::Gone),
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
                    pass_on(first, out, self.site.partition).await?;
                }
                return next.map(drop).map_err(Stop::Failed);
            };
            for row in block.as_rows().each() {
                if running.len() >= self.site.session.settings.workers {
                    let first = running.pop_front().expect("there is at least one worker");
                    pass_on(first, out, self.site.partition).await?;
                }
                let edge = Edge::new(1, false, 1, &self.site.session.meter, step);
                running.push_back(edge.reader(0));
                let row = row.map_err(Failure::from).and_then(|row| arguments(block.layout, row));
                let this = self.clone();
                commands.spawn(async move {
                    let out = edge.writer();
                    match row {
                        Ok(arguments) => this.run_once(arguments, out).await,
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
                    Some(block) => out.push(Block { partition: self.site.partition, ..block }).await?,
                    None => drop(running.pop_front()),
                }
            }
        }
        Ok(reader.next().await)
    }

    async fn run_once(&self, arguments: Vec<Vec<u8>>, out: Writer) {
        let mut started = Vec::new();
        let result = tokio::select! {
            result = self.work_on(&arguments, &out, &mut started) => result,
            () = out.gone() => Err(Stop::Gone),
            () = self.site.session.cancel.cancelled() => Err(Stop::Gone),
        };
        end_all(&mut started, &self.site).await;
        let shown = || {
            let columns: Vec<String> = arguments.iter().map(|text| describe_line(text)).collect();
            columns.join(", ")
        };
        out.settle(result.map_err(|stop| match stop {
            Stop::Failed(failure) => Stop::Failed(failure.row(shown())),
            Stop::Gone => Stop::Gone,
        }));
    }

    async fn work_on(
        &self,
        arguments: &[Vec<u8>],
        out: &Writer,
        started: &mut Vec<Started>,
    ) -> Result<(), Stop> {
        if self.command.setup.retries == 0 {
            return self.once(arguments, out, started).await;
        }
        let mut attempts = Attempts::new(&self.site, &self.command);
        loop {
            let (hold, held) = held_at(&self.site);
            let result = self.once(arguments, &hold, started).await;
            hold.settle(Ok(()));
            end_all(started, &self.site).await;
            started.clear();
            if !attempts.next(result).await? {
                return pass_on(held, out, 0).await;
            }
        }
    }

    /// Runs the command once.
    async fn once(
        &self,
        arguments: &[Vec<u8>],
        out: &Writer,
        started: &mut Vec<Started>,
    ) -> Result<(), Stop> {
        let no_pipe = |error| Failure::start("a command", &error);
        let pipe = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
        let (ours, stdout) = pipe.map_err(|error| no_pipe(error.into()))?;
        self.site.start(&self.command, arguments, Stdio::null(), stdout, started)?;
        let stdout = pipe::Receiver::from_owned_fd(ours).map_err(no_pipe)?;
        let session = &self.site.session;
        let pace = Pace::default();
        let wrong = until_wrong(started);
        let last = tokio::select! {
            taken = take_rows(session, stdout, out, &self.command, 0, &pace) => taken?,
            stop = wrong => return Err(stop),
        };
        for command in started.iter_mut() {
            command.check_ending().await?;
        }
        push_last(out, last).await
    }
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
