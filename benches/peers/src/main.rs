//! The compiled peers, and the inputs that are made rather than fetched.
//!
//! A newcomer's trap: each program writes its answer in the order that is cheapest for it; the
//! comparison sorts before it compares.

mod by_hand;
mod generate;
mod renoir_flows;
mod timely_words;
mod words;

use std::io;

const USAGE: &str = "usage: gleamflow-peers PROGRAM ARGUMENTS
  by-hand-words FILE WORKERS
  renoir-words FILE WORKERS
  renoir-general FILE WORKERS
  timely-words FILE WORKERS
  table ROWS      a TSV: random key, integer, payload
  keys DISTINCT   a key a line, half of the keys twice
  log LINES       a web server's log in the combined format
  orders ROWS     a CSV without quotes: number, date, country, item, quantity, price";

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["by-hand-words", file, workers] => by_hand::words(file, number(workers)),
        ["renoir-words", file, workers] => renoir_flows::words(file, number(workers)),
        ["renoir-general", file, workers] => renoir_flows::general(file, number(workers)),
        ["timely-words", file, workers] => timely_words::words(file, number(workers)),
        ["table", rows] => generate::table(number(rows) as u64),
        ["keys", distinct] => generate::keys(number(distinct) as u64),
        ["few", rows] => generate::few(number(rows) as u64),
        ["left", rows] => generate::left(number(rows) as u64),
        ["right", rows] => generate::right(number(rows) as u64),
        ["log", lines] => generate::log(number(lines) as u64),
        ["orders", rows] => generate::orders(number(rows) as u64),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| {
        eprintln!("{text} is not a number\n{USAGE}");
        std::process::exit(2);
    })
}
