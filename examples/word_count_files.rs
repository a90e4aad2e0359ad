//! Counts the words of many files, which three commands read side by side:
//! `cargo run --release --example word_count_files FILE …`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = vec!["/etc/passwd".to_string(), "/etc/group".to_string()];
    }
    Flow::new()
        .lines(names)
        .partition(3)
        .pipe_as_args("cat \"$1\"")
        // What a command writes is cut at each TAB.
        .flat_map("function(...) return table.concat({...}, ' '):gmatch('%w+') end")
        .map("function(word) return word, 1 end")
        .reduce("function(x, y) return x + y end")
        .save_text_to(std::io::stdout(), "%s,%d")
}
