//! One column through `jq`, and what comes back as columns with types in its place:
//! `cargo run --release --example jq_column`. Needs jq.

use gleamflow::{Flow, Shell, Text};

fn main() -> gleamflow::Result<()> {
    let orders = [
        (1, r#"{"to": "Ada", "items": [{"price": 3.5, "n": 2}, {"price": 1, "n": 4}]}"#, "open"),
        (2, r#"{"to": "Grace\tH.", "items": [{"price": 20, "n": 1}]}"#, "sent"),
        (3, r#"{"to": "Alan", "items": []}"#, "open"),
    ];
    // jq reads the second column alone, a line for each row, and writes an array for each.
    let total = "jq -c '[.to, ([.items[] | .price * .n] | add)]'";
    Flow::new()
        .rows(orders)
        .pipe_columns(2, Shell::new(total).output(Text::json_lines()))
        .map("function(id, to, total, state) return id, to, total or 0, state end")
        .save_text_to(std::io::stdout(), "%d: %q, %.2f, %s")
}
