//! [`Shell`]: a command with what it needs beside its text.
//!
//! A newcomer's trap: it says how a command is run and is no step itself; `pipe` and its kin take
//! it, and each looks at what makes sense for it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{ErrorKind, Failure, StepId};
use crate::op::Text;
use crate::plan::command::{Command, Form, Program, Setup, Stderr};
use crate::plan::text_form::TextForm;

/// A command for [`pipe`](crate::Dataset::pipe), [`pipe_as_args`](crate::Dataset::pipe_as_args) and
/// [`pipe_rows`](crate::Dataset::pipe_rows): its text, and what its run needs beside that. Where
/// nothing needs to be said, the text alone serves.
///
/// ```
/// use gleamflow::{Flow, Shell};
///
/// let words = Flow::new().lines(["fox", "hen"]);
/// // grep exits with 1 when no line matches.
/// assert!(words.pipe("grep owl").count().is_err());
/// assert_eq!(words.pipe(Shell::new("grep owl").accept([0, 1])).count()?, 0);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a command is run by a step such as `pipe`"]
pub struct Shell {
    program: Program,
    setup: Setup,
}

impl Shell {
    /// A line for `sh -c`.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let lines = Flow::new().lines(["b", "a"]).pipe(Shell::new("sort"));
    /// assert_eq!(lines.collect::<String>()?, ["a", "b"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn new(line: impl Into<String>) -> Shell {
        Shell { program: Program::Line(line.into()), setup: Setup::default() }
    }

    /// A program and its arguments, without a shell: none of them needs quotes, and none is looked
    /// into. [`pipe_as_args`](crate::Dataset::pipe_as_args) appends a row's columns, as xargs does.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let lines = Flow::new().lines(["$HOME", "x"]);
    /// let found = lines.pipe(Shell::argv(["grep", "-F", "$HOME"]));
    /// assert_eq!(found.collect::<String>()?, ["$HOME"]);
    /// let echoed = lines.pipe_as_args(Shell::argv(["echo", "a  word"]));
    /// assert_eq!(echoed.collect::<String>()?, ["a  word $HOME", "a  word x"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn argv<W: Into<OsString>>(words: impl IntoIterator<Item = W>) -> Shell {
        let words = words.into_iter().map(bytes).collect();
        Shell { program: Program::Words(words), setup: Setup::default() }
    }

    /// Exit codes that are no failure, in place of 0 alone; of a line that is one pipe, `a | b`, those
    /// of each of its commands.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let differs = Shell::new("diff - /dev/null >/dev/null").accept([0, 1]);
    /// assert_eq!(Flow::new().lines(["a"]).pipe(differs).count()?, 0);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn accept(mut self, codes: impl IntoIterator<Item = u8>) -> Shell {
        self.setup.accept = codes.into_iter().collect();
        self
    }

    /// A variable of the command's environment, beside those that this program has itself.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let sorted = Flow::new().lines(["b", "A", "a"]).pipe(Shell::new("sort").env("LC_ALL", "C"));
    /// assert_eq!(sorted.collect::<String>()?, ["A", "a", "b"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Shell {
        self.setup.env.push((bytes(name), bytes(value)));
        self
    }

    /// The folder in which the command runs, in place of this program's own.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let folder = Flow::new().lines(["x"]).pipe(Shell::new("pwd").dir("/usr"));
    /// assert_eq!(folder.collect::<String>()?, ["/usr"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn dir(mut self, folder: impl Into<PathBuf>) -> Shell {
        self.setup.dir = Some(bytes(folder.into()));
        self
    }

    /// How long one run of the command may take, from its start to its end: of `pipe_as_args` that
    /// for one row. A `pipe` is started with the flow, so its time includes that which its rows take
    /// to come. What takes longer is ended and has failed, with
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout).
    ///
    /// ```
    /// use std::time::Duration;
    /// use gleamflow::{ErrorKind, Flow, Shell};
    ///
    /// let slow = Shell::new("sleep 60").timeout(Duration::from_millis(50));
    /// let error = Flow::new().lines(["x"]).pipe_as_args(slow).count().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Shell {
        self.setup.timeout = Some(timeout);
        self
    }

    /// How often a command that has failed is run again from the start, on the same rows: after a
    /// tenth of a second, then after twice as long each time, up to ten seconds. A warning by
    /// `tracing` says so.
    ///
    /// None of its rows comes before it has succeeded, so that none comes twice. Until then a row's
    /// output of `pipe_as_args`, and both input and output of `pipe` and `pipe_rows`, wait in memory
    /// and then on disk.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let fails_once = "cat; [ -e second ] || { touch second; exit 3; }";
    /// let lines = Flow::new().lines(["a", "b"]);
    /// let lines = lines.pipe(Shell::new(fails_once).dir(folder.path()).retries(2));
    /// assert_eq!(lines.collect::<String>()?, ["a", "b"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn retries(mut self, retries: u32) -> Shell {
        self.setup.retries = retries;
        self
    }

    /// Where the command's stderr goes: see [`Stderr`].
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Stderr};
    ///
    /// let chatty = Shell::new("echo working >&2; cat").stderr(Stderr::Quiet);
    /// assert_eq!(Flow::new().lines(["a"]).pipe(chatty).count()?, 1);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn stderr(mut self, stderr: Stderr) -> Shell {
        self.setup.stderr = stderr;
        self
    }

    /// How many commands of `pipe_as_args` run at once, in each partition; without it as many as there
    /// are workers. Their rows come in the order of the rows that they got, however many run.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let naps = Flow::new().lines(["0.2", "0.1", "0"]);
    /// let woken = naps.pipe_as_args(Shell::new("sleep $1; echo $1").jobs(3));
    /// assert_eq!(woken.collect::<String>()?, ["0.2", "0.1", "0"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no jobs; `pipe` or `pipe_rows`, whose command runs once.
    pub fn jobs(mut self, jobs: usize) -> Shell {
        self.setup.jobs = Some(jobs);
        self
    }

    /// How many rows one command of `pipe_as_args` gets, as with `xargs -n`: the columns of one row
    /// behind those of the other, as one list of arguments, `"$@"` to a shell. The last command gets
    /// what is left, and any gets fewer rows where the system takes no more arguments. A command's
    /// rows come in the order of the rows that it got.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell};
    ///
    /// let rows = Flow::new().rows([("a", 1), ("b", 2), ("c", 3)]);
    /// let pairs = rows.pipe_as_args(Shell::argv(["echo"]).batch(2));
    /// assert_eq!(pairs.collect::<String>()?, ["a 1 b 2", "c 3"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no rows; `pipe` or `pipe_rows`, whose command gets all rows.
    pub fn batch(mut self, rows: u32) -> Shell {
        self.setup.batch = rows;
        self
    }

    /// The form in which the command reads rows, and in which it writes them: see [`Text`].
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let rows = Flow::new().rows([("a\tb", 1), ("c", 2)]);
    /// let same = rows.pipe(Shell::new("cat").text(Text::json_lines()));
    /// assert_eq!(same.collect::<(String, i64)>()?[0], ("a\tb".to_string(), 1));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn text(self, form: Text) -> Shell {
        self.input(form.clone()).output(form)
    }

    /// The form in which the command reads rows. Of `pipe` alone: the others give it arguments or
    /// frames.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let files = Flow::new().lines(["/usr", "/etc"]);
    /// let names = files.pipe(Shell::new("xargs -0 -n 1 basename").input(Text::nul()));
    /// assert_eq!(names.collect::<String>()?, ["usr", "etc"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn input(mut self, form: Text) -> Shell {
        self.setup.input = form.0;
        self
    }

    /// The form in which the command writes rows. Of `pipe` and `pipe_as_args`: `pipe_rows` reads
    /// frames.
    ///
    /// ```
    /// use gleamflow::{Flow, Shell, Text};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// std::fs::write(folder.path().join("a file"), "").unwrap();
    /// let find = Shell::new("find . -type f -print0").dir(folder.path()).output(Text::nul());
    /// assert_eq!(Flow::new().range(0..0).pipe(find).collect::<String>()?, ["./a file"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: what the command writes is not in this form.
    pub fn output(mut self, form: Text) -> Shell {
        self.setup.output = form.0;
        self
    }

    /// The command of a step, unless something in it cannot be.
    pub(super) fn command(&self, step: StepId, form: Form) -> Result<Command, Failure> {
        let Shell { program, setup } = self.clone();
        program.check()?;
        setup.check()?;
        let refused = |message: &str| Err(Failure::new(ErrorKind::Plan, message));
        if form != Form::Arguments {
            let told = match (setup.jobs, setup.batch) {
                (Some(_), _) => Some("jobs"),
                (None, batch) if batch != 1 => Some("batch"),
                _ => None,
            };
            if let Some(told) = told {
                let message = format!(
                    "its command runs once and gets all rows: `{told}` is for `pipe_as_args`"
                );
                return Err(Failure::new(ErrorKind::Plan, message)
                    .hint("behind `partition(n)` it runs once for each partition"));
            }
        }
        match form {
            Form::Arguments if setup.input != TextForm::Tabs => {
                return refused(
                    "it gives a command arguments, and no text: only `pipe` has an input",
                );
            }
            Form::Frames if setup.input != TextForm::Tabs || setup.output != TextForm::Tabs => {
                return refused("it gives a command frames and takes frames: only `pipe` has text");
            }
            _ => {}
        }
        Ok(Command { step, form, program, setup, pick: None, guard: None })
    }
}

fn bytes(text: impl Into<OsString>) -> Bytes {
    Bytes::from(text.into().into_vec())
}

impl From<&str> for Shell {
    fn from(line: &str) -> Shell {
        Shell::new(line)
    }
}

impl From<String> for Shell {
    fn from(line: String) -> Shell {
        Shell::new(line)
    }
}

impl From<&String> for Shell {
    fn from(line: &String) -> Shell {
        Shell::new(line)
    }
}

impl From<&Shell> for Shell {
    fn from(shell: &Shell) -> Shell {
        shell.clone()
    }
}
