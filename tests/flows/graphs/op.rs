//! The operators of the graphs, each with its model: the same on lists.
//!
//! A newcomer's trap: all rows are of two text columns, so an operator that makes others is followed
//! by what brings them back.

use std::collections::{BTreeMap, BTreeSet};

use gleamflow::{Agg, Dataset, Join, Sort};
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
    Aggregate,
    AggregateAll,
    GroupMap,
    MapPartitions,
    Accumulate,
    Scan,
    ScanBy,
    Lag(u64),
    Window(u64, u64),
    Branch,
    Sort,
    SortBy,
    SortDown,
    Top(u64),
    Limit(u64),
    Skip(u64),
    Union,
    Join,
    FullJoin,
    BroadcastAnti,
    BroadcastLeft,
    MergeSorted,
    Zip,
    WithIndex,
    Reverse,
    GroupBy,
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
        Just(Op::Aggregate),
        Just(Op::AggregateAll),
        Just(Op::GroupMap),
        Just(Op::MapPartitions),
        Just(Op::Accumulate),
        Just(Op::Scan),
        Just(Op::ScanBy),
        (1..4u64).prop_map(Op::Lag),
        (1..5u64, 1..5u64).prop_map(|(size, step)| Op::Window(size, step)),
        Just(Op::Branch),
        Just(Op::Sort),
        Just(Op::SortBy),
        Just(Op::SortDown),
        number_of_rows().prop_map(Op::Top),
        number_of_rows().prop_map(Op::Limit),
        number_of_rows().prop_map(Op::Skip),
        Just(Op::Union),
        Just(Op::Join),
        Just(Op::FullJoin),
        Just(Op::BroadcastAnti),
        Just(Op::BroadcastLeft),
        Just(Op::MergeSorted),
        Just(Op::Zip),
        Just(Op::WithIndex),
        Just(Op::Reverse),
        Just(Op::GroupBy),
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

