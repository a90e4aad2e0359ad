//! The exchange: rows sorted into runs, and runs merged.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use gleamflow::bench::Exchange;

use crate::text;

const ROWS: usize = 50_000;
const TASKS: usize = 16;

pub fn bench(criterion: &mut Criterion) {
    let frames = text::rows(ROWS);
    let mut group = criterion.benchmark_group("exchange");
    group.sample_size(20);
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, arena_bytes) in [("sort into one run", 64 << 20), ("sort into many", 256 << 10)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                Exchange::open,
                |exchange| exchange.write(black_box(&frames), arena_bytes),
                BatchSize::PerIteration,
            );
        });
    }
    let mut exchange = Exchange::open();
    for _ in 0..TASKS {
        exchange.write(&frames, 64 << 20);
    }
    assert_eq!(exchange.merge(), TASKS * frames.len());
    group.throughput(Throughput::Elements((ROWS * TASKS) as u64));
    group.bench_function("merge", |bencher| bencher.iter(|| black_box(&exchange).merge()));
    group.finish();
}
