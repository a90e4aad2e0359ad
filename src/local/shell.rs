//! Shell stages over a stream of rows: `pipe` and `pipe_rows`.
//!
//! A newcomer's trap: a command that stops reading is not a failure, and one killed by SIGPIPE has
//! only met such a reader. What fails a run is a non-zero exit, another signal, or output that is
//! no rows.

use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, ChildStdout};

use crate::error::{ErrorKind, Failure, StepId};
use crate::local::block::Block;
use crate::local::buffers::Buffers;
use crate::local::edge::{Reader, Stop, Writer};
use crate::local::pace::Pace;
use crate::local::run::Run;
use crate::local::tasks::count_rows;
use crate::plan::stage::{RowKind, StageId};
use crate::process::{Ending, Group};
use crate::row::{frame, msgpack};

/// Bytes that one read of a command's output asks for.
const READ_BYTES: usize = 256 << 10;
const PIPE_BYTES: usize = 1 << 20;

/// How often a command is looked at that may have been stopped.
const LOOK: Duration = Duration::from_secs(1);

/// Commands over one partition, each one's stdout the next one's stdin.
pub(crate) struct ShellStage {
    pub run: Arc<Run>,
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
            () = self.run.cancel.cancelled() => Err(Stop::Gone),
        };
        for command in &mut started {
            command.kill().await;
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
            let kind = self.run.plan.stages[self.stage].output;
            let stopped = self.until_stopped(started);
            let last = tokio::select! {
                taken = take_rows(&self.run, stdout, out, kind, self.partition, &pace) => taken?,
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

    fn start_all(&self, started: &mut Vec<Group>) -> Result<(ChildStdin, ChildStdout), Stop> {
        let partitions = self.run.plan.stages[self.stage].partitions;
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
                shell
                    .stdin(input)
                    .stdout(stdout)
                    .env("GLEAMFLOW_PARTITION", self.partition.to_string())
                    .env("GLEAMFLOW_PARTITIONS", partitions.to_string());
            })
            .map_err(failed)?;
            started.push(group);
            between = next;
        }
        let first = started.first_mut().expect("a shell stage has a command");
        let stdin = first.child.stdin.take().expect("the first command's stdin is a pipe");
        let last = started.last_mut().expect("a shell stage has a command");
        let stdout = last.child.stdout.take().expect("the last command's stdout is a pipe");
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

pub(crate) fn cannot_start(command: &str, step: StepId, error: &std::io::Error) -> Failure {
    Failure::new(ErrorKind::Command, format!("cannot start `{command}`: {error}")).at_step(step)
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
async fn feed(mut stdin: ChildStdin, mut reader: Reader) -> Option<(Failure, ChildStdin)> {
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
            let tail = group.stderr_tail().await;
            for line in tail.lines() {
                message.push_str("\n  stderr: ");
                message.push_str(line);
            }
            let failure = Failure::new(ErrorKind::Command, message);
            match status.code() {
                Some(127) => failure.hint("is the command installed, and in PATH?"),
                Some(126) => failure.hint("is the command executable?"),
                _ => failure,
            }
        }
        Err(error) => Failure::io(format!("cannot wait for `{command}`"), &error),
    };
    Err(Stop::Failed(failure.at_step(step)))
}

/// Passes on what a command writes, in blocks of whole rows. A last line without a LF is given
/// back: it is a row only of a command that ends well, and else what one has left half-written.
pub(crate) async fn take_rows(
    run: &Run,
    mut stdout: impl AsyncRead + Unpin,
    out: &Writer,
    kind: RowKind,
    partition: u32,
    pace: &Pace,
) -> Result<Option<Block>, Stop> {
    let max_row = run.settings.limits.max_row;
    let mut buffer = run.buffers.take();
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
        let (end, rows) = match kind {
            RowKind::Frames => {
                let whole = frame::whole(&buffer, max_row).map_err(not_frames)?;
                check_payloads(&buffer[..whole.bytes])?;
                (whole.bytes, whole.rows)
            }
            _ => match memchr::memrchr(b'\n', &buffer[fresh..]) {
                Some(at) => (fresh + at + 1, 0),
                None => (0, 0),
            },
        };
        if end > 0 {
            let bytes = take_front(&run.buffers, &mut buffer, end);
            let rows = if rows == 0 { count_rows(kind, &bytes) } else { rows };
            pace.passing.store(true, Ordering::Relaxed);
            out.push(Block { kind, partition, rows, bytes }).await?;
            pace.passing.store(false, Ordering::Relaxed);
        }
        if buffer.len() > max_row {
            let message = format!("a command wrote a line of more than {max_row} bytes");
            let failure = Failure::new(ErrorKind::Row, message);
            return Err(Stop::Failed(failure.hint("`max_row` sets the longest row")));
        }
    }
    if buffer.is_empty() {
        return Ok(None);
    }
    if kind == RowKind::Frames {
        let message = "a command's output ends within a frame";
        return Err(Stop::Failed(Failure::new(ErrorKind::Command, message)));
    }
    buffer.extend_from_slice(b"\n");
    let bytes = Bytes::from(buffer);
    Ok(Some(Block { kind, partition, rows: 1, bytes }))
}

/// Passes on the last line of a command that has ended well.
pub(crate) async fn push_last(out: &Writer, last: Option<Block>) -> Result<(), Stop> {
    match last {
        Some(block) => Ok(out.push(block).await?),
        None => Ok(()),
    }
}

/// Takes whole rows from the front; what is left is the start of a row.
fn take_front(buffers: &Buffers, buffer: &mut Vec<u8>, end: usize) -> Bytes {
    let mut rest = buffers.take();
    rest.extend_from_slice(&buffer[end..]);
    buffer.truncate(end);
    buffers.freeze(std::mem::replace(buffer, rest))
}

/// Rows of other people's programs are looked through here, where the command can still be named.
fn check_payloads(frames: &[u8]) -> Result<(), Stop> {
    for payload in frame::Frames::new(frames, usize::MAX) {
        for column in msgpack::columns(payload.map_err(not_frames)?) {
            column.map_err(not_frames)?;
        }
    }
    Ok(())
}

fn not_frames(error: impl std::fmt::Display) -> Stop {
    let message = format!("a command's output is not frames: {error}");
    Stop::Failed(
        Failure::new(ErrorKind::Command, message)
            .hint("`pipe_rows` is for programs that speak frames; `pipe` takes lines"),
    )
}
