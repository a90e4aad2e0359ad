//! The most visited pages of a web server's log, and how long nineteen of twenty visits took at
//! most: `cargo run --release --example web_log FILE`, of lines with a page, a status and seconds.

use gleamflow::{Agg, Flow, Sort};

const LOG: [&str; 7] = [
    "/ 200 0.012",
    "/shop 200 0.180",
    "/ 200 0.010",
    "/shop 200 0.220",
    "/ 304 0.002",
    "/pay 500 2.500",
    "/shop 200 0.900",
];

fn main() -> gleamflow::Result<()> {
    let flow = Flow::new();
    let lines = match std::env::args().nth(1) {
        Some(path) => flow.text_file(path),
        None => flow.lines(LOG),
    };
    lines
        .fields()
        .numbers([3])
        .named(["page", "status", "seconds"])
        .aggregate("page", [Agg::count(), Agg::quantile("seconds", 0.95)])
        .named(["page", "visits", "p95"])
        .top(10, Sort::by("visits").descending())
        .save_text_to(std::io::stdout(), "%s: %d visits, p95 %.3f s")
}
