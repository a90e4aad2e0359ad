//! One of the user's commands, started, and what its end means.
//!
//! A newcomer's trap: a command that stops reading is not a failure, and one killed by SIGPIPE has
//! only met such a reader.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{self, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::{ErrorKind, Failure, StepId, Warning};
use crate::local::edge::Stop;
use crate::local::session::Session;
use crate::plan::command::{Command, Program, Stderr};
use crate::plan::pipe_line::{Pipes, pipes};
use crate::plan::stage::StageId;
use crate::process::{Ending, Group, To};

const PIPE_BYTES: usize = 1 << 20;

/// Found also by a command whose PATH is another.
static SHELL: LazyLock<&str> = LazyLock::new(|| match Path::new("/bin/sh").exists() {
    true => "/bin/sh",
    false => "sh",
});

/// How often a command is looked at that may have been stopped.
const LOOK: Duration = Duration::from_secs(1);

/// Where the commands of a stage run.
#[derive(Clone)]
pub(crate) struct Site {
    pub session: Arc<Session>,
    pub stage: StageId,
    pub partition: u32,
}

/// A process of a command.
pub(crate) struct Started {
    group: Group,
    step: StepId,
    /// What a person calls it.
    shown: String,
    /// Its text for a shell, if it has one.
    line: String,
    accept: Vec<u8>,
    /// When it must have ended, and how much time that was.
    late: Option<(Instant, Duration)>,
}

/// A pipe's reading end, and its writing end.
pub(crate) fn wide_pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    widen(&reader);
    Ok((reader, writer))
}

/// Asks for a larger pipe. The system's limit may be lower; a small one is slower and no less
/// right.
fn widen(pipe: impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
}

impl Site {
    /// Starts a command. Its processes are added to `started` as they start.
    pub(crate) fn start(
        &self,
        command: &Command,
        arguments: &[Vec<u8>],
        stdin: Stdio,
        stdout: OwnedFd,
        started: &mut Vec<Started>,
    ) -> Result<(), Failure> {
        let words = match &command.program {
            Program::Words(words) => words.iter().map(|word| OsStr::from_bytes(word)).collect(),
            Program::Line(line) => {
                let parts = match pipes(line) {
                    Pipes::Parts(parts) => parts,
                    _ => vec![line.as_str()],
                };
                return self.start_parts(command, &parts, arguments, stdin, stdout, started);
            }
        };
        let shown = command.program.to_string();
        let mut process = self.process(command, words, arguments);
        process.stdin(stdin);
        let line = shown.clone();
        started.push(start_one(command, shown, line, process, stdout, None)?);
        self.session.tally.begin_command(self.stage);
        Ok(())
    }

    /// Starts the parts of a line, each one's output the next one's input.
    fn start_parts(
        &self,
        command: &Command,
        parts: &[&str],
        arguments: &[Vec<u8>],
        stdin: Stdio,
        stdout: OwnedFd,
        started: &mut Vec<Started>,
    ) -> Result<(), Failure> {
        let (mut input, mut output) = (Some(stdin), Some(stdout));
        for (index, part) in parts.iter().enumerate() {
            let shown = match parts {
                [_] => part.to_string(),
                _ => format!("{}` of `{}", part, command.program),
            };
            let no_pipe = |error| cannot_start(command, &shown, &error);
            let (stdin, mut stderr) = (input.take().unwrap_or_else(Stdio::null), None);
            let stdout = if index + 1 < parts.len() {
                let (next, stdout) = wide_pipe().map_err(no_pipe)?;
                input = Some(Stdio::from(next));
                // What it says does not go into the next one, but where the line's output goes.
                if command.setup.stderr == Stderr::Merge {
                    let output = output.as_ref().map(OwnedFd::try_clone);
                    stderr = output.transpose().map_err(no_pipe)?;
                }
                stdout
            } else {
                output.take().expect("the last part takes it")
            };
            let words = [*SHELL, "-c", part, "sh"].map(OsStr::new).to_vec();
            let mut process = self.process(command, words, arguments);
            process.stdin(stdin);
            let line = part.to_string();
            started.push(start_one(command, shown, line, process, stdout, stderr)?);
            self.session.tally.begin_command(self.stage);
        }
        Ok(())
    }

