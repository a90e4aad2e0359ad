//! The operators of the graphs, each with its model: the same on lists.
//!
//! A newcomer's trap: all rows are of two text columns, so an operator that makes others is followed
//! by what brings them back.

use std::collections::{BTreeMap, BTreeSet};

use gleamflow::{Dataset, Sort};
use proptest::prelude::*;

/// An operator on rows of two text columns, which gives rows of two text columns. Some read a second
/// dataset too.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Swap,
    Shorten,
    Lengths,
    Rejoin,
    Double,
    Keep,
    EmitSwapped,
    Fields,
    SplitPattern,
    Pad,
    Select,
    SelectTwice,
    Reduce,
    ReduceBy,
    Fold,
    Distinct,
    CountBy,
    CountByBoth,
    Sort,
    SortDown,
    Top(u64),
    Limit(u64),
    Skip(u64),
    Union,
    Intersect,
    Subtract,
    Partition(u32),
    PartitionBy(u32),
    RoundRobin(u32),
    Cat,
    SortCommand,
    Head,
    CatRows,
    Args,
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Swap),
        Just(Op::Shorten),
        Just(Op::Lengths),
        Just(Op::Rejoin),
        Just(Op::Double),
        Just(Op::Keep),
        Just(Op::EmitSwapped),
        Just(Op::Fields),
        Just(Op::SplitPattern),
        Just(Op::Pad),
        Just(Op::Select),
        Just(Op::SelectTwice),
        Just(Op::Reduce),
        Just(Op::ReduceBy),
        Just(Op::Fold),
        Just(Op::Distinct),
        Just(Op::CountBy),
        Just(Op::CountByBoth),
        Just(Op::Sort),
        Just(Op::SortDown),
        number_of_rows().prop_map(Op::Top),
        number_of_rows().prop_map(Op::Limit),
        number_of_rows().prop_map(Op::Skip),
        Just(Op::Union),
        Just(Op::Intersect),
        Just(Op::Subtract),
        (1..5u32).prop_map(Op::Partition),
        (1..5u32).prop_map(Op::PartitionBy),
        (1..5u32).prop_map(Op::RoundRobin),
        Just(Op::Cat),
        Just(Op::SortCommand),
        Just(Op::Head),
        Just(Op::CatRows),
        Just(Op::Args),
    ]
}

fn number_of_rows() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..20u64, Just(700)]
}

/// The first and the last of what was folded: associative and not commutative.
const ENDS: &str = "function(x, y) return x:match('^[^~]*') .. '~' .. y:match('[^~]*$') end";
const ENDS_OF_BOTH: &str = "function(a, b, c, d)
    return a:match('^[^~]*') .. '~' .. c:match('[^~]*$'), b:match('^[^~]*') .. '~' .. d:match('[^~]*$')
end";

impl Op {
    pub fn apply(self, rows: &Dataset, other: &Dataset) -> Dataset {
        match self {
            Op::Swap => rows.map("function(k, v) return v, k end"),
            Op::Shorten => rows.map("function(k, v) return k:sub(1, 2), v end"),
            Op::Lengths => rows
                .map("function(k, v) return k, tostring(#v) end")
                .numbers([2])
                .map("function(k, n) return k, str(n) end"),
            Op::Rejoin => rows.map("function(k, v) return k .. ':' .. v end").split(":"),
            Op::Double => rows.flat_map(
                "function(k, v)
                    local left = 2
                    return function()
                        left = left - 1
                        if left == 1 then return k, v elseif left == 0 then return v, k end
                    end
                end",
            ),
            Op::Keep => rows.filter("function(k, v) return #k % 2 == 1 end"),
            Op::EmitSwapped => rows.for_each("function(k, v) if k < 'c' then emit(v, k) end end"),
            Op::Fields => rows.map("function(k, v) return ' ' .. k .. '\t ' .. v end").fields(),
            Op::SplitPattern => {
                rows.map("function(k, v) return k .. ' :: ' .. v end").split_pattern(" *:+ *")
            }
            Op::Pad => rows
                .pad(4)
                .select([4, 1, 2])
                .map("function(x, k, v) return k, v .. tostring(x) end"),
            Op::Select => rows.select([2, 1]),
            Op::SelectTwice => rows.select([2, 2]),
            Op::Reduce => rows.reduce(ENDS),
            Op::ReduceBy => rows.reduce_by([2], ENDS),
            Op::Fold => rows.fold(ENDS_OF_BOTH),
            Op::Distinct => rows.distinct(),
            Op::CountBy => rows.count_by([2]).map("function(v, n) return v, str(n) end"),
            Op::CountByBoth => {
                rows.count_by([2, 1]).map("function(v, k, n) return v, k .. str(n) end")
            }
            Op::Sort => rows.sort(1),
            Op::SortDown => rows.sort(Sort::by(2).descending().then(1)),
            Op::Top(most) => rows.top(most, Sort::by(2).descending()),
            Op::Limit(most) => rows.limit(most),
            Op::Skip(first) => rows.skip(first),
            Op::Union => rows.union(other),
            Op::Intersect => rows.intersect(other),
            Op::Subtract => rows.subtract(other),
            Op::Partition(count) => rows.partition(count),
            Op::PartitionBy(count) => rows.partition_by([2, 1], count),
            Op::RoundRobin(count) => rows.round_robin(count),
            Op::Cat => rows.pipe("cat"),
            Op::SortCommand => rows.pipe("LC_ALL=C sort"),
            Op::Head => rows.pipe("head -n 3"),
            Op::CatRows => rows.pipe_rows("cat"),
            Op::Args => rows.limit(2).pipe_as_args("printf '%s\\t%s\\n' \"$1\" \"$2\""),
        }
    }

