//! Counts the words of many files, which Lua opens:
//! `cargo run --release --example word_count_in_lua FILE …`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = vec!["/etc/passwd".to_string(), "/etc/group".to_string()];
    }
    Flow::new()
        .lines(names)
        // An iterator over all lines of a file; `io.lines` fails with the name of one that is not
        // there, and the flow with it.
        .flat_map("function(name) return io.lines(name) end")
        .flat_map("function(line) return line:gmatch('%w+') end")
        .map("function(word) return word, 1 end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(std::io::stdout(), "%s,%d")
}
