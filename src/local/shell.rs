//! Shell stages over a stream of rows: `pipe` and `pipe_rows`.
//!
//! A newcomer's trap: a command's stdin is fed and its stdout is taken at once, since either may
//! wait for the other.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

use crate::error::Failure;
use crate::local::again::{Attempts, Source, held_at, pass_on};
use crate::local::command::{Site, Started, end_all, until_wrong, wide_pipe};
use crate::local::edge::{Reader, Stop, Writer};
use crate::local::output::{push_last, take_rows};
use crate::local::pace::Pace;
use crate::plan::command::Command;
use crate::row::pick::Picker;

/// Commands over one partition, each one's stdout the next one's stdin.
pub(crate) struct ShellStage {
    pub site: Site,
    pub commands: Vec<Command>,
}

impl ShellStage {
    /// Runs the commands; returns when none of their processes is left.
    pub(crate) async fn run(self, reader: Reader, out: Writer) {
        let mut started = Vec::new();
        let result = tokio::select! {
            result = self.work(reader, &out, &mut started) => result,
            () = out.gone() => Err(Stop::Gone),
            () = self.site.session.cancel.cancelled() => Err(Stop::Gone),
        };
        end_all(&mut started, &self.site).await;
        out.settle(result);
    }

    async fn work(
        &self,
        reader: Reader,
        out: &Writer,
        started: &mut Vec<Started>,
    ) -> Result<(), Stop> {
        // Of several commands none may be run again.
        if self.commands[0].setup.retries == 0 {
            return self.once(&mut Source::new(reader), out, self.site.partition, started).await;
        }
        let mut rows = Source::kept(reader, &self.site);
        let mut attempts = Attempts::new(&self.site, &self.commands[0]);
        loop {
            let (hold, held) = held_at(&self.site);
            let result = self.once(&mut rows, &hold, 0, started).await;
            if rows.failed {
                return result;
            }
            hold.settle(Ok(()));
            end_all(started, &self.site).await;
            started.clear();
            if !attempts.next(result).await? {
                return pass_on(held, out, self.site.partition).await;
            }
            rows.rewind(&self.site).await.map_err(Stop::Failed)?;
        }
    }

    /// Runs the commands once, with their rows in a partition of `out`.
    async fn once(
        &self,
        rows: &mut Source,
        out: &Writer,
        partition: u32,
        started: &mut Vec<Started>,
    ) -> Result<(), Stop> {
        let (stdin, stdout) = self.start_all(started)?;
        let session = &self.site.session;
        let pace = Pace::default();
        let picker = self.commands[0].pick.as_ref().map(|columns| Picker::new(columns));
        let feed = feed(stdin, rows, picker);
        let take = async {
            let command = self.commands.last().expect("a shell stage has a command");
            let wrong = until_wrong(started);
            let last = tokio::select! {
                taken = take_rows(session, stdout, out, command, partition, &pace) => taken?,
                stop = wrong => return Err(stop),
            };
            for command in started.iter_mut() {
                command.check_ending().await?;
            }
            push_last(out, last).await
        };
        tokio::pin!(feed);
        tokio::pin!(take);
        tokio::select! {
            // A command that has ended wants no more rows, and what failed behind them is nobody's.
            biased;
            taken = &mut take => taken,
            fed = &mut feed => match fed {
                None => take.await,
                Some((failure, stdin)) => tokio::select! {
                    biased;
                    taken = &mut take => taken,
                    () = pace.quiet(&stdin) => Err(Stop::Failed(failure)),
                },
            },
        }
    }

    fn start_all(
        &self,
        started: &mut Vec<Started>,
    ) -> Result<(pipe::Sender, pipe::Receiver), Failure> {
        let no_pipe = |error| Failure::start("a command", &error);
        let (mut input, stdin) = wide_pipe().map_err(no_pipe)?;
        for command in &self.commands {
            let (next, stdout) = wide_pipe().map_err(no_pipe)?;
            self.site.start(command, &[], Stdio::from(input), stdout, started)?;
            input = next;
        }
        let stdin = pipe::Sender::from_owned_fd(stdin).map_err(no_pipe)?;
        let stdout = pipe::Receiver::from_owned_fd(input).map_err(no_pipe)?;
        Ok((stdin, stdout))
    }
}

/// Writes rows until they end or the command reads no more.
///
/// If they end with a failure, the command's stdin comes back open: a command that saw its end
/// would take what it has for the whole, and might mail or upload it.
async fn feed(
    mut stdin: pipe::Sender,
    rows: &mut Source,
    mut picker: Option<Picker>,
) -> Option<(Failure, pipe::Sender)> {
    let mut picked = Vec::new();
    loop {
        let block = match rows.next().await {
            Ok(Some(block)) => block,
            Ok(None) => return None,
            Err(failure) => return Some((failure, stdin)),
        };
        let (bytes, refused) = match &mut picker {
            None => (&block.bytes[..], Ok(())),
            Some(picker) => {
                picked.clear();
                let refused = picker.pick(block.as_rows(), &mut picked);
                (&picked[..], refused)
            }
        };
        if stdin.write_all(bytes).await.is_err() {
            return None;
        }
        if let Err(failure) = refused {
            rows.failed = true;
            return Some((failure, stdin));
        }
    }
}
