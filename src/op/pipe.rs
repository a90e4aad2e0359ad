//! `pipe`, `pipe_as_args`, `pipe_rows`: shell commands as steps.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::Shell;
use crate::plan::command::Form;
use crate::sink;

/// # Shell commands
///
/// Any program is a step: rows go to its standard input, and what it writes are the new rows.
impl Dataset {
    /// Sends the rows as lines, columns joined by TAB, to `sh -c command`, and takes the lines
    /// that it writes as rows, cut at TAB. All columns are then text: see [`Dataset::numbers`].
    ///
    /// The command runs once and sees all rows in order; behind [`Dataset::partition`] it runs
    /// once for each partition, which it finds in `GLEAMFLOW_PARTITION` of
    /// `GLEAMFLOW_PARTITIONS`. Neighbouring commands pass bytes straight on.
    ///
    /// A line that is one pipe, `a | b`, fails where any of its commands does, and the error names that
    /// one; only a command that dies because the next one reads no more, as in `yes | head -n 1`, has
    /// not failed. In a line of several commands (`cd x; a | b`, `a | b && c`), and within groups,
    /// loops and `$(…)`, the shell's own rules hold: there the last one's exit code counts alone, and
    /// a warning by `tracing` says so.
    ///
    /// What it writes to stderr goes on to this program's stderr, in whole lines, while it runs.
    /// `TMPDIR` is a folder of the run's own in [`Flow::temp_dir`](crate::Flow::temp_dir), which is
    /// removed with the run. When the command has ended and its output is closed, what it has left
    /// running is killed; `setsid` is the way out. A command that has to end earlier, because
    /// another step has failed or nobody wants its rows, gets SIGTERM, and SIGKILL two seconds
    /// later, and so do commands of a program that is killed. While commands run, a SIGCHLD that
    /// this program ignores is set to its default, and then back.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let lines: Vec<String> =
    ///     Flow::new().lines(["b", "a"]).pipe("sort").pipe("tr a-z A-Z").collect()?;
    /// assert_eq!(lines, ["A", "B"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a non-zero exit code, a signal, a missing command (with the end of what it
    /// wrote to stderr); a text column with a TAB or a line feed in it. A command that stops
    /// reading early, as `head` does, is no error. [`Shell`] says which exit codes are none, how long
    /// the command may take, whether it is run again, and more.
    #[track_caller]
    pub fn pipe(&self, command: impl Into<Shell>) -> Dataset {
        self.command("pipe", Location::caller(), command.into(), Form::Lines)
    }

    /// Runs `sh -c command` for each row with its columns as `$1`, `$2` and so on, and takes the
    /// lines that it writes as rows, in the order of the rows that caused them. Columns are
    /// arguments; they are never pasted into the command. As many commands run at once as there are
    /// workers, or as [`Shell::jobs`] says, and [`Shell::batch`] gives each of them several rows.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let lines: Vec<String> =
    ///     Flow::new().lines(["a b", "$(c)"]).pipe_as_args("echo \"<$1>\"").collect()?;
    /// assert_eq!(lines, ["<a b>", "<$(c)>"]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::pipe`]; and a column with a NUL in it, or of more than the 128 KiB that the
    /// system takes as an argument.
    #[track_caller]
    pub fn pipe_as_args(&self, command: impl Into<Shell>) -> Dataset {
        self.command("pipe_as_args", Location::caller(), command.into(), Form::Arguments)
    }

    /// Sends the rows as frames to `sh -c command`, which writes frames: a 32-bit little-endian
    /// length, then that many bytes: the columns' MessagePack values one after another.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(i64, bool)> =
    ///     Flow::new().rows([(1, true), (2, false)]).pipe_rows("cat").collect()?;
    /// assert_eq!(rows, [(1, true), (2, false)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::pipe`]; and output that is not frames.
    #[track_caller]
    pub fn pipe_rows(&self, command: impl Into<Shell>) -> Dataset {
        self.command("pipe_rows", Location::caller(), command.into(), Form::Frames)
    }

    fn command(&self, operator: &str, caller: &Location<'_>, shell: Shell, form: Form) -> Dataset {
        self.add(operator, caller, move |plan, step, rows| {
            let command = shell.command(step, form)?;
            let as_text = (form == Form::Lines).then(|| sink::form(&command.setup.input));
            Ok(plan.command(rows, as_text, command))
        })
    }
}
