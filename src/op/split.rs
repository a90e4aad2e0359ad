//! `split`: columns from a line.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure, Warning};
use crate::op::native::{BlockStep, each_line, each_row, only_text};
use crate::plan::chain::Step;
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::plan::view::{Cut, View};
use crate::row::layout::{Layout, Rows};
use crate::row::texts::Texts;

impl Dataset {
    /// Cuts each row, which is one text column, at every separator. The separator is bytes, not a
    /// pattern; a separator at the end makes a last empty column. A separator that looks like a pattern
    /// and cuts no row of a task is warned of.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<(String, String)> = Flow::new().lines(["a:b", "c:"]).split(":").collect()?;
    /// assert_eq!(rows, [("a".into(), "b".into()), ("c".into(), String::new())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a row of several columns, or of one that is not text; an empty separator.
    #[track_caller]
    pub fn split(&self, separator: impl AsRef<[u8]>) -> Dataset {
        let separator = match separator.as_ref() {
            [] => Err(Failure::new(ErrorKind::Plan, "the separator is empty")),
            separator => Ok(separator.to_vec()),
        };
        self.try_add("split", Location::caller(), separator, |plan, step, rows, separator| {
            let mut split = Native::new(step, &Split::at(separator));
            if let [byte] = **separator {
                split.view = Some(View::Cut(Cut::Byte(byte)));
            }
            plan.fuse(rows, Step::Native(split))
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Split {
    separator: Vec<u8>,
    #[serde(skip)]
    rows: u64,
    /// Whether a row has been cut.
    #[serde(skip)]
    cuts: bool,
}

impl Split {
    fn at(separator: &[u8]) -> Split {
        Split { separator: separator.to_vec(), rows: 0, cuts: false }
    }
}

impl Arguments for Split {
    const NAME: &str = "split";
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "split {:?}", String::from_utf8_lossy(&self.separator))
    }
}

impl BlockStep for Split {
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        self.rows += u64::from(rows.count());
        self.cuts |= memchr::memmem::find(rows.bytes, &self.separator).is_some();
        let separator = &self.separator;
        match **separator {
            [byte] if rows.layout == Layout::Lines => {
                let texts = Texts::between(separator, rows.bytes);
                return each_line(rows, Some(byte), max_row, out, |line, out| {
                    line.spans().for_each(|span| texts.put(span, out));
                });
            }
            _ if rows.layout == Layout::Lines => {
                return each_line(rows, None, max_row, out, |line, out| {
                    let line = &rows.bytes[line.from as usize..line.stop() as usize];
                    put_pieces(line, separator, out);
                });
            }
            _ => {}
        }
        each_row(rows, max_row, out, |payload, out| {
            put_pieces(only_text(payload)?, separator, out);
            Ok(())
        })
    }

    fn warning(&self) -> Option<Warning> {
        let is_pattern = |bytes: &[u8]| {
            bytes.len() > 1 && bytes.iter().any(|byte| b"%+*?[]()^$.\\|".contains(byte))
        };
        (self.rows > 0 && !self.cuts && is_pattern(&self.separator)).then(|| {
            let separator = String::from_utf8_lossy(&self.separator);
            Warning::new(format!("split has found no {separator:?} in any row of a task")).hint(
                "its separator is no pattern: `split_pattern` takes one, and `fields` cuts at blanks",
            )
        })
    }
}

fn put_pieces(text: &[u8], separator: &[u8], out: &mut Vec<u8>) {
    let texts = Texts::between(separator, text);
    let mut start = 0;
    let mut put = |end: usize, next: usize| {
        texts.put((start as u32, end as u32), out);
        start = next;
    };
    match separator {
        [byte] => memchr::memchr_iter(*byte, text).for_each(|at| put(at, at + 1)),
        _ => {
            memchr::memmem::find_iter(text, separator).for_each(|at| put(at, at + separator.len()))
        }
    }
    put(text.len(), text.len());
}
