//! The kinds of aggregates of `aggregate`: a file per kind or family, and a line in the registry.
//!
//! A newcomer's trap: a kind sees the rows of a group in pieces. Within tasks it has many groups at
//! once, by number, so its state is a vector by group; behind the exchange it has one group at a
//! time, as parts that come in the order of the rows, and that may be larger than memory.

mod chain;
mod counter;
mod number;
mod slots;
mod sums;
mod tally;

mod count;

mod sum;

mod extreme;

mod mean;

mod spread;

mod first_last;

mod count_distinct;

mod quantile;

mod approx_distinct;

mod approx_quantile;

mod list;

mod mode;

use crate::error::{ErrorKind, Failure};
use crate::op::Column;
use crate::op::group::GroupTask;
use crate::plan::named::{Arguments, Name, registry};
use crate::plan::names::Names;
use crate::row::msgpack::Malformed;

/// What [`aggregate`](crate::Dataset::aggregate) makes of the rows of each key: one column each.
///
/// All but [`count`](Agg::count), [`first`](Agg::first), [`last`](Agg::last) and
/// [`list`](Agg::list) pass over nil, as SQL does. Those that calculate want numbers, and text is
/// none, even if it is made of digits: [`numbers`](crate::Dataset::numbers) reads it as numbers.
///
/// ```
/// use gleamflow::{Agg, Flow};
///
/// let rows = Flow::new().rows([("a", 1), ("b", 5), ("a", 2)]);
/// let sums: Vec<(String, u64, i64)> =
///     rows.aggregate([1], [Agg::count(), Agg::sum(2)]).collect()?;
/// assert_eq!(sums, [("a".to_string(), 2, 3), ("b".to_string(), 1, 5)]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Agg {
    kind: Result<Name, Failure>,
    column: Option<Column>,
}

impl Agg {
    /// Of all of a row.
    fn of_rows(kind: &impl Arguments) -> Agg {
        Agg { kind: Ok(Name::new(kind)), column: None }
    }

    /// Of the values in a column.
    fn of(column: impl Into<Column>, kind: &impl Arguments) -> Agg {
        Agg { kind: Ok(Name::new(kind)), column: Some(column.into()) }
    }

    fn refused(failure: Failure) -> Agg {
        Agg { kind: Err(failure), column: None }
    }

    /// The kind, and the number of its column in rows of which these names are known.
    pub(super) fn resolve(&self, names: &Names) -> Result<(Name, Option<u32>), Failure> {
        let column = self.column.as_ref().map(|column| column.number(names)).transpose()?;
        Ok((self.kind.clone()?, column))
    }
}

/// A kind of aggregate at work.
///
/// Invariant: merging the parts of a group gives what adding its values would, but for the rounding
/// of floats.
pub(super) trait Accumulate {
    /// Begins the group of the next number, which has no values yet.
    fn begin_group(&mut self);

    /// Adds the value of a row to a group: an encoded one, nothing where no column is asked for.
    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit>;

    /// Appends the one column that stands for a group.
    fn put_part(&self, group: usize, out: &mut Vec<u8>);

    /// A task that merges begins.
    fn begin_merging(&mut self, _task: &GroupTask<'_>) {}

    /// Adds what [`Accumulate::put_part`] has made to group 0, the only one.
    fn merge(&mut self, part: &[u8]) -> Result<(), Failure>;

    /// Appends the one column that comes of group 0.
    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure>;

    /// What the groups take in memory, in bytes.
    fn bytes(&self) -> usize;

    /// The bytes of the largest part, where parts grow with the rows.
    fn largest_part(&self) -> usize {
        0
    }

    /// Forgets all groups.
    fn clear(&mut self);
}

registry! {
    /// A kind's code.
    kind, Accumulate:
    approx_distinct::ApproxDistinct,
    approx_quantile::ApproxQuantile,
    count::Count,
    count_distinct::CountDistinct,
    extreme::Extreme,
    first_last::FirstLast,
    list::List,
    mean::Mean,
    mode::Mode,
    quantile::Quantile,
    spread::Spread,
    sum::Sum,
}

/// Why a value cannot be added.
#[derive(Debug)]
pub(super) enum Unfit {
    Text,
    NoNumber,
    Malformed(Malformed),
}

impl From<Malformed> for Unfit {
    fn from(malformed: Malformed) -> Unfit {
        Unfit::Malformed(malformed)
    }
}

impl Unfit {
    /// What the user is told: which kind it was, and of which column.
    #[cold]
    pub(super) fn failure(self, kind: &str, column: u32) -> Failure {
        let message = match self {
            Unfit::Text => format!("{kind}: column {column} is text, and a number belongs there"),
            Unfit::NoNumber => format!("{kind}: column {column} is no number"),
            Unfit::Malformed(malformed) => malformed.to_string(),
        };
        let failure = Failure::new(ErrorKind::Row, message);
        match self {
            Unfit::Text => failure.hint(format!("`numbers({column})` reads text as numbers")),
            _ => failure,
        }
    }
}

/// A part that no kind has made.
#[cold]
fn no_part() -> Failure {
    Failure::new(ErrorKind::Row, "malformed row: it is no part of an aggregate")
}

/// Checks which part of the values is to be before a quantile.
fn checked_quantile(q: f64) -> Result<f64, Failure> {
    match (0.0..=1.0).contains(&q) {
        true => Ok(q),
        false => Err(Failure::new(ErrorKind::Plan, format!("{q} is no quantile")).hint(
            "a quantile is from 0 to 1: 0.5 is the median, 0.95 is above 95 % of the values",
        )),
    }
}
