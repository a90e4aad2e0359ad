//! Names for the codes in a stream of orders, by a small table that every worker holds:
//! `cargo run --example broadcast_join`.

use gleamflow::{Flow, Join};

fn main() -> gleamflow::Result<()> {
    let flow = Flow::new();
    let orders = flow
        .rows([(1, "DE", 30), (2, "FR", 25), (3, "DE", 5), (4, "XX", 9)])
        .named(["order", "country", "price"]);
    let countries = flow.rows([("DE", "Germany"), ("FR", "France")]).named(["country", "name"]);
    // The orders stay where they are, in their order.
    orders
        .join(&countries, Join::left("country").broadcast())
        .select(["order", "name", "price"])
        .map("function(order, name, price) return order, name or 'nobody knows where', price end")
        .save_text_to(std::io::stdout(), "%d: %s, %d")
}
