//! `pipe_as_args`: a command for each row or for some of them, several at once, their lines in the order
//! of the rows.
//!
//! A newcomer's trap: columns are passed as arguments; they never become part of the command's
//! text. Which rows a command gets depends on the rows and on what the system takes, never on the
//! blocks in which they come.

use std::process::Stdio;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Failure, StepId};
use crate::local::again::{Attempts, held_at, pass_on};
use crate::local::arguments::{Arguments, Room};
use crate::local::command::{Site, Started, end_all, until_wrong};
use crate::local::edge::{Edge, Reader, Stop, Writer};
use crate::local::output::{push_last, take_rows};
use crate::local::pace::Pace;
use crate::local::turns::Turns;
use crate::plan::command::Command;
use crate::row::describe::describe_line;

/// Of the arguments of several rows, a message shows so many.
const MOST_SHOWN: usize = 3;

/// The rows of one command, and where go what it makes of them.
struct Batch {
    arguments: Arguments,
    out: Writer,
}

/// A command that is run for each row of one partition, or for so many of them.
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
        let setup = &self.command.setup;
        let most = setup.jobs.unwrap_or(self.site.session.settings.workers);
        let jobs = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        let room = Room::of(&self.command);
        let mut turns = Turns::new(out, self.site.partition);
        // The rows of a command have their turn from the first of them on.
        let mut batch: Option<Batch> = None;
        loop {
            let next = turns.next_block(&mut reader).await?;
            let Ok(Some(block)) = &next else {
                if let Some(batch) = batch {
                    self.start(batch, &jobs, &mut turns, commands).await?;
                }
                // Rows before a failure come first, and so do their commands' failures.
                turns.pass_all().await?;
                return next.map(drop).map_err(Stop::Failed);
            };
            for row in block.as_rows().each() {
                let row = row.map_err(Failure::from);
                let mut row = row.and_then(|row| Arguments::of(block.layout, row, &room));
                if let Some(mut begun) = batch.take() {
                    row = match row {
                        Ok(row) => match begun.arguments.add(row, &room) {
                            Ok(()) if begun.arguments.rows < setup.batch => {
                                batch = Some(begun);
                                continue;
                            }
                            Ok(()) => {
                                self.start(begun, &jobs, &mut turns, commands).await?;
                                continue;
                            }
                            Err(row) => Ok(row),
                        },
                        failed => failed,
                    };
                    self.start(begun, &jobs, &mut turns, commands).await?;
                }
                // Some are ahead of the first one, which may take long, but not any number.
                while turns.len() >= most.saturating_mul(2) {
                    turns.pass_first().await?;
                }
                let edge = Edge::new(1, false, 1, &self.site.session.meter, step);
                turns.push(edge.reader(0));
                let out = edge.writer();
                match row {
                    Ok(arguments) if setup.batch > 1 => batch = Some(Batch { arguments, out }),
                    Ok(arguments) => {
                        let batch = Batch { arguments, out };
                        self.start(batch, &jobs, &mut turns, commands).await?;
                    }
                    Err(failure) => out.fail(failure.at_step(step)),
                }
            }
        }
    }

    /// Starts a command for rows, once it is one of those that may run.
    async fn start(
        self: &Arc<PerRow>,
        Batch { arguments, out }: Batch,
        jobs: &Arc<Semaphore>,
        turns: &mut Turns<'_>,
        commands: &mut JoinSet<()>,
    ) -> Result<(), Stop> {
        // In the order of the rows: else the first one might wait for those whose turn comes later.
        let permit = turns.meanwhile(jobs.clone().acquire_owned()).await?;
        let this = self.clone();
        commands.spawn(async move {
            this.run_once(arguments, out).await;
            drop(permit);
        });
        while commands.try_join_next().is_some() {}
        Ok(())
    }

    async fn run_once(&self, Arguments { texts, rows, .. }: Arguments, out: Writer) {
        let mut started = Vec::new();
        let result = tokio::select! {
            result = self.work_on(&texts, &out, &mut started) => result,
            () = out.gone() => Err(Stop::Gone),
            () = self.site.session.cancel.cancelled() => Err(Stop::Gone),
        };
        end_all(&mut started, &self.site).await;
        let shown = || {
            let most = if rows == 1 { texts.len() } else { MOST_SHOWN };
            let columns = texts.iter().take(most).map(|text| describe_line(text));
            let shown = columns.collect::<Vec<_>>().join(", ");
            match rows {
                1 => shown,
                _ => format!("{rows} rows: {shown}{}", if texts.len() > most { ", …" } else { "" }),
            }
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
