//! `join`, `cross`: rows of two datasets side by side.

mod broadcast;
mod joined;

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::op::Columns;
use crate::plan::exchange::{Cuts, Exchange, Group, Keep, Side};
use crate::plan::lower::{Lower, Open};
use crate::plan::names::Names;
use crate::plan::native::Native;

pub(super) use broadcast::Broadcast;
pub(super) use joined::Joined;
use joined::Kind;

/// # Joins
///
/// Rows of several datasets of one flow that have the same key: see [`Dataset::flow`].
impl Dataset {
    /// The rows of this dataset, the left one, each beside every row of another one of the same
    /// flow that has the same key. `on` is the key's columns, `1`, `[1, 2]` or `"user"`, or a
    /// [`Join`] that says which kind it is.
    ///
    /// Columns out: the keys, the left's other columns, the right's other columns. Sorted by key,
    /// then in the order of the left, then of the right. Numbers are one key if they are equal, 1
    /// and 1.0, and text is never a number; a key with a nil in it matches nothing. Each side is as
    /// wide as its widest row: shorter ones are padded with nil.
    ///
    /// The right rows of one key are kept while those of the left pass by, on disk if they are many.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let visits = flow.rows([("ann", "/a"), ("bob", "/b"), ("ann", "/c")]);
    /// let ages = flow.rows([("ann", 31), ("eve", 25)]);
    /// let rows: Vec<(String, String, u32)> = visits.join(&ages, 1).collect()?;
    /// assert_eq!(rows, [("ann".into(), "/a".into(), 31), ("ann".into(), "/c".into(), 31)]);
    ///
    /// let rows: Vec<(String, String, Option<u32>)> = visits.join(&ages, Join::left(1)).collect()?;
    /// assert_eq!(rows[2], ("bob".into(), "/b".into(), None));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no key columns (see [`Dataset::cross`]), or not as many on both sides; a
    /// column that a row does not have (see [`Dataset::pad`]); a row that is wider than was
    /// declared; a dataset of another flow. Keys that are all text on one side and all numbers on
    /// the other match nothing, and are a warning.
    #[track_caller]
    pub fn join(&self, right: &Dataset, on: impl Into<Join>) -> Dataset {
        let join = on.into();
        self.add_two("join", Location::caller(), right, move |plan, step, sides| {
            join.lower(plan, step, sides)
        })
    }

    /// Every row of this dataset beside every row of another one of the same flow. Columns out:
    /// this one's, then the other's; in the order of this one, then of the other. It is one task's
    /// work.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let flow = Flow::new();
    /// let rows: Vec<(String, i64)> = flow.lines(["a", "b"]).cross(&flow.range(0..2)).collect()?;
    /// assert_eq!(rows[1], ("a".to_string(), 1));
    /// assert_eq!(rows.len(), 4);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a dataset of another flow.
    #[track_caller]
    pub fn cross(&self, other: &Dataset) -> Dataset {
        self.add_two("cross", Location::caller(), other, |plan, step, sides| {
            let keys = [Vec::new(), Vec::new()];
            merged(plan, step, sides, Joined::new(Kind::Inner, keys, [None; 2]))
        })
    }
}

/// How two datasets are joined: by which columns, and which rows come out.
///
/// ```
/// use gleamflow::{Flow, Join};
///
/// let flow = Flow::new();
/// let sold = flow.rows([("tea", 3), ("ink", 1)]);
/// let stock = flow.rows([(7, "tea"), (9, "oil")]);
/// let join = Join::full(1).right_key([2]);
/// let rows: Vec<(String, Option<u32>, Option<u32>)> = sold.join(&stock, join).collect()?;
/// assert_eq!(rows[0], ("ink".to_string(), Some(1), None));
/// assert_eq!(rows[1], ("oil".to_string(), None, Some(9)));
/// assert_eq!(rows[2], ("tea".to_string(), Some(3), Some(7)));
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    kind: Kind,
    key: Columns,
    right_key: Option<Columns>,
    /// Of the left, of the right.
    widths: [Option<u32>; 2],
    broadcast: bool,
}

