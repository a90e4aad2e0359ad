//! Shell stages over a stream of rows: `pipe` and `pipe_rows`.
//!
//! A newcomer's trap: a command's stdin is fed and its stdout is taken at once, since either may
//! wait for the other.

use std::process::Stdio;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use crate::error::{ErrorKind, Failure};
use crate::local::again::{Attempts, Source, held_at, pass_on};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::command::{Site, Started, end_all, until_wrong, wide_pipe};
use crate::local::edge::{Reader, Stop, Writer};
use crate::local::pace::Pace;
use crate::local::session::Session;
use crate::plan::command::Command;
use crate::row::layout::{Layout, Rows};
use crate::row::{frame, msgpack};
use crate::source::long_row::longer_than;

/// Bytes that one read of a command's output asks for.
const READ_BYTES: usize = 256 << 10;

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
        let Site { session, stage, .. } = &self.site;
        let pace = Pace::default();
        let feed = feed(stdin, rows);
        let take = async {
            let layout = session.plan.stages[*stage].output.layout();
            let wrong = until_wrong(started);
            let last = tokio::select! {
                taken = take_rows(session, stdout, out, layout, partition, &pace) => taken?,
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
async fn feed(mut stdin: pipe::Sender, rows: &mut Source) -> Option<(Failure, pipe::Sender)> {
    loop {
        match rows.next().await {
            Ok(Some(block)) if stdin.write_all(&block.bytes).await.is_ok() => {}
            Ok(_) => return None,
            Err(failure) => return Some((failure, stdin)),
        }
    }
}

/// Passes on what a command writes, in blocks of whole rows. A last line without a LF is given
/// back: it is a row only of a command that ends well, and else what one has left half-written.
pub(crate) async fn take_rows(
    session: &Session,
    mut stdout: impl AsyncRead + Unpin,
    out: &Writer,
    layout: Layout,
    partition: u32,
    pace: &Pace,
) -> Result<Option<Block>, Stop> {
    let max_row = session.settings.limits.max_row;
    let mut buffer = session.buffers.take();
    loop {
        if buffer.capacity() - buffer.len() < READ_BYTES / 2 {
            buffer.reserve(READ_BYTES);
        }
        let read = stdout
            .read_buf(&mut buffer)
            .await
            .map_err(|error| Stop::Failed(Failure::io("cannot read a command's output", &error)))?;
        if read == 0 {
            break;
        }
        pace.pieces.fetch_add(1, Ordering::Relaxed);
        let fresh = buffer.len() - read;
        let (end, refused) = match layout {
            Layout::Frames => whole_frames(&buffer, max_row),
            _ => whole_lines(&buffer, fresh, max_row),
        };
        // Rows before a bad one come first, however one read has brought them.
        if end > 0 {
            let bytes = take_front(&session.buffers, &mut buffer, end);
            let rows = Rows::new(layout, &bytes).count();
            pace.passing.store(true, Ordering::Relaxed);
            out.push(Block { layout, partition, rows, bytes }).await?;
            pace.passing.store(false, Ordering::Relaxed);
        }
        if let Some(failure) = refused {
            return Err(Stop::Failed(failure));
        }
    }
    if buffer.is_empty() {
        return Ok(None);
    }
    if layout == Layout::Frames {
        let message = "a command's output ends within a frame";
        return Err(Stop::Failed(Failure::new(ErrorKind::Command, message)));
    }
    buffer.extend_from_slice(b"\n");
    let bytes = Bytes::from(buffer);
    Ok(Some(Block { layout, partition, rows: 1, bytes }))
}

/// Passes on the last line of a command that has ended well.
pub(crate) async fn push_last(out: &Writer, last: Option<Block>) -> Result<(), Stop> {
    match last {
        Some(block) => Ok(out.push(block).await?),
        None => Ok(()),
    }
}

/// Where the whole lines at the front of a buffer end, and what is wrong with the one behind them.
/// Before `fresh` no line ends.
fn whole_lines(buffer: &[u8], fresh: usize, max_row: usize) -> (usize, Option<Failure>) {
    let end = memchr::memrchr(b'\n', &buffer[fresh..]).map_or(0, |at| fresh + at + 1);
    let long = Rows::lines(&buffer[..end]).first_longer(max_row);
    let long = long.or_else(|| (buffer.len() - end > max_row).then_some(end));
    let failure = long.map(|_| longer_than("a command wrote a line of", max_row));
    (long.unwrap_or(end), failure)
}

/// The same of frames. Rows of other people's programs are looked through here, where the command
/// can still be named.
fn whole_frames(buffer: &[u8], max_row: usize) -> (usize, Option<Failure>) {
    let mut end = 0;
    loop {
        let whole = match frame::first(&buffer[end..], max_row) {
            Ok(None) => return (end, None),
            Ok(Some(payload)) => check_payload(payload).map(|()| payload.len()),
            Err(error) => Err(not_frames(error)),
        };
        match whole {
            Ok(len) => end += frame::LENGTH_BYTES + len,
            Err(failure) => return (end, Some(failure)),
        }
    }
}

/// Takes whole rows from the front; what is left is the start of a row.
fn take_front(buffers: &Buffers, buffer: &mut Vec<u8>, end: usize) -> Bytes {
    let mut rest = buffers.take();
    rest.extend_from_slice(&buffer[end..]);
    buffer.truncate(end);
    buffers.freeze(std::mem::replace(buffer, rest))
}

fn check_payload(payload: &[u8]) -> Result<(), Failure> {
    msgpack::columns(payload).try_for_each(|column| column.map(drop)).map_err(not_frames)
}

fn not_frames(error: impl std::fmt::Display) -> Failure {
    let message = format!("a command's output is not frames: {error}");
    Failure::new(ErrorKind::Command, message)
        .hint("`pipe_rows` is for programs that speak frames; `pipe` takes lines")
}
