//! Counts the words of a file, has `sort` order them by number, and prints each row itself:
//! `cargo run --release --example word_count_sorted FILE`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "/etc/passwd".to_string());
    Flow::new()
        .text_file(path)
        .flat_map("function(line) return line:gmatch('%w+') end")
        .map("function(word) return word, 1 end")
        .reduce("function(x, y) return x + y end")
        .pipe("sort -n -k 2")
        .numbers([2])
        .for_each_row(|(word, count): (String, u64)| println!("{word}: {count}"))
}
