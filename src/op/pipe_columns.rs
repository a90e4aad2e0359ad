//! `pipe_columns`: some columns through a command, beside the others.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::op::select::selected;
use crate::op::{Columns, Shell};
use crate::plan::command::{Command, Form};
use crate::plan::stage::Replace;
use crate::plan::text_form::TextForm;
use crate::row::layout::Layout;
use crate::sink;

impl Dataset {
    /// Sends only the columns `columns` through a command, a line for each row, and puts what comes
    /// back in their place: the command writes a line for each line that it reads, in order. All else
    /// of a row stays as it is, with its types.
    ///
    /// As many columns as were sent come back each in the place of one, in the order in which they are
    /// named. Any other number of them comes in the place of the first one that is named, and the other
    /// ones go. All that come back are text, unless the [`Shell`] says otherwise: see
    /// [`Text`](crate::Text). Behind it, columns have no names.
    ///
    /// The command may write at once or read all before it writes: rows wait for their lines, in
    /// memory and then on disk. It runs once for each partition, as that of [`Dataset::pipe`] does.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([(1, "fox", 0.5), (2, "hen", 1.5)]);
    /// let loud: Vec<(i64, String, f64)> = rows.pipe_columns(2, "tr a-z A-Z").collect()?;
    /// assert_eq!(loud, [(1, "FOX".to_string(), 0.5), (2, "HEN".to_string(), 1.5)]);
    ///
    /// // One column that goes and two that come.
    /// let cut: Vec<(i64, String, String, f64)> =
    ///     rows.pipe_columns(2, "sed 's/./&\t/'").collect()?;
    /// assert_eq!(cut[0], (1, "f".to_string(), "ox".to_string(), 0.5));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: as for [`Dataset::pipe`]; a command that writes more or fewer lines than there
    /// are rows, with both numbers; no columns, or a column that a row does not have (see
    /// [`Dataset::pad`]).
    #[track_caller]
    pub fn pipe_columns(&self, columns: impl Into<Columns>, command: impl Into<Shell>) -> Dataset {
        let (columns, shell) = (columns.into(), command.into());
        self.add("pipe_columns", Location::caller(), move |plan, step, rows| {
            if columns.is_empty() {
                let message = "no columns are named that go through the command";
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            let columns = columns.numbers(rows.names())?;
            if let Some(twice) =
                (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at]))
            {
                let message =
                    format!("column {} is named twice, and has one place", columns[twice]);
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            let command = shell.command(step, Form::Lines)?;
            let (input, output) = (&command.setup.input, &command.setup.output);
            if *input == TextForm::Raw || *output == TextForm::Raw {
                let message = "raw bytes do not say which of them are of which row";
                return Err(Failure::new(ErrorKind::Plan, message)
                    .hint("`pipe_as_args` runs a command for each row"));
            }
            let is_line = rows.layout() == Layout::Lines;
            let rows = match command.output() {
                Layout::Frames => plan.share_as_frames(rows),
                _ => plan.share_lines(rows),
            };
            let replace =
                Replace { columns: columns.clone(), command: command.program.to_string() };
            let sent = plan.reopen(rows, step);
            let back = if *input != TextForm::Tabs {
                let sent = plan.fuse(sent, selected(step, &columns));
                plan.command(sent, Some(sink::form(input)), command)
            } else {
                // The only column of a line is all of it. Else the engine picks what the command gets,
                // since workers would have to be sent all of the rows.
                let pick = (!is_line || columns != [1]).then_some(columns);
                plan.command(sent, None, Command { pick, ..command })
            };
            Ok(plan.replace(step, rows, back, replace))
        })
    }
}