    pub fn model(self, parts: &Parts, other: &Parts) -> Parts {
        let each = |step: &dyn Fn(&Row) -> Vec<Row>| -> Parts {
            parts.iter().map(|rows| rows.iter().flat_map(step).collect()).collect()
        };
        let all = || parts.concat();
        match self {
            Op::Swap | Op::Select => each(&|(k, v)| vec![(v.clone(), k.clone())]),
            Op::Shorten => each(&|(k, v)| vec![(k[..k.len().min(2)].to_string(), v.clone())]),
            Op::Lengths => each(&|(k, v)| vec![(k.clone(), v.len().to_string())]),
            Op::Rejoin | Op::Fields | Op::SplitPattern | Op::Cat | Op::CatRows => parts.clone(),
            Op::Pad => each(&|(k, v)| vec![(k.clone(), format!("{v}nil"))]),
            Op::SelectTwice => each(&|(_, v)| vec![(v.clone(), v.clone())]),
            Op::Double => each(&|(k, v)| vec![(k.clone(), v.clone()), (v.clone(), k.clone())]),
            Op::Keep => each(&|row| if row.0.len() % 2 == 1 { vec![row.clone()] } else { vec![] }),
            Op::EmitSwapped => each(&|(k, v)| {
                let mut rows = vec![(k.clone(), v.clone())];
                if k.as_str() < "c" {
                    rows.insert(0, (v.clone(), k.clone()));
                }
                rows
            }),
            Op::Reduce => vec![fold_by_key(all())],
            Op::ReduceBy => {
                vec![fold_by_key(all().into_iter().map(|(k, v)| (v, k)).collect())]
            }
            Op::Fold => {
                let fold = |x: Row, y: Row| (ends(&x.0, &y.0), ends(&x.1, &y.1));
                vec![all().into_iter().reduce(fold).into_iter().collect()]
            }
            Op::Distinct => vec![distinct(all())],
            Op::CountBy => {
                let values = all().into_iter().map(|(_, v)| v).collect();
                let counts = count(values).into_iter();
                vec![counts.map(|(value, count)| (value, count.to_string())).collect()]
            }
            Op::CountByBoth => {
                let values = all().into_iter().map(|(k, v)| (v, k)).collect();
                let counts = count(values).into_iter();
                vec![counts.map(|((v, k), count)| (v, format!("{k}{count}"))).collect()]
            }
            Op::Sort => {
                let mut rows = all();
                rows.sort_by(|x, y| x.0.cmp(&y.0));
                vec![rows]
            }
            Op::SortDown => {
                let mut rows = all();
                rows.sort_by(|x, y| y.1.cmp(&x.1).then(x.0.cmp(&y.0)));
                vec![rows]
            }
            Op::Top(most) => {
                let mut rows = all();
                rows.sort_by(|x, y| y.1.cmp(&x.1));
                rows.truncate(most as usize);
                vec![rows]
            }
            Op::Limit(most) => vec![all().into_iter().take(most as usize).collect()],
            Op::Skip(first) => vec![all().into_iter().skip(first as usize).collect()],
            Op::Union => vec![[all(), other.concat()].concat()],
            Op::Intersect | Op::Subtract => {
                let others: BTreeSet<Row> = other.iter().flatten().cloned().collect();
                let mut rows = distinct(all());
                rows.retain(|row| others.contains(row) == matches!(self, Op::Intersect));
                vec![rows]
            }
            Op::Partition(count) => deal(all(), count, |_, row| hash(&[&row.0])),
            Op::PartitionBy(count) => deal(all(), count, |_, row| hash(&[&row.1, &row.0])),
            Op::RoundRobin(count) => deal(all(), count, |index, _| index as u64),
            Op::SortCommand => {
                let mut parts = parts.clone();
                for rows in &mut parts {
                    rows.sort_by_key(line);
                }
                parts
            }
            Op::Head => parts.iter().map(|rows| rows.iter().take(3).cloned().collect()).collect(),
            Op::Args => vec![all().into_iter().take(2).collect()],
        }
    }
}

pub type Row = (String, String);
/// The rows of each partition.
pub type Parts = Vec<Vec<Row>>;

pub fn line(row: &Row) -> String {
    format!("{}\t{}\n", row.0, row.1)
}

fn ends(x: &str, y: &str) -> String {
    let first = x.split('~').next().expect("there is always a first");
    let last = y.rsplit('~').next().expect("there is always a last");
    format!("{first}~{last}")
}

fn fold_by_key(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by(|x, y| x.0.cmp(&y.0));
    let mut folded: Vec<Row> = Vec::new();
    for (key, value) in rows {
        match folded.last_mut() {
            Some(last) if last.0 == key => last.1 = ends(&last.1, &value),
            _ => folded.push((key, value)),
        }
    }
    folded
}

fn distinct(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows.dedup();
    rows
}

fn count<K: Ord>(keys: Vec<K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn deal(rows: Vec<Row>, count: u32, number: impl Fn(usize, &Row) -> u64) -> Parts {
    let mut parts = vec![Vec::new(); count as usize];
    for (index, row) in rows.into_iter().enumerate() {
        parts[(number(index, &row) % u64::from(count)) as usize].push(row);
    }
    parts
}

/// The hash of the key bytes of text columns: each is 6, its bytes, 0 0.
fn hash(columns: &[&str]) -> u64 {
    let mut key = Vec::new();
    for column in columns {
        key.push(6);
        key.extend_from_slice(column.as_bytes());
        key.extend_from_slice(&[0, 0]);
    }
    xxhash_rust::xxh3::xxh3_64(&key)
}
