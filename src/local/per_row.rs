//! `pipe_as_args`: a command for each row or for some of them, several at once, their lines in the order
//! of the rows.
//!
//! A newcomer's trap: columns are passed as arguments; they never become part of the command's
//! text. Which rows a command gets depends on the rows and on what the system takes, never on the
//! blocks in which they come.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Failure, StepId};
use crate::local::again::{Attempts, held_at, is_its_own, pass_on};
use crate::local::arguments::{Arguments, Room};
use crate::local::command::{Site, Started, end_all, until_wrong};
use crate::local::edge::{Edge, Reader, Stop, Writer};
use crate::local::letters::{TaskLetters, TaskPlace};
use crate::local::output::{push_last, take_rows};
use crate::local::pace::Pace;
use crate::local::tally::Counted;
use crate::local::turns::Turns;
use crate::plan::command::Command;
use crate::row::describe::{describe, describe_line};
use crate::row::layout::Layout;
use crate::worker::rejected::put_letter;
use crate::worker::task::Counts;

/// Of the arguments of several rows, a message shows so many.
const MOST_SHOWN: usize = 3;

/// The rows of one command, and where go what it makes of them.
struct Batch {
    arguments: Arguments,
    out: Writer,
    /// Its place among all of the partition.
    number: u64,
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
        let mut begun_before = 0;
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
                let bytes = row.map_err(|error| Stop::Failed(error.into()))?;
                let mut row = Arguments::of(block.layout, bytes, &room);
                let columns = self.kept_columns(block.layout, bytes);
                if let Ok(row) = &mut row {
                    row.columns.extend(columns.clone());
                }
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
                let (out, number) = (edge.writer(), begun_before);
                begun_before += 1;
                match row {
                    Ok(arguments) => {
                        let begun = Batch { arguments, out, number };
                        match setup.batch > 1 {
                            true => batch = Some(begun),
                            false => self.start(begun, &jobs, &mut turns, commands).await?,
                        }
                    }
                    Err(failure) => {
                        let columns: Vec<_> = columns.into_iter().collect();
                        out.settle(self.leave_out(number, failure.at_step(step), &columns, &out));
                    }
                }
            }
        }
    }

    /// Starts a command for rows, once it is one of those that may run.
    async fn start(
        self: &Arc<PerRow>,
        Batch { arguments, out, number }: Batch,
        jobs: &Arc<Semaphore>,
        turns: &mut Turns<'_>,
        commands: &mut JoinSet<()>,
    ) -> Result<(), Stop> {
        // In the order of the rows: else the first one might wait for those whose turn comes later.
        let permit = turns.meanwhile(jobs.clone().acquire_owned()).await?;
        let this = self.clone();
        commands.spawn(async move {
            this.run_once(number, arguments, out).await;
            drop(permit);
        });
        while commands.try_join_next().is_some() {}
        Ok(())
    }

    async fn run_once(&self, number: u64, arguments: Arguments, out: Writer) {
        let Arguments { texts, rows, columns, .. } = arguments;
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
        out.settle(match result {
            Err(Stop::Failed(failure)) if self.command.guard.is_some() && is_its_own(&failure) => {
                self.leave_out(number, failure, &columns, &out)
            }
            Err(Stop::Failed(failure)) => Err(Stop::Failed(failure.row(shown()))),
            Err(Stop::Gone) => Err(Stop::Gone),
            Ok(()) => {
                if self.command.guard.is_some() {
                    let seen = BTreeMap::from([(self.command.step, u64::from(rows))]);
                    let counts = Counts { seen, ..Counts::default() };
                    out.pass(&Counted::new(&self.site.session.tally, counts));
                }
                Ok(())
            }
        });
    }

    /// The columns of a row, where it may be left out.
    fn kept_columns(&self, layout: Layout, row: &[u8]) -> Option<Vec<u8>> {
        self.command.guard.as_ref()?;
        let mut columns = Vec::new();
        layout.put_columns(row, &mut columns);
        Some(columns)
    }

    /// Leaves the rows of a command out, if that is how the step is meant; else they end the run.
    fn leave_out(
        &self,
        number: u64,
        failure: Failure,
        rows: &[Vec<u8>],
        out: &Writer,
    ) -> Result<(), Stop> {
        if self.command.guard.is_none() {
            return Err(Stop::Failed(failure));
        }
        let Site { session, stage, partition, .. } = &self.site;
        let failure = failure.at_step(self.command.step);
        let mut letters = Vec::new();
        for columns in rows {
            put_letter(&mut letters, &failure.clone().row(describe(columns)), columns);
        }
        let place = TaskPlace { stage: *stage, partition: *partition, task: number };
        let mut of_command = TaskLetters::new(place);
        let taken = session.letters.take(&mut of_command, &letters, &session.meter);
        taken.map_err(Stop::Failed)?;
        let of_step = || BTreeMap::from([(self.command.step, rows.len() as u64)]);
        let counts = Counts { skipped: of_step(), seen: of_step(), ..Counts::default() };
        let (tally, all) = (&session.tally, &session.letters);
        out.pass(&Counted::with_letters(tally, counts, all, of_command));
        Ok(())
    }

    async fn work_on(
        &self,
        arguments: &[Vec<u8>],
        out: &Writer,
        started: &mut Vec<Started>,
    ) -> Result<(), Stop> {
        // What a command has written that fails in the end comes to nothing.
        if self.command.setup.retries == 0 && self.command.guard.is_none() {
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
