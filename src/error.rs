//! What a caller gets when a flow fails, and the form in which a failure travels from a worker.
//!
//! A newcomer's trap: `Failure` knows a step only by its number; the engine, which has the plan,
//! turns it into an `Error` that names the user's own file and line.

use std::any::Any;
use std::fmt;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

/// The result of everything that can fail here.
///
/// ```
/// fn evens() -> gleamflow::Result<u64> {
///     gleamflow::Flow::new().range(0..9).filter("function(x) return x % 2 == 0 end").count()
/// }
/// assert_eq!(evens()?, 5);
/// # Ok::<(), gleamflow::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; for programs, where [`Error`]'s text is for people.
///
/// ```
/// use gleamflow::{ErrorKind, Flow};
///
/// let numbers = Flow::new().range(0..3);
/// let kind = |step: &str| numbers.map(step).count().unwrap_err().kind();
/// assert_eq!(kind("function(x) return x.no.such end"), ErrorKind::Lua);
/// assert_eq!(kind("function(x) return"), ErrorKind::Plan);
/// assert_eq!(numbers.pipe("exit 3").count().unwrap_err().kind(), ErrorKind::Command);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The flow itself cannot be: a syntax error, a bad format, a column 0, a glob without a match.
    Plan,
    /// An input is missing, unreadable, or holds what its format forbids.
    Input,
    /// The user's Lua threw, or gave back what cannot be a row.
    Lua,
    /// A closure of the program gave an error, or panicked.
    Closure,
    /// A shell command failed.
    Command,
    /// A row does not fit what the next step or the sink asks for.
    Row,
    /// A step took longer for one row than `step_timeout`.
    Timeout,
    /// A run took longer than its `deadline`.
    Deadline,
    /// The flow was told to end by its `cancel_handle`.
    Cancelled,
    /// The memory of the run does not suffice.
    Memory,
    /// A disk, a pipe or a writer failed.
    Io,
    /// The reader of our output has gone (and it was not stdout).
    OutputClosed,
    /// A worker process died or could not be started.
    Worker,
}

/// A step of the plan, by its number.
pub(crate) type StepId = u32;

/// Where in the user's program an operator was called.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub file: String,
    pub line: u32,
    /// The builder method: `flat_map`.
    pub operator: String,
    pub code: CodePlace,
}

/// Where an operator's Lua text stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum CodePlace {
    /// In the user's program; of its lines only the number within the text is known.
    Text,
    /// It begins at this line of this file, as the `lua!` macro has told.
    At(String, u32),
    /// In no file of the user's: the operator makes it of these arguments.
    Made { of: String },
}

impl Origin {
    pub(crate) fn new(operator: &str, location: &std::panic::Location<'_>) -> Origin {
        Origin {
            file: location.file().to_owned(),
            line: location.line(),
            operator: operator.to_owned(),
            code: CodePlace::Text,
        }
    }
}

impl Origin {
    /// The operator, its place in the program, and perhaps the line of its text, from 1.
    pub(crate) fn place(&self, code_line: Option<u32>) -> String {
        match (&self.code, code_line) {
            (CodePlace::Made { of }, _) => format!("{self} {of}"),
            (CodePlace::At(file, first), Some(line)) => {
                format!("{file}:{}, {}", first + line - 1, self.operator)
            }
            (CodePlace::Text, Some(line)) => format!("{self}, line {line} of its function"),
            (_, None) => self.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}, {}", self.file, self.line, self.operator)
    }
}

/// Where in the input the failing row came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputPlace {
    /// A file's path, if the row was read from a file.
    pub file: Option<String>,
    /// The line in that file, from 1.
    pub line: Option<u64>,
    /// The start of the row as a person would read it: at most 80 bytes.
    pub row: Option<String>,
}

impl fmt::Display for InputPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(file) = &self.file {
            f.write_str(file)?;
            separator = ", ";
        }
        if let Some(line) = self.line {
            write!(f, "{separator}line {line}")?;
            separator = ": ";
        }
        if let Some(row) = &self.row {
            write!(f, "{separator}{row}")?;
        }
        Ok(())
    }
}

/// The next move where temporary files fail.
pub(crate) const OTHER_TEMP_DIR: &str = "`temp_dir` or GLEAMFLOW_TMPDIR names another place";

/// A failure on its way from where it happened to the caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub kind: ErrorKind,
    pub message: String,
    pub step: Option<StepId>,
    /// The line within the step's Lua text, from 1.
    pub code_line: Option<u32>,
    /// Boxed: a failure travels in every `Result`, and a place only in few.
    pub input: Option<Box<InputPlace>>,
    pub hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
            step: None,
            code_line: None,
            input: None,
            hint: None,
        }
    }

    /// Names the step, unless a place closer to the cause has named one already.
    pub(crate) fn at_step(mut self, step: StepId) -> Failure {
        self.step.get_or_insert(step);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn row(mut self, row: String) -> Failure {
        self.input.get_or_insert_default().row.get_or_insert(row);
        self
    }

    /// The program's own code panicked; where it did, the panic itself has said.
    pub(crate) fn panic(what: &str, panic: &(dyn Any + Send)) -> Failure {
        let said = panic.downcast_ref::<&str>().copied();
        let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let said = said.map_or(String::new(), |said| format!(": {said}"));
        Failure::new(ErrorKind::Closure, format!("{what} panicked{said}"))
    }

    /// A temporary file failed.
    pub(crate) fn temporary(what: impl fmt::Display, error: &std::io::Error) -> Failure {
        let failure = Failure::io(what, error);
        match failure.hint {
            Some(_) => failure,
            None => failure.hint(OTHER_TEMP_DIR),
        }
    }

    pub(crate) fn io(what: impl fmt::Display, error: &std::io::Error) -> Failure {
        let failure = Failure::new(ErrorKind::Io, format!("{what}: {error}"));
        Failure { hint: limit_of_files(error), ..failure }
    }

    /// A process or a thread could not be started.
    pub(crate) fn start(what: impl fmt::Display, error: &std::io::Error) -> Failure {
        let failure = Failure::io(format_args!("cannot start {what}"), error);
        let hint = failure.hint.clone().or_else(|| limit_of_processes(error));
        Failure { kind: ErrorKind::Worker, hint, ..failure }
    }
}

