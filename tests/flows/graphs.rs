//! Every small graph ends, under the least resources, with the rows that a simple model has.
//!
//! A newcomer's trap: the model keeps all rows in lists and knows nothing of stages, so it also
//! says what order and partitions mean.

mod model;
mod op;

use gleamflow::Flow;
use proptest::prelude::*;

use self::model::{Parts, Row, line};
use self::op::{Op, op};
use crate::harness::without_hanging;
use crate::sinks::Shared;

/// Where the first node's rows come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    Lines,
    Rows,
    Reader,
    TextFile,
}

/// An operator, and the datasets that it reads: 0 is the source, 1 what the first operator gives.
#[derive(Clone, Debug)]
struct Node {
    input: usize,
    /// Read by what takes two.
    other: usize,
    op: Op,
}

/// Operators in a row: each reads the source, or what operators before it give.
#[derive(Clone, Debug)]
struct GraphCase {
    source: Source,
    rows: usize,
    nodes: Vec<Node>,
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
    let index = any::<proptest::sample::Index>;
    let nodes = proptest::collection::vec((index(), index(), op()), 1..6);
    let sinks = proptest::collection::vec(any::<bool>(), 6);
    (source, rows, nodes, sinks).prop_map(|(source, rows, nodes, mut sinks)| {
        let nodes: Vec<Node> = nodes
            .into_iter()
            .enumerate()
            .map(|(before, (input, other, op))| Node {
                // Most read the node just before: chains of many stages rather than flat trees.
                input: before.min(input.index(2 * before + 1)),
                other: other.index(before + 1),
                op,
            })
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
        for &Node { input, other, op } in &self.nodes {
            let rows = op.model(&datasets[input], &datasets[other]);
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
        for &Node { input, other, op } in &self.nodes {
            let rows = op.apply(&datasets[input], &datasets[other]);
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
        Op::CountBy,
        Op::SortDown,
        Op::Top(9),
        Op::Limit(5),
        Op::Skip(7),
        Op::Union,
        Op::Intersect,
        Op::Subtract,
        Op::Pad,
        Op::Partition(3),
        Op::RoundRobin(2),
        Op::Cat,
        Op::Head,
        Op::CatRows,
        Op::CatJson,
        Op::PipeColumns,
        Op::Args,
        Op::LookUp,
    ];
    for first in ops {
        // One source, and behind the first operator all others side by side.
        let mut nodes = vec![Node { input: 0, other: 0, op: first }];
        nodes.extend(ops.iter().map(|&op| Node { input: 1, other: 0, op }));
        let sinks = vec![true; nodes.len() + 1];
        check(&GraphCase { source: Source::Rows, rows: 300, nodes, sinks });
    }
}
