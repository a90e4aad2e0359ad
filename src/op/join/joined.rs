//! What a join does with the rows of each key: the right ones come first and are kept, the left
//! ones pass by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failed, Failure, Warning};
use crate::op::Listed;
use crate::op::group::{Emit, GroupStep, GroupTask, RowList};
use crate::op::native::malformed;
use crate::plan::chain::KeyColumn;
use crate::plan::exchange::{Facts, Kinds};
use crate::plan::named::Arguments;
use crate::row::layout::Rows;
use crate::row::msgpack::{self, Value};

/// Which rows come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
}

/// The sides of the exchange.
const RIGHT: usize = 0;
const LEFT: usize = 1;

#[derive(Serialize, Deserialize)]
pub(in crate::op) struct Joined {
    kind: Kind,
    pub(super) left: JoinSide,
    pub(super) right: JoinSide,
    #[serde(skip)]
    group: Option<OpenGroup>,
}

/// What is known of the rows of a side before they come.
#[derive(Serialize, Deserialize)]
pub(super) struct JoinSide {
    name: String,
    pub key: Vec<u32>,
    /// How many columns they have, if that is declared.
    pub width: Option<u32>,
}

impl JoinSide {
    /// How many columns the rows have besides their key, of which the widest has so many in all.
    pub(super) fn others(&self, widest: u32) -> Result<u32, Failure> {
        let JoinSide { name, key, width } = self;
        if let Some(declared) = width
            && widest > *declared
        {
            let message =
                format!("the {name} side has a row of {widest} columns, and is to have {declared}");
            let hint = format!("`{name}_width({widest})` says how many it has");
            return Err(Failure::new(ErrorKind::Row, message).hint(hint));
        }
        let width = width.unwrap_or(widest);
        let in_key = (1..=width).filter(|column| key.contains(column)).count();
        Ok(width - u32::try_from(in_key).expect("no more than there are columns"))
    }

    /// The rows' order before they meet.
    pub(super) fn order(&self) -> Vec<KeyColumn> {
        self.key.iter().map(|&column| KeyColumn::ascending(column)).collect()
    }

    /// What a user should hear of a side whose columns are to be filled with nil.
    fn warning(&self, facts: &Facts) -> Option<Warning> {
        let name = &self.name;
        (facts.width == 0 && self.width.is_none()).then(|| {
            Warning::new(format!(
                "the {name} side has no rows, so that nobody knows how many columns it has: none are put out for it"
            ))
            .hint(format!("`{name}_width(n)` says how many it has"))
        })
    }
}

/// What is known of the open group.
struct OpenGroup {
    /// How many columns besides its key each side has.
    left_others: u32,
    right_others: u32,
    /// The length of the key's columns, these, and the others, padded.
    right: Box<dyn RowList>,
    right_rows: u64,
    matched: bool,
    /// A column of the key is nil.
    has_nil: bool,
    row: Vec<u8>,
    spans: Vec<(usize, usize)>,
    warning: Option<Warning>,
}

impl Joined {
    pub(super) fn new(kind: Kind, keys: [Vec<u32>; 2], widths: [Option<u32>; 2]) -> Joined {
        let side = |name: &str, key, width| JoinSide { name: name.to_owned(), key, width };
        let ([left, right], [left_width, right_width]) = (keys, widths);
        let (left, right) = (side("left", left, left_width), side("right", right, right_width));
        Joined { kind, left, right, group: None }
    }

    /// Of the right rows it counts only whether there is one.
    pub(super) fn asks_only_whether(&self) -> bool {
        matches!(self.kind, Kind::Semi | Kind::Anti)
    }

