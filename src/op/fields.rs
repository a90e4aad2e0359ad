//! `fields`: columns as awk has them, between runs of blanks.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::Failed;
use crate::op::native::{BlockStep, each_line, each_row, only_text};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::plan::view::{Cut, View};
use crate::row::cut::at_blanks;
use crate::row::layout::{Layout, Rows};
use crate::row::texts::Texts;

impl Dataset {
    /// Cuts each row, which is one text column, at runs of spaces and TABs, as awk does; blanks at
    /// the beginning and at the end make no columns. A row of blanks alone becomes one empty
    /// column, since a row has at least one. All columns are text: see [`Dataset::numbers`].
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(i64, String)> = Flow::new()
    ///     .lines(["   2 b", "  10\ta "])
    ///     .fields()
    ///     .numbers([1])
    ///     .collect()?;
    /// assert_eq!(rows, [(2, "b".to_string()), (10, "a".to_string())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row of several columns, or of one that is not text.
    #[track_caller]
    pub fn fields(&self) -> Dataset {
        self.add("fields", Location::caller(), |plan, step, rows| {
            let mut fields = Native::new(step, &Fields {});
            fields.view = Some(View::Cut(Cut::Blanks));
            Ok(plan.fuse(rows, Step::Native(fields)))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Fields {}

impl Arguments for Fields {
    const NAME: &str = "fields";
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields")
    }
}

impl BlockStep for Fields {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        let mut cut = Vec::new();
        if rows.layout == Layout::Lines {
            let texts = Texts::between(b" ", rows.bytes);
            return each_line(rows, None, max_row, out, |line, out| {
                cut.clear();
                at_blanks(rows.bytes, line.from, line.stop(), usize::MAX, &mut cut);
                cut.iter().for_each(|&span| texts.put(span, out));
            });
        }
        each_row(rows, max_row, out, |payload, out| {
            let text = only_text(payload)?;
            let texts = Texts::between(b" ", text);
            cut.clear();
            at_blanks(text, 0, text.len() as u32, usize::MAX, &mut cut);
            cut.iter().for_each(|&span| texts.put(span, out));
            Ok(())
        })
    }
}