/// The same as states.
const ENDS_OF_STATES: &str = "return {
    init = function() return {} end,
    step = function(s, k, v)
        s[1], s[2] = s[1] or v, v
        s.n = (s.n or 0) + 1
        return s
    end,
    merge = function(a, b) return { a[1], b[2], n = a.n + b.n } end,
    finish = function(s)
        return s.n == 1 and s[1] or s[1]:match('^[^~]*') .. '~' .. s[2]:match('[^~]*$')
    end,
}";

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
            Op::Aggregate => rows
                .aggregate([2], [Agg::max(1), Agg::last(1), Agg::mode(1), Agg::list(1)])
                .map("function(v, x, l, m, all) return v, x .. l .. m .. str(#all) end"),
            Op::AggregateAll => rows
                .aggregate([], [Agg::count(), Agg::min(1), Agg::first(2), Agg::count_distinct(2)])
                .map("function(n, x, f, d) return str(n), tostring(x) .. tostring(f) .. str(d) end"),
            Op::GroupMap => rows.group_map(
                [2],
                "function(v, rows) for i, k in rows do emit(v, k .. i) if i == 3 then break end end end",
            ),
            Op::MapPartitions => rows.map_partitions(
                "function(rows)
                    local n, last = 0, 'none'
                    for i, k, v in rows do n, last = i, k end
                    emit(last, str(n))
                end",
            ),
            Op::Accumulate => rows.accumulate([1], ENDS_OF_STATES),
            Op::Scan => rows.scan(ENDS_OF_BOTH).into(),
            Op::ScanBy => rows.scan(ENDS).by([1]),
            Op::Lag(back) => {
                rows.lag(back).by([2]).map("function(v, k, l) return v, k .. tostring(l) end")
            }
            Op::Window(size, step) => rows
                .window(size, step, "function(rows) local _, k = rows() return k end")
                .map("function(first, last, k) return k, str(first) .. '-' .. str(last) end"),
            Op::Branch => {
                let (yes, no) = rows.branch("function(k) return k < 'c' end");
                no.union(&yes)
            }
            Op::Sort => rows.sort(1),
            Op::SortBy => rows.sort_by(1, "function(k, v) return #v end"),
            Op::SortDown => rows.sort(Sort::by(2).descending().then(1)),
            Op::Top(most) => rows.top(most, Sort::by(2).descending()),
            Op::Limit(most) => rows.limit(most),
            Op::Skip(first) => rows.skip(first),
            Op::Union => rows.union(other),
            Op::Join => rows
                .join(&other.distinct_by(1), 1)
                .map("function(k, v, w) return k, v .. w end"),
            Op::FullJoin => rows
                .join(&other.distinct_by(1), Join::full(1).left_width(2).right_width(2))
                .map("function(k, v, w) return k, (v or '') .. (w or '') end"),
            Op::BroadcastAnti => rows.join(other, Join::anti(1).broadcast()),
            Op::BroadcastLeft => rows
                .join(&other.distinct_by(1), Join::left(1).right_width(2).broadcast())
                .map("function(k, v, w) return k, v .. (w or '') end"),
            Op::MergeSorted => rows.merge_sorted(other, 2),
            Op::Zip => rows.zip(other).longest().map(
                "function(a, b, c, d) return (a or '') .. (c or ''), (b or '') .. (d or '') end",
            ),
            Op::WithIndex => rows.with_index().map("function(k, v, i) return k, v .. str(i) end"),
            Op::Reverse => rows.reverse(),
            Op::GroupBy => rows.group_by(1).map(
                "function(k, rows) return k, str(#rows) .. rows[1][2] .. rows[#rows][2] end",
            ),
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
            Op::Aggregate => {
                let mut groups = BTreeMap::<String, Vec<String>>::new();
                all().into_iter().for_each(|(k, v)| groups.entry(v).or_default().push(k));
                let rows = groups.into_iter().map(|(v, keys)| {
                    let counts = count(keys.clone());
                    let most = counts.values().max().expect("a group has rows");
                    let mode = counts.iter().find(|(_, count)| *count == most).expect("one has");
                    let max = keys.iter().max().expect("a group has rows");
                    (v, format!("{max}{}{}{}", keys[keys.len() - 1], mode.0, keys.len()))
                });
                vec![rows.collect()]
            }
            Op::AggregateAll => {
                let rows = all();
                let or_nil = |text: Option<&String>| text.map_or("nil", |text| text).to_string();
                let min = or_nil(rows.iter().map(|row| &row.0).min());
                let first = or_nil(rows.first().map(|row| &row.1));
                let distinct: BTreeSet<&String> = rows.iter().map(|row| &row.1).collect();
                vec![vec![(rows.len().to_string(), format!("{min}{first}{}", distinct.len()))]]
            }
            Op::GroupMap => {
                let mut rows = all();
                rows.sort_by(|x, y| x.1.cmp(&y.1));
                let groups = rows.chunk_by(|x, y| x.1 == y.1);
                let first = |group: &[Row]| -> Vec<Row> {
                    let numbered = (1..).zip(group).take(3);
                    numbered.map(|(i, (k, v))| (v.clone(), format!("{k}{i}"))).collect()
                };
                vec![groups.flat_map(first).collect()]
            }
            Op::MapPartitions => {
                let last = |rows: &Vec<Row>| {
                    let last = rows.last().map_or("none", |row| &row.0);
                    vec![(last.to_string(), rows.len().to_string())]
                };
                parts.iter().map(last).collect()
            }
            Op::Accumulate => vec![fold_by_key(all())],
            Op::Scan => {
                let mut rows = all();
                for i in 1..rows.len() {
                    rows[i] = (ends(&rows[i - 1].0, &rows[i].0), ends(&rows[i - 1].1, &rows[i].1));
                }
                vec![rows]
            }
            Op::ScanBy => {
                let mut rows = all();
                rows.sort_by(|x, y| x.0.cmp(&y.0));
                for i in 1..rows.len() {
                    if rows[i - 1].0 == rows[i].0 {
                        rows[i].1 = ends(&rows[i - 1].1, &rows[i].1);
                    }
                }
                vec![rows]
            }
            Op::Lag(back) => {
                let mut rows = all();
                rows.sort_by(|x, y| x.1.cmp(&y.1));
                let lagged = |i: usize| {
                    let (k, v) = &rows[i];
                    let before = i.checked_sub(back as usize).map(|at| &rows[at]);
                    let before = before.filter(|before| before.1 == *v).map_or("nil", |row| &row.0);
                    (v.clone(), format!("{k}{before}"))
                };
                vec![(0..rows.len()).map(lagged).collect()]
            }
            Op::Window(size, step) => {
                let rows = all();
                let (size, step) = (size as usize, step as usize);
                let (mut windows, mut first, mut covered) = (Vec::new(), 0, 0);
                while first < rows.len() && covered < rows.len() {
                    covered = (first + size).min(rows.len());
                    windows.push((rows[first].0.clone(), format!("{}-{covered}", first + 1)));
                    first += step;
                }
                vec![windows]
            }
            Op::Branch => {
                let (yes, no): (Vec<Row>, Vec<Row>) =
                    all().into_iter().partition(|row| row.0.as_str() < "c");
                vec![[no, yes].concat()]
            }
            Op::SortBy => {
                let mut rows = all();
                rows.sort_by_key(|row| row.1.len());
                vec![rows]
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
            Op::Join | Op::FullJoin => {
                let (firsts, rows) = (firsts(other), all());
                let keys: BTreeSet<&String> = rows.iter().map(|row| &row.0).collect();
                let mut joined: Vec<Row> = rows
                    .iter()
                    .filter_map(|(k, v)| match (firsts.get(k), self) {
                        (Some(w), _) => Some((k.clone(), format!("{v}{w}"))),
                        (None, Op::FullJoin) => Some((k.clone(), v.clone())),
                        (None, _) => None,
                    })
                    .collect();
                if matches!(self, Op::FullJoin) {
                    let others = firsts.iter().filter(|(k, _)| !keys.contains(k));
                    joined.extend(others.map(|(k, w)| (k.clone(), w.clone())));
                }
                joined.sort_by(|x, y| x.0.cmp(&y.0));
                vec![joined]
            }
            Op::BroadcastAnti => {
                let firsts = firsts(other);
                let anti = |row: &Row| match firsts.contains_key(&row.0) {
                    true => vec![],
                    false => vec![row.clone()],
                };
                each(&anti)
            }
            Op::BroadcastLeft => {
                let firsts = firsts(other);
                let none = String::new();
                each(&|(k, v)| vec![(k.clone(), format!("{v}{}", firsts.get(k).unwrap_or(&none)))])
            }
            Op::MergeSorted => {
                let mut rows = [all(), other.concat()].concat();
                rows.sort_by(|x, y| x.1.cmp(&y.1));
                vec![rows]
            }
            Op::Zip => {
                let (one, other) = (all(), other.concat());
                let row = |rows: &[Row], i: usize| rows.get(i).cloned().unwrap_or_default();
                let pair = |i| {
                    let ((a, b), (c, d)) = (row(&one, i), row(&other, i));
                    (a + &c, b + &d)
                };
                vec![(0..one.len().max(other.len())).map(pair).collect()]
            }
            Op::WithIndex => {
                let rows = all().into_iter().zip(1..);
                vec![rows.map(|((k, v), i)| (k, format!("{v}{i}"))).collect()]
            }
            Op::Reverse => vec![all().into_iter().rev().collect()],
            Op::GroupBy => {
                let mut groups = BTreeMap::<String, Vec<String>>::new();
                all().into_iter().for_each(|(k, v)| groups.entry(k).or_default().push(v));
                let shown = |rows: Vec<String>| {
                    format!("{}{}{}", rows.len(), rows[0], rows[rows.len() - 1])
                };
                vec![groups.into_iter().map(|(k, rows)| (k, shown(rows))).collect()]
            }
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

/// The value of the first row of each key.
fn firsts(parts: &Parts) -> BTreeMap<String, String> {
    let mut firsts = BTreeMap::new();
    for (key, value) in parts.iter().flatten() {
        firsts.entry(key.clone()).or_insert_with(|| value.clone());
    }
    firsts
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
