//! Rows that a step cannot take go into a file, and the mended step takes them in a second run:
//! `cargo run --release --example dead_letters`.

use gleamflow::{Flow, OnError, Result};

const PRICES: [&str; 5] = ["pear 1.20", "plum 0,80", "fig", "lime 0.45", "kiwi 1,05"];
const PARSE: &str = "function(line)
    local name, price = line:match('^(%S+) (%S+)$')
    return name, tonumber(price) + 0
end";
const MENDED: &str = "function(line)
    local name, price = line:match('^(%S+) (%S+)$')
    if not name then error('no price') end
    return name, tonumber((price:gsub(',', '.'))) + 0
end";

fn main() -> Result<()> {
    let folder = std::env::temp_dir();
    let [first, second] = ["first.bad", "second.bad"]
        .map(|name| folder.join(format!("{}-{name}", std::process::id())));
    let prices = Flow::new().lines(PRICES).map(PARSE).on_error(OnError::dead_letter(&first));
    println!("first run: {:?}", prices.collect::<(String, f64)>()?);

    // Columns 1 to 4 say where and why a row failed; the row itself is behind them.
    let letters = Flow::new().rows_file(&first).drop([1, 2, 3, 4]);
    let mended = letters.map(MENDED).on_error(OnError::dead_letter(&second).at_most(0.5));
    println!("second run: {:?}", mended.collect::<(String, f64)>()?);

    println!("still bad:");
    Flow::new().rows_file(&second).select([5, 2]).save_text_to(std::io::stdout(), "%s: %s")?;
    let _ = [first, second].map(std::fs::remove_file);
    Ok(())
}