/// Names the limit of the system that an error speaks of.
fn limit_of_files(error: &std::io::Error) -> Option<String> {
    match error.raw_os_error().map(Errno::from_raw_os_error)? {
        Errno::MFILE => {
            let most = limit(Resource::Nofile);
            Some(format!("`ulimit -n` allows a process {most} open files"))
        }
        Errno::NFILE => Some("the system allows no more open files: see fs.file-max".to_owned()),
        _ => None,
    }
}

/// The same, of an error of a call that starts a process or a thread.
fn limit_of_processes(error: &std::io::Error) -> Option<String> {
    (error.raw_os_error()? == Errno::AGAIN.raw_os_error()).then(|| {
        format!(
            "`ulimit -u` allows a user {} processes and threads, and a container may allow fewer \
             (pids.max)",
            limit(Resource::Nproc)
        )
    })
}

fn limit(resource: Resource) -> String {
    getrlimit(resource).current.map_or_else(|| "any number of".to_owned(), |most| most.to_string())
}

/// What the user should know of a run that goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Warning {
    pub step: Option<StepId>,
    /// Said once in a run for each step.
    pub message: String,
    /// The row that was the first to give cause, as a person would read it.
    pub row: Option<String>,
    pub hint: Option<String>,
    /// Also shown to a person at a terminal, for whom the run would otherwise stand still.
    pub urgent: bool,
}

impl Warning {
    pub(crate) fn new(message: impl Into<String>) -> Warning {
        Warning { step: None, message: message.into(), row: None, hint: None, urgent: false }
    }

    pub(crate) fn at_step(mut self, step: StepId) -> Warning {
        self.step.get_or_insert(step);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Warning {
        self.hint = Some(hint.into());
        self
    }
}

/// A failure inside a block of rows: also which row it was.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub failure: Failure,
    /// From 0 in the block that was pushed; `None` where no row of it is to blame.
    pub row: Option<u32>,
}

impl Failed {
    pub(crate) fn at_step(self, step: StepId) -> Failed {
        Failed { failure: self.failure.at_step(step), ..self }
    }

    /// The same in a block of which these rows are a part, behind its first `rows`.
    pub(crate) fn moved(self, rows: u32) -> Failed {
        Failed { row: self.row.map(|row| rows + row), ..self }
    }

    /// Names the row, unless a place closer to the cause has named one already.
    pub(crate) fn at_row(mut self, row: u32, describe: impl FnOnce() -> String) -> Failed {
        if self.row.is_none() {
            self.row = Some(row);
            self.failure = self.failure.row(describe());
        }
        self
    }
}

/// A row that a step leaves out: why, and its columns.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    pub failed: Failed,
    pub columns: Vec<u8>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        Failed { failure, row: None }
    }
}

/// Why a flow failed: what, at which of the user's own lines, on which input, and the next move
/// where it is known.
///
/// ```
/// let error = gleamflow::Flow::new().text_file("/nowhere/text").count().unwrap_err();
/// let text = error.to_string();
/// assert!(text.contains(", text_file: cannot open /nowhere/text: "), "{text}");
/// ```
///
/// `Debug` prints the same text as `Display`, because that is what `main` prints when it returns
/// an error.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    failure: Failure,
    origin: Option<Origin>,
}

impl Error {
    pub(crate) fn new(failure: Failure, origin: Option<Origin>) -> Error {
        Error(Box::new(Inner { failure, origin }))
    }

    /// Names a place of the user's program, unless one closer to the cause has been named.
    pub(crate) fn at(mut self, origin: &Origin) -> Error {
        self.0.origin.get_or_insert_with(|| origin.clone());
        self
    }

    /// The kind of failure, for programs.
    ///
    /// ```
    /// use gleamflow::{ErrorKind, Flow};
    ///
    /// let error = Flow::new().lines(["x"]).numbers([1]).count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Row);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.failure.kind
    }

    /// The file and line of the user's program where the failing operator was called, if one is to
    /// blame.
    ///
    /// ```
    /// let (flow, line) = (gleamflow::Flow::new(), line!());
    /// let error = flow.range(0..3).select([0]).count().unwrap_err();
    /// assert_eq!(error.location(), Some((file!(), line + 1)));
    /// ```
    pub fn location(&self) -> Option<(&str, u32)> {
        self.0.origin.as_ref().map(|origin| (origin.file.as_str(), origin.line))
    }

    /// The failing operator's name, such as `flat_map`, if one is to blame.
    ///
    /// ```
    /// let error = gleamflow::Flow::new().range(0..3).select([0]).count().unwrap_err();
    /// assert_eq!(error.operator(), Some("select"));
    /// ```
    pub fn operator(&self) -> Option<&str> {
        self.0.origin.as_ref().map(|origin| origin.operator.as_str())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::new(failure, None)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { failure, origin } = &*self.0;
        if let Some(origin) = origin {
            write!(f, "{}: ", origin.place(failure.code_line))?;
        }
        f.write_str(&failure.message)?;
        if let Some(input) = &failure.input {
            write!(f, "\n  on {input}")?;
        }
        if let Some(hint) = &failure.hint {
            write!(f, "\n\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
