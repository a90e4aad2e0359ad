//! Shell stages over a stream of rows: `pipe` and `pipe_rows`.
//!
//! A newcomer's trap: a command that stops reading is not a failure, and one killed by SIGPIPE has
//! only met such a reader. What fails a run is a non-zero exit, another signal, or output that is
//! no rows.

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use crate::error::{ErrorKind, Failure, StepId};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::edge::{Reader, Stop, Writer};
use crate::local::pace::Pace;
use crate::local::session::Session;
use crate::plan::stage::StageId;
use crate::process::{Ending, Group};
use crate::row::layout::{Layout, Rows};
use crate::row::{frame, msgpack};
use crate::source::long_row::longer_than;

/// Bytes that one read of a command's output asks for.
const READ_BYTES: usize = 256 << 10;
const PIPE_BYTES: usize = 1 << 20;

/// How often a command is looked at that may have been stopped.
const LOOK: Duration = Duration::from_secs(1);

/// Commands over one partition, each one's stdout the next one's stdin.
pub(crate) struct ShellStage {
    pub session: Arc<Session>,
    pub stage: StageId,
    pub commands: Vec<(StepId, String)>,
    pub partition: u32,
}

impl ShellStage {
    /// Runs the commands; returns when none of their processes is left.
    pub(crate) async fn run(self, reader: Reader, out: Writer) {
        let mut started = Vec::new();
        let result = tokio::select! {
            result = self.work(reader, &out, &mut started) => result,
            () = out.gone() => Err(Stop::Gone),
            () = self.session.cancel.cancelled() => Err(Stop::Gone),
        };
        for command in &mut started {
            command.ask_to_end().await;
        }
        for command in &mut started {
            command.end().await;
        }
        out.settle(result);
    }

    async fn work(
        &self,
        reader: Reader,
        out: &Writer,
        started: &mut Vec<Group>,
    ) -> Result<(), Stop> {
        let (stdin, stdout) = self.start_all(started)?;
        let pace = Pace::default();
        let feed = feed(stdin, reader);
        let take = async {
            let layout = self.session.plan.stages[self.stage].output.layout();
            let stopped = self.until_stopped(started);
            let last = tokio::select! {
                taken = take_rows(&self.session, stdout, out, layout, self.partition, &pace) => taken?,
                stop = stopped => return Err(stop),
            };
            for (command, (step, text)) in started.iter_mut().zip(&self.commands) {
                check_ending(command, *step, text).await?;
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

    fn start_all(&self, started: &mut Vec<Group>) -> Result<(pipe::Sender, pipe::Receiver), Stop> {
        let mut between: Option<OwnedFd> = None;
        for (index, (step, command)) in self.commands.iter().enumerate() {
            let failed = |error| Stop::Failed(cannot_start(command, *step, &error));
            let mut next = None;
            let stdout = if index + 1 < self.commands.len() {
                let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
                    .map_err(|error| failed(error.into()))?;
                widen(&reader);
                next = Some(reader);
                Stdio::from(writer)
            } else {
                Stdio::piped()
            };
            let input = between.take().map_or_else(Stdio::piped, Stdio::from);
            let group = Group::spawn_shell(command, |shell| {
                set_environment(shell, &self.session, self.stage, self.partition);
                shell.stdin(input).stdout(stdout);
            })
            .map_err(failed)?;
            started.push(group);
            between = next;
        }
        let first = started.first_mut().expect("a shell stage has a command");
        let stdin = first.take_stdin().expect("the first command's stdin is a pipe");
        let last = started.last_mut().expect("a shell stage has a command");
        let stdout = last.take_stdout().expect("the last command's stdout is a pipe");
        widen(&stdin);
        widen(&stdout);
        Ok((stdin, stdout))
    }

    /// Resolves when the terminal has stopped a command, which then waits for what never comes.
    async fn until_stopped(&self, started: &[Group]) -> Stop {
        loop {
            tokio::time::sleep(LOOK).await;
            for (command, (step, text)) in started.iter().zip(&self.commands) {
                if command.is_stopped_by_terminal() {
                    let message = format!("`{text}` was stopped because it used the terminal");
                    let failure = Failure::new(ErrorKind::Command, message).at_step(*step);
                    return Stop::Failed(failure.hint("a step cannot ask questions"));
                }
            }
        }
    }
}

/// What a command finds in its environment beside what the program has.
pub(crate) fn set_environment(
    shell: &mut Command,
    session: &Session,
    stage: StageId,
    partition: u32,
) {
    let partitions = session.plan.stages[stage].partitions;
    shell
        .env("GLEAMFLOW_PARTITION", partition.to_string())
        .env("GLEAMFLOW_PARTITIONS", partitions.to_string());
    if let Some(folder) = session.command_folder() {
        shell.env("TMPDIR", folder);
    }
}

pub(crate) fn cannot_start(command: &str, step: StepId, error: &std::io::Error) -> Failure {
    let failure = Failure::start(format_args!("`{command}`"), error);
    Failure { kind: ErrorKind::Command, ..failure }.at_step(step)
}

/// Asks for a larger pipe. The system's limit may be lower; a small one is slower and no less
/// right.
fn widen(pipe: impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
}

/// Writes rows until they end or the command reads no more.
///
/// If they end with a failure, the command's stdin comes back open: a command that saw its end
/// would take what it has for the whole, and might mail or upload it.
async fn feed(mut stdin: pipe::Sender, mut reader: Reader) -> Option<(Failure, pipe::Sender)> {
    loop {
        match reader.next().await {
            Ok(Some(block)) if stdin.write_all(&block.bytes).await.is_ok() => {}
            Ok(_) => return None,
            Err(failure) => return Some((failure, stdin)),
        }
    }
}

pub(crate) async fn check_ending(
    group: &mut Group,
    step: StepId,
    command: &str,
) -> Result<(), Stop> {
    let failure = match group.wait().await {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) if Ending(status).by_closed_output() => return Ok(()),
        Ok(status) => {
            let mut message = format!("`{command}` {}", Ending(status));
            let tail = group.stderr_tail();
            for line in tail.lines() {
                message.push_str("\n  stderr: ");
                message.push_str(line);
            }
            let failure = Failure::new(ErrorKind::Command, message);
            match status.code() {
                Some(127) => failure.hint("is the command installed, and in PATH?"),
                Some(126) => failure.hint("is the command executable?"),
                Some(1) if tail.is_empty() && ends_with_grep(command) => failure.hint(
                    "grep exits with 1 when no line matches; where that is fine: \
                     `grep foo || [ $? = 1 ]`",
                ),
                _ => failure,
            }
        }
        Err(error) => Failure::io(format!("cannot wait for `{command}`"), &error)
            .hint("does the program itself wait for children that are not its own?"),
    };
    Err(Stop::Failed(failure.at_step(step)))
}

/// Whether a command's exit code is that of grep, or of one that goes by its rules.
fn ends_with_grep(command: &str) -> bool {
    let mut quote = None;
    let last = command.trim().rsplit(|c| {
        // From behind, a quote begins where it ends.
        match quote {
            Some(open) if open == c => quote = None,
            None if matches!(c, '\'' | '"') => quote = Some(c),
            _ => {}
        }
        quote.is_none() && matches!(c, '|' | ';' | '&' | '\n')
    });
    let mut words = last.take(1).flat_map(str::split_ascii_whitespace);
    // Variables may be set before the command: `LC_ALL=C grep foo`.
    let program = words.find(|word| !word.contains('=')).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    matches!(program, "grep" | "egrep" | "fgrep" | "zgrep" | "rg")
        || program == "git" && words.next() == Some("grep")
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
