//! What the operators of the graphs mean: the same on lists.
//!
//! A newcomer's trap: rows stand in their partitions, and what looks through those gives one.

use std::collections::{BTreeMap, BTreeSet};

use super::op::Op;

impl Op {
    pub fn model(self, parts: &Parts, other: &Parts) -> Parts {
        let each = |step: &dyn Fn(&Row) -> Vec<Row>| -> Parts {
            parts.iter().map(|rows| rows.iter().flat_map(step).collect()).collect()
        };
        let all = || parts.concat();
        match self {
            Op::Swap | Op::SwapRows | Op::Select => each(&|(k, v)| vec![(v.clone(), k.clone())]),
            Op::Shorten => each(&|(k, v)| vec![(k[..k.len().min(2)].to_string(), v.clone())]),
            Op::Lengths => each(&|(k, v)| vec![(k.clone(), v.len().to_string())]),
            Op::Rejoin
            | Op::Fields
            | Op::SplitPattern
            | Op::Cat
            | Op::CatRows
            | Op::CatJson
            | Op::PipeColumns
            | Op::PipeBoth => parts.clone(),
            Op::Pad => each(&|(k, v)| vec![(k.clone(), format!("{v}nil"))]),
            Op::SelectTwice => each(&|(_, v)| vec![(v.clone(), v.clone())]),
            Op::Double | Op::DoubleRows => {
                each(&|(k, v)| vec![(k.clone(), v.clone()), (v.clone(), k.clone())])
            }
            Op::Keep | Op::KeepRows | Op::LeaveOut | Op::LeaveOutNumbers => {
                each(&|row| if row.0.len() % 2 == 1 { vec![row.clone()] } else { vec![] })
            }
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
            Op::BroadcastLeft | Op::LookUp => {
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
