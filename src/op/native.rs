//! What operators run in a worker without Lua: three traits, of which [`GroupStep`] has a file of
//! its own, and the registry that finds an
//! operator's code by the name in a plan.
//!
//! A newcomer's trap: these see rows of one task, in order; what they give may depend on nothing
//! else. A step's code is made anew for each task.

use crate::error::{ErrorKind, Failed, Failure, Warning};
use crate::op::group::{GroupStep, GroupTask};
use crate::plan::named::registry;
use crate::row::cells::Cells;
use crate::row::cut::{self, Between};
use crate::row::describe::{describe, describe_line};
pub(crate) use crate::row::frame::{put_row, too_large};
use crate::row::layout::{Layout, Rows};
use crate::row::msgpack::{self, Value};

/// Takes blocks of rows and gives rows.
pub(crate) trait BlockStep {
    /// Takes rows and appends rows in [its layout](BlockStep::layout) to `out`: one for each row, so
    /// that a row's number in the block stays what it was, unless
    /// [the plan](crate::plan::native::Native::keeps_rows) says that some are left out. On an error,
    /// `out` may end within the row that failed.
    fn apply(&mut self, rows: Rows<'_>, max_row: usize, out: &mut Vec<u8>) -> Result<(), Failed>;

    /// How the rows lie that come of rows which lie so: frames, or lines where those serve.
    fn layout(&self, _input: Layout) -> Layout {
        Layout::Frames
    }

    /// What the user is to be told once the task's rows have come, if anything.
    fn warning(&self) -> Option<Warning> {
        None
    }
}

/// Folds the rows of each key, first within a task, where groups have numbers from 0 in the order in
/// which their keys came, and then what came of the tasks, where each group is number 0.
///
/// Invariant: merging the parts of a group in the order of its rows gives what adding the rows
/// would, but for the rounding of floats: a group's rows come in as many parts as they may.
pub(crate) trait Fold {
    /// Comes before all else.
    fn begin(&mut self) -> Result<(), Failure>;

    /// The columns, from 1, that it wants of each row.
    fn columns(&self) -> Vec<u32>;

    /// Begins the group of the next number, which has no rows yet.
    fn begin_group(&mut self);

    /// Adds a row to a group, by the columns that it wants.
    fn add(&mut self, group: usize, row: Cells<'_>) -> Result<(), Failure>;

    /// Appends the columns that stand for a group on its way to [`Fold::merge`].
    fn put_part(&self, group: usize, out: &mut Vec<u8>);

    /// A task that merges begins.
    fn begin_merging(&mut self, task: &GroupTask<'_>);

    /// Adds what [`Fold::put_part`] has made to the only group. Behind its last part comes
    /// [`Fold::put_result`].
    fn merge(&mut self, part: &[u8]) -> Result<(), Failure>;

    /// Appends the columns that come of the only group, behind its key.
    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure>;

    /// What the groups take in memory, in bytes.
    fn bytes(&self) -> usize;

    /// The bytes of the largest part, where parts grow with the rows.
    fn largest_part(&self) -> usize;

    /// Forgets all groups.
    fn clear(&mut self);
}

registry! {
    /// A step's code.
    block_step, BlockStep:
    super::branch::Branch,
    super::drop::Drop,
    super::fields::Fields,
    super::numbers::Numbers,
    super::pad::Pad,
    super::select::Select,
    super::split::Split,
}

registry! {
    /// A group step's code.
    group_step, GroupStep:
    super::intersect::Membership,
    super::cogroup::Lists,
    super::join::Broadcast,
    super::join::Joined,
    super::lag::Lag,
    super::sample::Chance,
    super::with_index::Index,
}

registry! {
    /// A fold's code.
    fold, Fold:
    super::aggregate::Aggregate,
}

/// Makes one row of each row: `row` appends the columns that come of a payload.
pub(crate) fn each_row(
    rows: Rows<'_>,
    max_row: usize,
    out: &mut Vec<u8>,
    mut row: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), Failure>,
) -> Result<(), Failed> {
    let mut framed = Vec::new();
    let mut index = 0;
    Rows::frames(rows.as_frames(&mut framed)?).try_each(|payload| {
        put_row(max_row, out, |out| row(payload, out))
            .map_err(|failed| failed.at_row(index, || describe(payload)))?;
        index += 1;
        Ok(())
    })
}

/// Makes one row of each line: `row` appends the columns that come of a line, which is cut at every
/// `separator`.
pub(crate) fn each_line(
    rows: Rows<'_>,
    separator: Option<u8>,
    max_row: usize,
    out: &mut Vec<u8>,
    mut row: impl FnMut(Between<'_>, &mut Vec<u8>),
) -> Result<(), Failed> {
    let mut ends = Vec::new();
    rows.append_ends(separator, &mut ends).map_err(malformed)?;
    for (index, line) in (0..).zip(cut::lines(rows.bytes, &ends)) {
        let put = |out: &mut Vec<u8>| {
            row(line, out);
            Ok(())
        };
        put_row(max_row, out, put).map_err(|failed| {
            let text = &rows.bytes[line.from as usize..line.stop() as usize];
            failed.at_row(index, || describe_line(text))
        })?;
    }
    Ok(())
}

/// The text that is all of a row.
pub(crate) fn only_text(payload: &[u8]) -> Result<&[u8], Failure> {
    let (value, used) = msgpack::head(payload).map_err(malformed)?;
    let (Value::Str(text) | Value::Bin(text)) = value else {
        let message = "it takes a row of one text column, and column 1 is no text";
        return Err(Failure::new(ErrorKind::Row, message));
    };
    if used != payload.len() {
        let message = "it takes a row of one text column, and this row has more";
        return Err(Failure::new(ErrorKind::Row, message)
            .hint("rows that come from a command are already cut at TAB"));
    }
    Ok(text)
}

/// Bytes that should have been rows.
pub(crate) fn malformed(error: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorKind::Row, error.to_string())
}
