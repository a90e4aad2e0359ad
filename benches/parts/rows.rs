//! The row codec: MessagePack in frames, by hand and by serde.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use gleamflow::bench::{put_row, put_typed_row, read_rows, read_typed_rows};

use crate::text;

const ROWS: usize = 10_000;

pub fn bench(criterion: &mut Criterion) {
    let rows: Vec<(String, i64)> = text::words()
        .zip(text::numbers().map(|number| (number % 100_000) as i64))
        .take(ROWS)
        .collect();
    let frames = text::rows(ROWS);
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS as u64));
    let mut out = Vec::with_capacity(2 * frames.len());
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            for (word, number) in &rows {
                put_row(&mut out, word.as_bytes(), *number);
            }
            black_box(out.len())
        });
    });
    assert!(out.is_empty() || out == frames);
    group.bench_function("encode by serde", |bencher| {
        bencher.iter(|| {
            out.clear();
            for (word, number) in &rows {
                put_typed_row(&mut out, &(word, *number));
            }
            black_box(out.len())
        });
    });
    assert!(out.is_empty() || out == frames);
    group.bench_function("decode", |bencher| bencher.iter(|| read_rows(black_box(&frames))));
    group.bench_function("decode by serde", |bencher| {
        bencher.iter(|| read_typed_rows(black_box(&frames)));
    });
    group.finish();
}
