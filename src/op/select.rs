//! `select`: columns by number.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure, StepId};
use crate::op::native::{BlockStep, each_row, too_large};
use crate::op::{Columns, Listed};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::plan::view::View;
use crate::row::cut::{self, Spans};
use crate::row::describe::describe_columns;
use crate::row::layout::{Layout, Rows};
use crate::row::missing::{Missing, column_of};

/// # Columns without Lua
///
/// One row of each row, in order, made without a Lua state.
impl Dataset {
    /// Keeps the columns `wanted`, in the order given. A column may be named twice.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(i64, String)> =
    ///     Flow::new().rows([("a", true, 1), ("b", false, 2)]).select([3, 1]).collect()?;
    /// assert_eq!(rows, [(1, "a".to_string()), (2, "b".to_string())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no columns; a column that a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn select(&self, wanted: impl Into<Columns>) -> Dataset {
        let wanted = wanted.into();
        self.add("select", Location::caller(), move |plan, step, rows| {
            if wanted.is_empty() {
                let message = "no columns are named, and a row has at least one";
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            let columns = wanted.numbers(rows.names())?;
            let names = rows.names().select(&columns);
            Ok(plan.fuse(rows, selected(step, &columns)).named(names))
        })
    }
}

/// The step that keeps these columns.
pub(super) fn selected(step: StepId, columns: &[u32]) -> Step {
    let select = Select { columns: columns.to_vec(), ends: Vec::new() };
    let mut select = Native::new(step, &select);
    select.view = Some(View::Select(columns.to_vec()));
    Step::Native(select)
}

#[derive(Serialize, Deserialize)]
pub(super) struct Select {
    columns: Vec<u32>,
    #[serde(skip)]
    ends: Vec<u32>,
}

impl Arguments for Select {
    const NAME: &str = "select";
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "select {}", Listed(&self.columns))
    }
}

impl BlockStep for Select {
    fn layout(&self, input: Layout) -> Layout {
        if input == Layout::Columns { Layout::Columns } else { Layout::Frames }
    }

    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        if rows.layout == Layout::Columns {
            return self.pick(rows, max_row, out);
        }
        each_row(rows, max_row, out, |payload, out| {
            for &column in &self.columns {
                out.extend_from_slice(column_of(payload, column)?);
            }
            Ok(())
        })
    }
}

impl Select {
    /// The same for lines, which stay lines: a column is copied with the TAB that comes behind it.
    fn pick(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        self.ends.clear();
        let ends = &mut self.ends;
        rows.append_ends(Some(b'\t'), ends).map_err(|what| Failure::new(ErrorKind::Row, what))?;
        let text = |(start, stop): (u32, u32)| &rows.bytes[start as usize..stop as usize];
        for (index, line) in (0..).zip(cut::lines(rows.bytes, ends)) {
            let refused = |failed: Failed| {
                failed.at_row(index, || describe_columns(text((line.from, line.stop()))))
            };
            let start = out.len();
            for &column in &self.columns {
                let Some(span) = line.span(column as usize - 1) else {
                    out.truncate(start);
                    let missing = Missing { column, width: line.count() as u32 };
                    return Err(refused(Failure::from(missing).into()));
                };
                out.extend_from_slice(text(span));
                out.push(b'\t');
            }
            let len = out.len() - start;
            *out.last_mut().expect("at least one column is named") = b'\n';
            if len > max_row {
                out.truncate(start);
                return Err(refused(too_large()));
            }
        }
        Ok(())
    }
}