    /// A process that is ready but for its streams.
    fn process(
        &self,
        command: &Command,
        words: Vec<&OsStr>,
        arguments: &[Vec<u8>],
    ) -> process::Command {
        let arguments = arguments.iter().map(|text| OsStr::from_bytes(text));
        let (program, words) = words.split_first().expect("the plan has refused no words");
        let mut process = process::Command::new(program);
        process.args(words).args(arguments);
        let partitions = self.session.plan.stages[self.stage].partitions;
        process
            .env("GLEAMFLOW_PARTITION", self.partition.to_string())
            .env("GLEAMFLOW_PARTITIONS", partitions.to_string());
        if let Some(folder) = self.session.command_folder() {
            process.env("TMPDIR", folder);
        }
        for (name, value) in &command.setup.env {
            process.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
        if let Some(dir) = &command.setup.dir {
            process.current_dir(OsStr::from_bytes(dir));
        }
        process
    }
}

/// Starts a process of a command, whose stdin is set. `merged` is where its stderr goes, if that goes with the output and
/// not with its own.
fn start_one(
    command: &Command,
    shown: String,
    line: String,
    mut process: process::Command,
    stdout: OwnedFd,
    merged: Option<OwnedFd>,
) -> Result<Started, Failure> {
    let setup = &command.setup;
    let failed = |error: &std::io::Error| cannot_start(command, &shown, error);
    let to = match (setup.stderr, merged) {
        (Stderr::Pass, _) => To::Program,
        (Stderr::Quiet, _) => To::Quiet,
        (Stderr::Merge, Some(output)) => To::Output(output),
        (Stderr::Merge, None) => To::Output(stdout.try_clone().map_err(|error| failed(&error))?),
    };
    process.stdout(stdout);
    let group = Group::spawn(&shown, process, to).map_err(|error| failed(&error))?;
    Ok(Started {
        group,
        step: command.step,
        accept: setup.accept.clone(),
        late: setup.timeout.map(|timeout| (Instant::now() + timeout, timeout)),
        shown,
        line,
    })
}

fn cannot_start(command: &Command, shown: &str, error: &std::io::Error) -> Failure {
    let step = command.step;
    if let Some(dir) = &command.setup.dir {
        let dir = Path::new(OsStr::from_bytes(dir));
        if let Err(error) = std::fs::read_dir(dir) {
            let message = format!("`{shown}` cannot run in {}: {error}", dir.display());
            return Failure::new(ErrorKind::Command, message).at_step(step);
        }
    }
    let failure = Failure::start(format_args!("`{shown}`"), error);
    let failure = Failure { kind: ErrorKind::Command, ..failure }.at_step(step);
    match error.kind() {
        std::io::ErrorKind::NotFound => failure.hint(MISSING),
        std::io::ErrorKind::PermissionDenied => failure.hint(NO_PROGRAM),
        _ => failure,
    }
}

const MISSING: &str = "is the command installed, and in PATH?";
const NO_PROGRAM: &str = "is the command executable?";

/// Resolves when one of the processes must not go on: the terminal has stopped it, so that it waits
/// for what never comes, or it has taken longer than it may.
pub(crate) async fn until_wrong(started: &[Started]) -> Stop {
    tokio::select! {
        stop = until_stopped(started) => stop,
        stop = until_late(started) => stop,
    }
}

async fn until_stopped(started: &[Started]) -> Stop {
    loop {
        tokio::time::sleep(LOOK).await;
        for command in started {
            if command.group.is_stopped_by_terminal() {
                let shown = &command.shown;
                let message = format!("`{shown}` was stopped because it used the terminal");
                let failure = Failure::new(ErrorKind::Command, message).at_step(command.step);
                return Stop::Failed(failure.hint("a step cannot ask questions"));
            }
        }
    }
}

async fn until_late(started: &[Started]) -> Stop {
    let mut limits: Vec<_> =
        started.iter().filter_map(|command| Some((command.late?.0, command))).collect();
    limits.sort_by_key(|(at, _)| *at);
    for (at, command) in limits {
        sleep_until(at).await;
        if !command.group.has_ended() {
            return Stop::Failed(command.is_late());
        }
    }
    std::future::pending().await
}

/// Says of which pipes only the last command's exit code counts.
pub(crate) fn warn_of_pipes(session: &Session, commands: &[Command]) {
    for command in commands {
        if let Program::Line(line) = &command.program
            && pipes(line) == Pipes::Within
        {
            let message = format!("of a pipe in `{line}` only the last command's exit code counts");
            session.warnings.add(
                Warning::new(message)
                    .at_step(command.step)
                    .hint("in a line that is one pipe and nothing else, each command's does"),
            );
        }
    }
}

/// Ends processes, all at once: each is asked to, and killed if it does not.
pub(crate) async fn end_all(started: &mut [Started], site: &Site) {
    for command in &mut *started {
        command.group.ask_to_end().await;
    }
    for command in started {
        command.group.end().await;
        site.session.tally.command_ended(site.stage, command.step, command.group.cpu());
    }
}

impl Started {
    /// Waits for the end, and says what it means.
    pub(crate) async fn check_ending(&mut self) -> Result<(), Stop> {
        if let Some((at, _)) = self.late
            && timeout_at(at, self.group.ended()).await.is_err()
        {
            return Err(Stop::Failed(self.is_late()));
        }
        let shown = &self.shown;
        let status = self.group.wait().await.map_err(|error| {
            let failure = Failure::io(format!("cannot wait for `{shown}`"), &error)
                .hint("does the program itself wait for children that are not its own?");
            Stop::Failed(failure.at_step(self.step))
        })?;
        let ending = Ending(status);
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        if code.is_some_and(|code| self.accept.contains(&code)) || ending.by_closed_output() {
            return Ok(());
        }
        let mut message = format!("`{shown}` {ending}");
        let tail = self.group.stderr_tail();
        for line in tail.lines() {
            message.push_str("\n  stderr: ");
            message.push_str(line);
        }
        let failure = Failure::new(ErrorKind::Command, message).at_step(self.step);
        Err(Stop::Failed(match code {
            Some(127) => failure.hint(MISSING),
            Some(126) => failure.hint(NO_PROGRAM),
            Some(code @ 0..=1) if tail.is_empty() => failure.hint(self.no_failure(code)),
            _ if ending.by_kill() => failure.hint(
                "who has killed it? the system does so when memory runs out, and says so in its \
                 log (`dmesg`)",
            ),
            _ => failure,
        }))
    }

    fn no_failure(&self, code: u8) -> String {
        let grep = "grep exits with 1 when no line matches; where that is fine";
        let reason = match code {
            0 => "a command that succeeds exits with 0; where that is fine, too",
            _ if is_grep(&self.line) => grep,
            _ => "where that is no failure",
        };
        let mut codes = self.accept.clone();
        codes.push(code);
        codes.sort_unstable();
        format!("{reason}: `Shell::new(…).accept({codes:?})`")
    }

    fn is_late(&self) -> Failure {
        let (_, timeout) = self.late.expect("what has no end to meet is not late");
        let message = format!("`{}` has taken longer than {timeout:?}", self.shown);
        Failure::new(ErrorKind::Timeout, message)
            .at_step(self.step)
            .hint("`timeout` of its `Shell` says how long it may take")
    }
}

/// Whether a command's exit code is that of grep, or of one that goes by its rules.
fn is_grep(line: &str) -> bool {
    let mut quote = None;
    let last = line.trim().rsplit(|c| {
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
