//! Counts the words of a file: `cargo run --release --example word_count FILE`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/etc/passwd".to_string());
    Flow::new()
        .text_file(path)
        .flat_map("function(line) return line:gmatch('%w+') end")
        .map("function(word) return word, 1 end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(std::io::stdout(), "%s,%d")
}
