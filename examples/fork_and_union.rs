//! One dataset used twice, and both results as one: `cargo run --release --example fork_and_union`.

use gleamflow::{Flow, Sort};

const SALES: [(&str, f64); 6] = [
    ("pears", 12.5),
    ("apples", 80.0),
    ("plums", 7.25),
    ("apples", 20.0),
    ("quinces", 31.0),
    ("plums", 0.5),
];

fn main() -> gleamflow::Result<()> {
    let sums = Flow::new().rows(SALES).reduce("function(x, y) return x + y end");
    let best = sums.top(1, Sort::by(2).descending()).map("function(...) return 'best', ... end");
    let least = sums.top(2, 2).map("function(...) return 'least', ... end");
    best.union(&least).save_text_to(std::io::stdout(), "%-6s%-8s%6.2f")
}
