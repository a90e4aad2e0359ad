//! `select`: columns by number.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure};
use crate::op::native::{BlockStep, column_of, each_row, too_large};
use crate::op::{Listed, columns};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::plan::view::View;
use crate::row::describe::describe_columns;
use crate::row::layout::{Layout, Rows};
use crate::row::missing::Missing;

/// # Columns without Lua
///
/// One row of each row, in order, made without a Lua state.
impl Dataset {
    /// Keeps the named columns, counted from 1, in the order given. A column may be named twice.
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
    pub fn select(&self, wanted: impl AsRef<[u32]>) -> Dataset {
        let columns = match wanted.as_ref() {
            [] => Err(Failure::new(
                ErrorKind::Plan,
                "no columns are named, and a row has at least one",
            )),
            wanted => columns(wanted),
        };
        self.try_add("select", Location::caller(), columns, |plan, step, rows, columns| {
            let select = Select { columns: columns.clone(), ends: Vec::new() };
            let mut select = Native::new(step, &select);
            select.view = Some(View::Select(columns.clone()));
            plan.fuse(rows, Step::Native(select))
        })
    }
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
        let (bytes, mut first, mut line) = (rows.bytes, 0, 0);
        let mut index = 0;
        while first < ends.len() {
            let width = ends[first..]
                .iter()
                .position(|&end| bytes[end as usize] == b'\n')
                .expect("a block of lines ends with a line feed")
                + 1;
            let of_row = &ends[first..first + width];
            let start = out.len();
            for &column in &self.columns {
                let nth = column as usize - 1;
                let Some(&end) = of_row.get(nth) else {
                    out.truncate(start);
                    let row = &bytes[line..of_row[width - 1] as usize];
                    let failed =
                        Failed::from(Failure::from(Missing { column, width: width as u32 }));
                    return Err(failed.at_row(index, || describe_columns(row)));
                };
                let from = nth.checked_sub(1).map_or(line, |before| of_row[before] as usize + 1);
                out.extend_from_slice(&bytes[from..end as usize]);
                out.push(b'\t');
            }
            let len = out.len() - start;
            *out.last_mut().expect("at least one column is named") = b'\n';
            if len > max_row {
                let row = &bytes[line..of_row[width - 1] as usize];
                return Err(too_large().at_row(index, || describe_columns(row)));
            }
            line = of_row[width - 1] as usize + 1;
            first += width;
            index += 1;
        }
        Ok(())
    }
}