    /// Right rows that match nothing come out too.
    pub(super) fn keeps_right(&self) -> bool {
        matches!(self.kind, Kind::Right | Kind::Full)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// What a user should hear of the two sides.
    fn warning(&self, right: &Facts, left: &Facts) -> Option<Warning> {
        for (nth, (of_left, of_right)) in left.kinds.iter().zip(&right.kinds).enumerate() {
            let (text, numbers) = match (of_left, of_right) {
                _ if of_left.is_text() && of_right.is_numbers() => (&self.left, &self.right),
                _ if of_left.is_numbers() && of_right.is_text() => (&self.right, &self.left),
                _ => continue,
            };
            let (column, text, numbers) = (text.key[nth], &text.name, &numbers.name);
            return Some(
                Warning::new(format!(
                    "the keys of the {text} side are text, those of the {numbers} side numbers: they never match"
                ))
                .hint(format!("`numbers([{column}])` before it makes numbers of the {text} side's")),
            );
        }
        match self.kind {
            Kind::Left => self.right.warning(right),
            Kind::Right => self.left.warning(left),
            Kind::Full => self.right.warning(right).or_else(|| self.left.warning(left)),
            Kind::Inner | Kind::Semi | Kind::Anti => None,
        }
    }

    fn take_right(&mut self, row: &[u8]) -> Result<(), Failed> {
        let only_whether = self.asks_only_whether();
        let Some(group) = &mut self.group else { return Err(not_begun().into()) };
        group.right_rows += 1;
        if only_whether {
            return Ok(());
        }
        group.row.clear();
        group.row.extend_from_slice(&[0; KEY_LENGTH]);
        let others = group.right_others;
        group.has_nil |= put_split(row, &self.right.key, &mut group.spans, &mut group.row, others)?;
        Ok(group.right.push(&group.row)?)
    }

    fn take_left(&mut self, row: &[u8], out: &mut Emit<'_>) -> Result<(), Failed> {
        let Some(group) = &mut self.group else { return Err(not_begun().into()) };
        group.row.clear();
        group.row.extend_from_slice(&[0; KEY_LENGTH]);
        let others =
            if matches!(self.kind, Kind::Semi | Kind::Anti) { 0 } else { group.left_others };
        group.has_nil |= put_split(row, &self.left.key, &mut group.spans, &mut group.row, others)?;
        let left = &group.row[KEY_LENGTH..];
        let matches = group.right_rows > 0 && !group.has_nil;
        group.matched |= matches;
        let alone = |out: &mut Vec<u8>| {
            out.extend_from_slice(left);
            Ok(())
        };
        match (self.kind, matches) {
            (Kind::Semi, true) | (Kind::Anti, false) => out.row(alone),
            (Kind::Left | Kind::Full, false) => out.row(|out| {
                out.extend_from_slice(left);
                (0..group.right_others).for_each(|_| msgpack::put_nil(out));
                Ok(())
            }),
            (Kind::Inner | Kind::Left | Kind::Right | Kind::Full, true) => {
                group.right.try_each(&mut |right| {
                    out.row(|out| {
                        out.extend_from_slice(left);
                        out.extend_from_slice(behind_key(right));
                        Ok(())
                    })
                })
            }
            _ => Ok(()),
        }
    }

    fn end_group(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        let Some(group) = &mut self.group else { return Err(not_begun().into()) };
        if group.right_rows == 0 {
            return Ok(());
        }
        if matches!(self.kind, Kind::Right | Kind::Full) && !group.matched {
            let nils = group.left_others;
            group.right.try_each(&mut |right| {
                out.row(|out| {
                    out.extend_from_slice(key_of(right));
                    (0..nils).for_each(|_| msgpack::put_nil(out));
                    out.extend_from_slice(behind_key(right));
                    Ok(())
                })
            })?;
        }
        group.right.clear();
        group.right_rows = 0;
        Ok(())
    }
}

/// Bytes before a row that say how long its key is.
pub(super) const KEY_LENGTH: usize = 4;

fn key_of(row: &[u8]) -> &[u8] {
    &row[KEY_LENGTH..key_end(row)]
}

pub(super) fn behind_key(row: &[u8]) -> &[u8] {
    &row[key_end(row)..]
}

fn key_end(row: &[u8]) -> usize {
    let length = row.first_chunk().expect("each row has been given a length");
    KEY_LENGTH + u32::from_le_bytes(*length) as usize
}

/// Appends the columns of the key, then the others, of which there are to be `others` at least, and
/// writes the key's length before them. Whether the key has a nil.
pub(super) fn put_split(
    row: &[u8],
    key: &[u32],
    spans: &mut Vec<(usize, usize)>,
    out: &mut Vec<u8>,
    others: u32,
) -> Result<bool, Failure> {
    let start = out.len();
    let mut has_nil = false;
    let mut put_key = |out: &mut Vec<u8>, column: &[u8]| {
        has_nil |= matches!(msgpack::head(column), Ok((Value::Nil, _)));
        out.extend_from_slice(column);
    };
    spans.clear();
    let mut at = 0;
    while at < row.len() {
        let end = at + msgpack::skip(&row[at..]).map_err(malformed)?;
        spans.push((at, end));
        at = end;
    }
    for &column in key {
        let (from, end) = spans[column as usize - 1];
        put_key(out, &row[from..end]);
    }
    let length = u32::try_from(out.len() - start).expect("a row is far below 4 GiB");
    let mut count = 0;
    match key {
        [] | [1] => {
            out.extend_from_slice(&row[spans.get(key.len()).map_or(row.len(), |span| span.0)..]);
            count = spans.len() - key.len();
        }
        _ => {
            for (column, &(from, end)) in (1..).zip(&*spans) {
                if !key.contains(&column) {
                    out.extend_from_slice(&row[from..end]);
                    count += 1;
                }
            }
        }
    }
    (count..others as usize).for_each(|_| msgpack::put_nil(out));
    out[start - KEY_LENGTH..start].copy_from_slice(&length.to_le_bytes());
    Ok(has_nil)
}

fn not_begun() -> Failure {
    malformed("rows of a join come before their task")
}

impl GroupStep for Joined {
    fn begin(&mut self, task: &GroupTask<'_>) -> Result<(), Failure> {
        // A task that only makes longer runs of shorter ones has no facts, and no rows for us.
        let [right, left] = task.facts else { return Ok(()) };
        let warning = self.warning(right, left);
        self.group = Some(OpenGroup {
            left_others: self.left.others(left.width)?,
            right_others: self.right.others(right.width)?,
            right: task.lists.list(),
            right_rows: 0,
            matched: false,
            has_nil: false,
            row: Vec::new(),
            spans: Vec::new(),
            warning,
        });
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each_marked(|row, mark| {
            if mark.begins_key() {
                self.end_group(out)?;
                if let Some(group) = &mut self.group {
                    (group.matched, group.has_nil) = (false, false);
                }
            }
            match usize::from(mark.side()) {
                RIGHT => self.take_right(row),
                LEFT => self.take_left(row, out),
                _ => Err(malformed("a join has two sides").into()),
            }
        })
    }

    fn finish(&mut self, out: &mut Emit<'_>) -> Result<(), Failed> {
        self.end_group(out)
    }

    fn warning(&self) -> Option<Warning> {
        self.group.as_ref()?.warning.clone()
    }
}

impl Kinds {
    fn is_text(self) -> bool {
        self.has(Kinds::TEXT) && !self.has(Kinds::NUMBER)
    }

    fn is_numbers(self) -> bool {
        self.has(Kinds::NUMBER) && !self.has(Kinds::TEXT)
    }
}

impl Arguments for Joined {
    const NAME: &str = "join";
}

impl fmt::Display for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Inner => "inner",
            Kind::Left => "left",
            Kind::Right => "right",
            Kind::Full => "full",
            Kind::Semi => "semi",
            Kind::Anti => "anti",
        };
        match self.left.key[..] {
            [] => f.write_str("cross"),
            _ => write!(f, "{kind} join on {}", Listed(&self.left.key)),
        }
    }
}
