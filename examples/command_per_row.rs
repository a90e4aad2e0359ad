//! A command for each row, with the row's columns as its arguments:
//! `cargo run --release --example command_per_row -- 2026-11-24 1970-01-01`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let mut days: Vec<String> = std::env::args().skip(1).collect();
    if days.is_empty() {
        days = vec!["2000-01-01".to_string(), "$(pwd)".to_string()];
    }
    Flow::new()
        .lines(days)
        // A column never becomes part of the command's text, whatever stands in it.
        .pipe_as_args("date -u -d \"$1\" '+%F%t%A' 2>/dev/null || printf '%s\\tno day\\n' \"$1\"")
        .save_text_to(std::io::stdout(), "%s: %s")
}
