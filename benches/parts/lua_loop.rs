//! The Lua loop: lines through a fused chain in one state, rows out as frames.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use gleamflow::bench::Loop;

use crate::text;

/// A name, and operators with their functions.
type Chain = (&'static str, &'static [(&'static str, &'static str)]);

const CHAINS: &[Chain] = &[
    ("filter", &[("filter", "function(line) return line:find('w1ff', 1, true) end")]),
    ("map", &[("map", "function(line) return line:sub(1, 8) .. ':' .. #line end")]),
    (
        "words",
        &[
            ("flat_map", "function(line) return line:gmatch('%w+') end"),
            ("map", "function(word) return word, 1 end"),
            ("reduce", "function(x, y) return x + y end"),
        ],
    ),
    (
        "a list and two sums",
        &[
            (
                "flat_map",
                "function(line)
                    local words = {}
                    for word in line:lower():gmatch('%a[%w_]*') do
                        if #word > 3 then words[#words + 1] = word end
                    end
                    return words
                end",
            ),
            ("map", "function(word) return word, 1, #word end"),
            ("reduce", "function(n, size, m, more) return n + m, size + more end"),
        ],
    ),
];

pub fn bench(criterion: &mut Criterion) {
    let lines = text::lines(1 << 20);
    let mut group = criterion.benchmark_group("loop");
    group.throughput(Throughput::Bytes(lines.len() as u64));
    group.sample_size(20);
    for (name, steps) in CHAINS {
        let chain = Loop::new(steps);
        assert!(chain.run(&lines) > 0, "{name} gives rows");
        group.bench_function(*name, |bencher| bencher.iter(|| chain.run(black_box(&lines))));
    }
    group.finish();
}