impl Join {
    /// Rows of both sides that match, in each pair.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let rows: Vec<(i64, String, String)> = left.join(&right, Join::inner(1)).collect()?;
    /// assert_eq!(rows, [(2, "b".into(), "x".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn inner(key: impl Into<Columns>) -> Join {
        Join::new(Kind::Inner, key)
    }

    /// These, and the left rows that match nothing, with nil in the right's columns.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let rows: Vec<(i64, String, Option<String>)> = left.join(&right, Join::left(1)).collect()?;
    /// assert_eq!(rows[0], (1, "a".into(), None));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn left(key: impl Into<Columns>) -> Join {
        Join::new(Kind::Left, key)
    }

    /// What [`Join::inner`] gives, and the right rows that match nothing, with nil in the left's
    /// columns.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let rows: Vec<(i64, Option<String>, String)> = left.join(&right, Join::right(1)).collect()?;
    /// assert_eq!(rows[1], (3, None, "y".into()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn right(key: impl Into<Columns>) -> Join {
        Join::new(Kind::Right, key)
    }

    /// What [`Join::inner`] gives, and the rows of both sides that match nothing.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// assert_eq!(left.join(&right, Join::full(1)).count()?, 3);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn full(key: impl Into<Columns>) -> Join {
        Join::new(Kind::Full, key)
    }

    /// The left rows that match something, each once: keys, then the left's other columns.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let rows: Vec<(i64, String)> = left.join(&right, Join::semi(1)).collect()?;
    /// assert_eq!(rows, [(2, "b".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn semi(key: impl Into<Columns>) -> Join {
        Join::new(Kind::Semi, key)
    }

    /// The left rows that match nothing: keys, then the left's other columns.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let rows: Vec<(i64, String)> = left.join(&right, Join::anti(1)).collect()?;
    /// assert_eq!(rows, [(1, "a".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn anti(key: impl Into<Columns>) -> Join {
        Join::new(Kind::Anti, key)
    }

    fn new(kind: Kind, key: impl Into<Columns>) -> Join {
        Join { kind, key: key.into(), right_key: None, widths: [None; 2], broadcast: false }
    }

    /// The key's columns on the right, if they are others than on the left; as many.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let turned = right.select([2, 1]);
    /// let rows = left.join(&turned, Join::inner(1).right_key(2));
    /// assert_eq!(rows.collect::<(i64, String, String)>()?, [(2, "b".into(), "x".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn right_key(self, key: impl Into<Columns>) -> Join {
        Join { right_key: Some(key.into()), ..self }
    }

    /// How many columns the left side has, its key included: for one that may have no rows.
    /// Without it, its columns are those of its widest row, or its names.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let none = left.limit(0);
    /// let rows = none.join(&right, Join::right(1).left_width(2));
    /// assert_eq!(rows.collect::<(i64, Option<String>, String)>()?[0], (2, None, "x".into()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn left_width(self, columns: u32) -> Join {
        Join { widths: [Some(columns), self.widths[1]], ..self }
    }

    /// How many columns the right side has: see [`Join::left_width`].
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let (left, right) = (flow.rows([(1, "a"), (2, "b")]), flow.rows([(2, "x"), (3, "y")]));
    /// let none = right.limit(0);
    /// let rows = left.join(&none, Join::left(1).right_width(2));
    /// assert_eq!(rows.collect::<(i64, String, Option<String>)>()?[0], (1, "a".into(), None));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn right_width(self, columns: u32) -> Join {
        Join { widths: [self.widths[0], Some(columns)], ..self }
    }

    /// Each worker holds the whole right side, and the left rows pass by: they stay where they are,
    /// in their order and in their partitions, and what comes out is in the order of the left, then
    /// of the right. For a right side that is small: if all those that a flow broadcasts take more
    /// than a quarter of a worker's memory, or one of them more than its even share of that, that is
    /// an error.
    ///
    /// Nobody knows then how wide the left's widest row is: without
    /// [`left_width`](Join::left_width) or names, rows of different widths in one task are an error,
    /// and those of one task may be wider than those of another.
    ///
    /// ```
    /// use gleamflow::{Flow, Join};
    ///
    /// let flow = Flow::new();
    /// let visits = flow.rows([("b", "/x"), ("a", "/y"), ("b", "/z")]);
    /// let names = flow.rows([("a", "Ann"), ("b", "Bob")]);
    /// let rows = visits.join(&names, Join::inner(1).broadcast()).select([2, 3]);
    /// let rows: Vec<(String, String)> = rows.collect()?;
    /// assert_eq!(rows[0], ("/x".to_string(), "Bob".to_string()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn broadcast(self) -> Join {
        Join { broadcast: true, ..self }
    }

    fn lower(&self, plan: &mut Lower, step: u32, sides: [Open; 2]) -> Result<Open, Failure> {
        let [left, right] = sides.each_ref().map(Open::names);
        let hint = "`cross` puts every row beside every other";
        let left_key = self.key.some_numbers(left, hint)?;
        let right_key = self.right_key.as_ref().unwrap_or(&self.key).some_numbers(right, hint)?;
        if left_key.len() != right_key.len() {
            let (left, right) = (left_key.len(), right_key.len());
            let message =
                format!("the keys differ in columns: {left} on the left, {right} on the right");
            return Err(Failure::new(ErrorKind::Plan, message));
        }
        let widths = [self.widths[0].or(left.width()), self.widths[1].or(right.width())];
        let joined = Joined::new(self.kind, [left_key, right_key], widths);
        if self.broadcast {
            broadcast(plan, step, sides, joined)
        } else {
            merged(plan, step, sides, joined)
        }
    }
}

