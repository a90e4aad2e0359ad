//! The words of two files, with how often each file has them:
//! `cargo run --release --example join_word_counts FILE FILE`.

use gleamflow::{Flow, Join};

fn main() -> gleamflow::Result<()> {
    let mut names = std::env::args().skip(1);
    let mut name = |default: &str| names.next().unwrap_or_else(|| default.to_string());
    let flow = Flow::new();
    let count = |path: String| {
        let words = "function(line) return line:gmatch('%w+') end";
        flow.text_file(path).flat_map(words).count_by(1)
    };
    let (one, other) = (count(name("/etc/passwd")), count(name("/etc/group")));
    one.join(&other, Join::full(1))
        .map("function(word, n, m) return word, n or 0, m or 0 end")
        .save_text_to(std::io::stdout(), "%s: %d and %d")
}
