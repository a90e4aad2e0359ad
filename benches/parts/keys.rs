//! Key bytes, by which rows are compared.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use gleamflow::bench::key_rows;

use crate::text;

const ROWS: usize = 10_000;

pub fn bench(criterion: &mut Criterion) {
    let frames = text::rows(ROWS);
    let mut group = criterion.benchmark_group("keys");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, columns) in
        [("of a text", &[1][..]), ("of a number", &[2]), ("of a number and a text", &[2, 1])]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| key_rows(black_box(&frames), columns));
        });
    }
    group.finish();
}