impl<C: Into<Columns>> From<C> for Join {
    fn from(key: C) -> Join {
        Join::inner(key)
    }
}

/// Brings the rows of each key of both sides together.
fn merged(
    plan: &mut Lower,
    step: u32,
    [left, right]: [Open; 2],
    joined: Joined,
) -> Result<Open, Failure> {
    let names = joined.names(left.names(), right.names());
    let keep = if joined.asks_only_whether() { Keep::First } else { Keep::All };
    // The right rows of a key come first, since they are kept.
    let sides = [
        Side::sorted(right, joined.right.order(), keep).measured(),
        Side::sorted(left, joined.left.order(), Keep::All).measured(),
    ];
    let group = Some(Group::Step(Native::new(step, &joined)));
    let exchange = Exchange { keep: Keep::All, cuts: Cuts::Keys, group };
    Ok(plan.exchange(step, sides, exchange).named(names))
}

/// Has the left rows pass by the right ones, which each worker holds.
fn broadcast(
    plan: &mut Lower,
    step: u32,
    [left, right]: [Open; 2],
    joined: Joined,
) -> Result<Open, Failure> {
    let names = joined.names(left.names(), right.names());
    if joined.keeps_right() {
        let message = "no worker sees all left rows of a `broadcast`, so that none knows which right rows match nothing";
        return Err(Failure::new(ErrorKind::Plan, message)
            .hint("leave out `broadcast`, or swap the sides and take `Join::left`"));
    }
    let side = Side::sorted(right, joined.right.order(), Keep::All).measured();
    let code = |held| Native::new(step, &Broadcast::new(joined, held));
    Ok(plan.beside(step, left, side, code).named(names))
}

impl Joined {
    fn names(&self, left: &Names, right: &Names) -> Names {
        let of_left = left.select(&self.left.key).and(left.without(&self.left.key));
        // Where the right's columns begin is known if all of the left's are.
        match left.width() {
            Some(_) if !self.asks_only_whether() => of_left.and(right.without(&self.right.key)),
            _ => of_left,
        }
    }
}
