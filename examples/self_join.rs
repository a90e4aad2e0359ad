//! Who wrote to the same room: a dataset joined with itself. `cargo run --example self_join`.

use gleamflow::Flow;

const MESSAGES: [(&str, &str); 6] = [
    ("kitchen", "ann"),
    ("garden", "bob"),
    ("kitchen", "bob"),
    ("kitchen", "eve"),
    ("garden", "eve"),
    ("attic", "ann"),
];

fn main() -> gleamflow::Result<()> {
    let messages = Flow::new().rows(MESSAGES).distinct();
    messages
        .join(&messages, 1)
        // Each pair once, and nobody with himself.
        .filter("function(room, one, other) return one < other end")
        .count_by([2, 3])
        .save_text_to(std::io::stdout(), "%s and %s: %d rooms")
}
