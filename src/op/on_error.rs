//! `on_error`: what becomes of the rows that a step cannot take.
//!
//! A newcomer's trap: it is no step. It gives the one before it another node, which does the same but
//! for its bad rows; the dataset it was asked of keeps its own.

use std::path::PathBuf;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::plan::graph::{Node, Operation};
use crate::plan::guard::{Guard, Most};

/// What becomes of a row that fails in a step: see [`Dataset::on_error`].
///
/// ```
/// use gleamflow::{Flow, OnError};
///
/// let sizes = Flow::new().lines(["12 kB", "?", "3 kB"]).map("function(l) return l:match('%d+') + 0 end");
/// assert!(sizes.on_error(OnError::Fail).count().is_err());
/// assert_eq!(sizes.on_error(OnError::skip()).collect::<i64>()?, [12, 3]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum OnError {
    /// It ends the run, as it does where nothing else is said.
    #[default]
    Fail,
    /// It is left out: what [`OnError::skip`] and [`OnError::dead_letter`] give.
    LeaveOut(LeaveOut),
}

/// How rows are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaveOut {
    at_most: Option<AtMost>,
    dead_letters: Option<PathBuf>,
}

impl OnError {
    /// The row is left out. The run's [`Report`](crate::Report) says how many there were, and a
    /// warning by `tracing` shows the first of them.
    ///
    /// ```
    /// use gleamflow::{Flow, OnError};
    ///
    /// let numbers = Flow::new().lines(["1", "one", "2"]).numbers([1]).on_error(OnError::skip());
    /// assert_eq!(numbers.collect::<i64>()?, [1, 2]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn skip() -> OnError {
        OnError::LeaveOut(LeaveOut::default())
    }

    /// The row is left out, and goes into a file that [`Flow::rows_file`](crate::Flow::rows_file)
    /// reads, so that the mended step can take it later. Columns of that file: the step with its place
    /// in the program, what is wrong, the input file and the line in it that the row came from (nil
    /// where that is not known), then the row's own columns, as they came to the step.
    ///
    /// The file is new with each run, and empty where no row was bad. It appears when the run has
    /// succeeded, as files of sinks do. Several steps may name the same file.
    ///
    /// ```
    /// use gleamflow::{Flow, OnError};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let bad = folder.path().join("bad");
    /// let lines = Flow::new().lines(["1", "one", "2"]);
    /// let numbers = lines.numbers([1]).on_error(OnError::dead_letter(&bad));
    /// assert_eq!(numbers.collect::<i64>()?, [1, 2]);
    ///
    /// let letters = Flow::new().rows_file(&bad);
    /// let mended = letters.drop([1, 2, 3, 4]).map("function(word) return ({ one = 1 })[word] end");
    /// assert_eq!(mended.collect::<i64>()?, [1]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn dead_letter(path: impl Into<PathBuf>) -> OnError {
        let dead_letters = Some(path.into());
        OnError::LeaveOut(LeaveOut { dead_letters, ..LeaveOut::default() })
    }

    /// The run fails if there are more: a count of rows, or as a fraction a share of those that the
    /// step gets. The error shows the first of them. A count is looked at when a task's turn has come,
    /// a share, or a count where there are partitions or commands, when all rows have.
    ///
    /// ```
    /// use gleamflow::{Flow, OnError};
    ///
    /// let numbers = Flow::new().lines(["1", "one", "two", "4"]).numbers([1]);
    /// assert_eq!(numbers.on_error(OnError::skip().at_most(2)).count()?, 2);
    /// assert_eq!(numbers.on_error(OnError::skip().at_most(0.5)).count()?, 2);
    /// let error = numbers.on_error(OnError::skip().at_most(1)).count().unwrap_err().to_string();
    /// assert!(error.contains("numbers: more than 1 row failed, first: column 1"), "{error}");
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn at_most(self, at_most: impl Into<AtMost>) -> OnError {
        match self {
            OnError::Fail => OnError::Fail,
            OnError::LeaveOut(how) => {
                OnError::LeaveOut(LeaveOut { at_most: Some(at_most.into()), ..how })
            }
        }
    }

    fn guard(&self) -> Result<Option<Guard>, Failure> {
        let OnError::LeaveOut(LeaveOut { at_most, dead_letters }) = self else { return Ok(None) };
        let most = at_most.map(AtMost::most).transpose()?;
        Ok(Some(Guard::new(most, dead_letters.clone())))
    }
}

