//! One of the user's commands, as a plan has it.
//!
//! A newcomer's trap: a line is for a shell and may hold several programs; words are one program and
//! its arguments, and no character in them means anything.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure, StepId};
use crate::plan::guard::Guard;
use crate::plan::text_form::TextForm;
use crate::row::layout::Layout;

/// One of the user's commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub step: StepId,
    pub form: Form,
    pub program: Program,
    pub setup: Setup,
    /// The columns, from 1, that it gets, where it does not get rows as they have been written for it.
    pub pick: Option<Vec<u32>>,
    /// What becomes of rows with which it fails, of one that gets them as arguments; else they end the
    /// run.
    pub guard: Option<Guard>,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Program {
    /// For `sh -c`.
    Line(String),
    /// A program and its arguments.
    Words(Vec<Bytes>),
}

/// How a command gets its rows and gives its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// Lines on stdin and stdout.
    Lines,
    /// Once for each row, its columns as arguments; lines on stdout.
    Arguments,
    /// Frames on stdin and stdout.
    Frames,
}

/// Where a command is run, and what of it is a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Exit codes that are none.
    pub accept: Vec<u8>,
    /// Variables beside those that the program has itself, and their values.
    pub env: Vec<(Bytes, Bytes)>,
    pub dir: Option<Bytes>,
    /// How long one run may take.
    pub timeout: Option<Duration>,
    /// How often it is run again when it has failed.
    pub retries: u32,
    pub stderr: Stderr,
    /// Of one that gets arguments: how many run at once, if not as many as workers, and how many rows
    /// each gets at most.
    pub jobs: Option<usize>,
    pub batch: u32,
    /// How it reads rows, and how it writes them; of lines alone.
    pub input: TextForm,
    pub output: TextForm,
}

/// Where a command's stderr goes: see [`Shell::stderr`](crate::Shell::stderr).
///
/// ```
/// use gleamflow::{Flow, Shell, Stderr};
///
/// let says = Shell::new("cat; echo said >&2").stderr(Stderr::Merge);
/// let lines: Vec<String> = Flow::new().lines(["a"]).pipe(says).collect()?;
/// assert_eq!(lines, ["a", "said"]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stderr {
    /// To this program's stderr, line by line, while the command runs; its end is part of the error
    /// of a command that fails.
    #[default]
    Pass,
    /// Nowhere, but for its end in the error of a command that fails.
    Quiet,
    /// Where its stdout goes, as `2>&1` would have it: its lines are rows.
    Merge,
}

impl Command {
    /// How its rows come out.
    pub(crate) fn output(&self) -> Layout {
        match self.form {
            Form::Lines | Form::Arguments if self.setup.output == TextForm::Tabs => Layout::Columns,
            _ => Layout::Frames,
        }
    }
}

impl Program {
    /// Refuses what no program can be called with.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let refused = |message: String| Err(Failure::new(ErrorKind::Plan, message));
        match self {
            Program::Words(words) if words.is_empty() => {
                refused("a command needs at least one word, its program".to_owned())
            }
            Program::Words(words) if words.iter().any(|word| word.contains(&0)) => {
                refused(format!("a word of `{self}` has a NUL in it"))
            }
            Program::Line(line) if line.contains('\0') => {
                refused(format!("`{self}` has a NUL in it"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Program {
    /// As a person would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Program::Line(line) => f.write_str(line),
            Program::Words(words) => {
                for (index, word) in words.iter().enumerate() {
                    let blank = if index > 0 { " " } else { "" };
                    let word = String::from_utf8_lossy(word);
                    let plain = |c: char| c.is_alphanumeric() || "_-./:=,+@%".contains(c);
                    match !word.is_empty() && word.chars().all(plain) {
                        true => write!(f, "{blank}{word}")?,
                        false => write!(f, "{blank}'{}'", word.replace('\'', r"'\''"))?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            accept: vec![0],
            env: Vec::new(),
            dir: None,
            timeout: None,
            retries: 0,
            stderr: Stderr::Pass,
            jobs: None,
            batch: 1,
            input: TextForm::Tabs,
            output: TextForm::Tabs,
        }
    }
}

impl Setup {
    /// Refuses what no process can have.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let refused = |message: String| Err(Failure::new(ErrorKind::Plan, message));
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(&b'=') || name.contains(&0) || value.contains(&0) {
                let name = String::from_utf8_lossy(name).into_owned();
                return refused(format!(
                    "{name:?} cannot be a variable of a command: a name is not empty and has no `=` \
                     in it, and neither it nor its value a NUL"
                ));
            }
        }
        if self.dir.as_ref().is_some_and(|dir| dir.contains(&0)) {
            return refused("a folder's name cannot have a NUL in it".to_owned());
        }
        if self.accept.is_empty() {
            return Err(Failure::new(ErrorKind::Plan, "no exit code of the command is accepted")
                .hint("0 is how a command says that it has succeeded: `accept([0])`"));
        }
        if self.jobs == Some(0) {
            return refused("no command can run: `jobs` is at least 1".to_owned());
        }
        if self.batch == 0 {
            return refused("a command gets at least one row: `batch` is at least 1".to_owned());
        }
        self.input.check()?;
        self.output.check()?;
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return refused("a command cannot end within no time".to_owned());
        }
        Ok(())
    }
}
