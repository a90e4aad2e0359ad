//! The parts, each alone and in one thread: `cargo bench --features bench-internals`, and behind
//! `--` the names of those to run.
//!
//! A newcomer's trap: throughput is of rows or of bytes in; what a whole flow does is measured by
//! benches/compare.

mod exchange;
mod keys;
mod lua_loop;
mod rows;
mod text;

criterion::criterion_group!(parts, rows::bench, keys::bench, lua_loop::bench, exchange::bench);
criterion::criterion_main!(parts);
