//! The five words that a file has most: `cargo run --release --example top_words FILE`.

use gleamflow::{Flow, Sort};

fn main() -> gleamflow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/etc/passwd".to_string());
    Flow::new()
        .text_file(path)
        .flat_map("function(line) return line:lower():gmatch('%a+') end")
        .count_by([1])
        // Words that are as frequent stay in the order of `count_by`, which is that of the words.
        .top(5, Sort::by(2).descending())
        .select([2, 1])
        .save_text_to(std::io::stdout(), "%7d %s")
}
