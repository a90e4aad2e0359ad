//! Every small graph ends, under the least resources, with the rows that a simple model has.
//!
//! A newcomer's trap: the model keeps all rows in lists and knows nothing of stages, so it also
//! says what order and partitions mean.

use gleamflow::{Dataset, Flow, Sort};
use proptest::prelude::*;

use crate::harness::without_hanging;
use crate::sinks::Shared;

/// An operator on rows of two text columns, which gives rows of two text columns.
#[derive(Clone, Copy, Debug)]
enum Op {
    Swap,
    Shorten,
    Lengths,
    Rejoin,
    Double,
    Keep,
    EmitSwapped,
    Select,
    Reduce,
    ReduceBy,
    Fold,
    Distinct,
    Sort,
    SortDown,
    Limit(u64),
    Partition(u32),
    PartitionBy(u32),
    RoundRobin(u32),
    Cat,
    SortCommand,
    Head,
    CatRows,
    Args,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Swap),
        Just(Op::Shorten),
        Just(Op::Lengths),
        Just(Op::Rejoin),
        Just(Op::Double),
        Just(Op::Keep),
        Just(Op::EmitSwapped),
        Just(Op::Select),
        Just(Op::Reduce),
        Just(Op::ReduceBy),
        Just(Op::Fold),
        Just(Op::Distinct),
        Just(Op::Sort),
        Just(Op::SortDown),
        prop_oneof![Just(0), 1..20u64, Just(700)].prop_map(Op::Limit),
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

/// The first and the last of what was folded: associative and not commutative.
const ENDS: &str = "function(x, y) return x:match('^[^~]*') .. '~' .. y:match('[^~]*$') end";
const ENDS_OF_BOTH: &str = "function(a, b, c, d)
    return a:match('^[^~]*') .. '~' .. c:match('[^~]*$'), b:match('^[^~]*') .. '~' .. d:match('[^~]*$')
end";

