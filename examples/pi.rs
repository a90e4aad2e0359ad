//! Pi by chance: points of a square, in seven partitions, and how many lie in its circle:
//! `cargo run --release --example pi POINTS`.

use gleamflow::Flow;

fn main() -> gleamflow::Result<()> {
    let points = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    // Each task draws its own numbers, the same ones in every run.
    let within = "function()
        local x, y = math.random(), math.random()
        return x * x + y * y <= 1 and 1 or 0, 1
    end";
    let sums: Option<(f64, f64)> = Flow::new()
        .range(0..points)
        .round_robin(7)
        .map(within)
        .fold("function(hits, all, more, others) return hits + more, all + others end")
        .first()?;
    let (hits, all) = sums.expect("there are points");
    println!("{:.2}", 4.0 * hits / all);
    Ok(())
}
