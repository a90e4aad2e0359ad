//! Counts the words of a file with `sort` and `uniq`: `cargo run --release --example unix_pipes FILE`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/etc/passwd".to_string());
    Flow::new()
        .text_file(path)
        .flat_map("function(line) if line then return line:gmatch('%w+') end end")
        .pipe("sort")
        .pipe("uniq -c")
        .save_text_to(std::io::stdout(), "%s")
}