impl Op {
    fn apply(self, rows: &Dataset) -> Dataset {
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
            Op::Select => rows.select([2, 1]),
            Op::Reduce => rows.reduce(ENDS),
            Op::ReduceBy => rows.reduce_by([2], ENDS),
            Op::Fold => rows.fold(ENDS_OF_BOTH),
            Op::Distinct => rows.distinct(),
            Op::Sort => rows.sort(1),
            Op::SortDown => rows.sort(Sort::by(2).descending().then(1)),
            Op::Limit(most) => rows.limit(most),
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

    fn model(self, parts: &Parts) -> Parts {
        let each = |step: &dyn Fn(&Row) -> Vec<Row>| -> Parts {
            parts.iter().map(|rows| rows.iter().flat_map(step).collect()).collect()
        };
        let all = || parts.concat();
        match self {
            Op::Swap | Op::Select => each(&|(k, v)| vec![(v.clone(), k.clone())]),
            Op::Shorten => each(&|(k, v)| vec![(k[..k.len().min(2)].to_string(), v.clone())]),
            Op::Lengths => each(&|(k, v)| vec![(k.clone(), v.len().to_string())]),
            Op::Rejoin | Op::Cat | Op::CatRows => parts.clone(),
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
            Op::Distinct => {
                let mut rows = all();
                rows.sort();
                rows.dedup();
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
            Op::Limit(most) => vec![all().into_iter().take(most as usize).collect()],
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

type Row = (String, String);
/// The rows of each partition.
type Parts = Vec<Vec<Row>>;

fn line(row: &Row) -> String {
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

/// Where the first node's rows come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Lines,
    Rows,
    Reader,
    TextFile,
}

/// A tree of operators: each reads the source, node 0, or a node before it.
#[derive(Clone, Debug)]
struct GraphCase {
    source: Source,
    rows: usize,
    nodes: Vec<(usize, Op)>,
    /// Which nodes have a sink.
    sinks: Vec<bool>,
}

fn graph() -> impl Strategy<Value = GraphCase> {
    let source = prop_oneof![
        Just(Source::Lines),
        Just(Source::Rows),
        Just(Source::Reader),
        Just(Source::TextFile)
    ];
    let rows = prop_oneof![Just(0), Just(1), Just(60), Just(2500)];
    let nodes = proptest::collection::vec((any::<proptest::sample::Index>(), op()), 1..6);
    let sinks = proptest::collection::vec(any::<bool>(), 6);
    (source, rows, nodes, sinks).prop_map(|(source, rows, nodes, mut sinks)| {
        // Most read the node just before: chains of many stages rather than wide, flat trees.
        let nodes: Vec<(usize, Op)> = nodes
            .into_iter()
            .enumerate()
            .map(|(before, (input, op))| ((before).min(input.index(2 * before + 1)), op))
            .collect();
        sinks.truncate(nodes.len() + 1);
        *sinks.last_mut().expect("there is a source") = true;
        GraphCase { source, rows, nodes, sinks }
    })
}

impl GraphCase {
    fn input(&self) -> Vec<Row> {
        let word = |i: usize| {
            let letter = char::from(b'a' + (i * i % 7) as u8);
            letter.to_string().repeat(1 + i % 3)
        };
        let value = |i: usize| format!("v{}-{}", i * 31 % 1000, "padding-".repeat(i % 8));
        (0..self.rows).map(|i| (word(i), value(i))).collect()
    }

    fn model(&self) -> Vec<String> {
        let mut datasets: Vec<Parts> = vec![vec![self.input()]];
        for &(input, op) in &self.nodes {
            let rows = op.model(&datasets[input]);
            datasets.push(rows);
        }
        let wanted = datasets.iter().zip(&self.sinks).filter(|(_, sink)| **sink);
        wanted.map(|(parts, _)| parts.iter().flatten().map(line).collect()).collect()
    }

    fn run(&self, flow: Flow) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let input = self.input();
        let text: String = input.iter().map(line).collect();
        let source = match self.source {
            Source::Lines => flow.lines(text.lines()).split("\t"),
            Source::Rows => flow.rows(&input),
            Source::Reader => flow.reader(std::io::Cursor::new(text)).split("\t"),
            Source::TextFile => {
                let path = directory.path().join("input");
                std::fs::write(&path, text).unwrap();
                flow.text_file(path).split("\t")
            }
        };
        let mut datasets = vec![source];
        for &(input, op) in &self.nodes {
            let rows = op.apply(&datasets[input]);
            datasets.push(rows);
        }
        let mut outs = Vec::new();
        for (rows, _) in datasets.iter().zip(&self.sinks).filter(|(_, sink)| **sink) {
            let out = Shared::default();
            rows.to_lines(out.clone());
            outs.push(out);
        }
        flow.run().unwrap_or_else(|error| panic!("{self:?}: {error}"));
        outs.iter().map(|out| String::from_utf8(out.take()).unwrap()).collect()
    }
}

/// Ways to run a graph, the least of everything first.
fn flows() -> [(&'static str, Flow); 4] {
    let tight = |exchange: usize| {
        Flow::new().workers(1).memory(96 << 20).test_sizes(Some(8 << 10), None, Some(exchange))
    };
    [
        ("1 worker, 64 KiB", tight(64 << 10)),
        ("1 worker, 1 MiB", tight(1 << 20)),
        (
            "1 thread, small blocks",
            tight(64 << 10)
                .test_sizes(Some(8 << 10), Some(64), Some(64 << 10))
                .workers_in_process(),
        ),
        ("2 workers", Flow::new().workers(2)),
    ]
}

fn check(case: &GraphCase) {
    let expected = case.model();
    for (way, flow) in flows() {
        let case = case.clone();
        let described = format!("{way}: {case:?}");
        let run = move || case.run(flow);
        let texts =
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| without_hanging(run))) {
                Ok(texts) => texts,
                Err(panic) => {
                    eprintln!("{described}");
                    std::panic::resume_unwind(panic)
                }
            };
        for (sink, (text, expected)) in texts.iter().zip(&expected).enumerate() {
            if text != expected {
                let at = text.lines().zip(expected.lines()).take_while(|(x, y)| x == y).count();
                panic!(
                    "{described}\nsink {sink}: {} rows, not {}; row {at} is {:?}, not {:?}",
                    text.lines().count(),
                    expected.lines().count(),
                    text.lines().nth(at),
                    expected.lines().nth(at)
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_small_graph_ends_with_the_rows_of_the_model(case in graph()) {
        check(&case);
    }
}

#[test]
fn every_operator_behind_every_other_ends_with_the_rows_of_the_model() {
    let ops = [
        Op::Double,
        Op::Reduce,
        Op::Fold,
        Op::Distinct,
        Op::SortDown,
        Op::Limit(5),
        Op::Partition(3),
        Op::RoundRobin(2),
        Op::Cat,
        Op::Head,
        Op::CatRows,
        Op::Args,
    ];
    for first in ops {
        // One source, and behind the first operator all others side by side.
        let mut nodes = vec![(0, first)];
        nodes.extend(ops.iter().map(|&op| (1, op)));
        let sinks = vec![true; nodes.len() + 1];
        check(&GraphCase { source: Source::Rows, rows: 300, nodes, sinks });
    }
}