/// A number of bad rows, or a share of all rows: what [`OnError::at_most`] takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AtMost(Amount);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Rows(i128),
    Share(f64),
}

impl AtMost {
    fn most(self) -> Result<Most, Failure> {
        let refused = |message: String| Err(Failure::new(ErrorKind::Plan, message));
        match self.0 {
            Amount::Rows(rows) => match u64::try_from(rows) {
                Ok(rows) => Ok(Most::Rows(rows)),
                Err(_) => refused(format!("at most {rows} bad rows: a count of rows begins at 0")),
            },
            Amount::Share(share) if (0.0..=1.0).contains(&share) => Ok(Most::Share(share)),
            Amount::Share(share) => {
                refused(format!("at most {share} of the rows: a share lies between 0.0 and 1.0"))
            }
        }
    }
}

macro_rules! counts {
    ($($number:ty),*) => {
        $(impl From<$number> for AtMost {
            fn from(rows: $number) -> AtMost {
                AtMost(Amount::Rows(rows as i128))
            }
        })*
    };
}
counts!(i32, i64, u32, u64, usize);

impl From<f64> for AtMost {
    fn from(share: f64) -> AtMost {
        AtMost(Amount::Share(share))
    }
}

/// # Rows that fail
impl Dataset {
    /// Says what becomes of the rows that fail in the step before it. Which those are, and in which
    /// order they lie in a dead letter file, is the same for any number of workers; a row fails as a
    /// whole, and what a function has emitted for it before that is not passed on: so what comes of one
    /// row is held in memory until the function is through with it.
    ///
    /// It is for steps with a function in Lua for each row (`map`, `flat_map`, `filter`, `for_each`,
    /// …), for `numbers`, `split`, `select` and others that look at columns, and for `pipe_as_args`.
    /// What a row becomes in steps further on is theirs; a row that goes beyond `step_timeout` or the
    /// memory ends the run.
    ///
    /// A function in Lua that fails may be called a second time with the same row, to find out what is
    /// wrong; a function that changes anything outside itself never is. Behind a `limit`, the rows of
    /// tasks that it did not need count for nothing.
    ///
    /// ```
    /// use gleamflow::{Flow, OnError};
    ///
    /// let lines = Flow::new().lines(["a=1", "b", "c=3"]);
    /// let pairs = lines
    ///     .map("function(line) return line:match('(.-)='), line:match('=(.*)') + 0 end")
    ///     .on_error(OnError::skip());
    /// assert_eq!(pairs.collect::<(String, i64)>()?, [("a".into(), 1), ("c".into(), 3)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a step whose rows do not fail one by one; more bad rows than `at_most`; a dead
    /// letter file that cannot be written.
    #[track_caller]
    pub fn on_error(&self, on_error: OnError) -> Dataset {
        let guard = on_error.guard();
        if let Ok(None) = guard {
            return self.clone();
        }
        let mut state = self.flow.state();
        let Node { origin, inputs, operation } = state.graph.nodes[self.node].clone();
        let operator = origin.operator.clone();
        let operation = operation.and_then(|operation| {
            let guard = guard?.unwrap_or_default();
            Ok(Operation::of_any(move |plan, step, inputs| {
                let mut rows = operation.lower(plan, step, inputs)?;
                match plan.guard(&mut rows, step, &guard) {
                    true => Ok(rows),
                    false => Err(has_no_rows(&operator)),
                }
            }))
        });
        state.graph.nodes.push(Node { origin, inputs, operation });
        let node = state.graph.nodes.len() - 1;
        drop(state);
        Dataset::new(self.flow.clone(), node)
    }
}

fn has_no_rows(operator: &str) -> Failure {
    let message = format!("on_error: rows do not fail one by one in `{operator}`");
    Failure::new(ErrorKind::Plan, message).hint(
        "`on_error` stands right behind the step it is for, such as map, numbers or pipe_as_args",
    )
}
