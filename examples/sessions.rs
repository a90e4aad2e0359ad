//! Visits of users: a pause of more than half an hour ends one. `cargo run --example sessions`.

use gleamflow::Flow;

/// User, second, page.
const CLICKS: [(&str, u32, &str); 6] = [
    ("bob", 100, "/"),
    ("ann", 200, "/shop"),
    ("bob", 1000, "/shop"),
    ("bob", 5000, "/"),
    ("ann", 300, "/pay"),
    ("bob", 5200, "/help"),
];

fn main() -> gleamflow::Result<()> {
    let pages = "function(rows)
        local pages = {}
        for i, user, second, page in rows do pages[i] = page end
        return table.concat(pages, ' ')
    end";
    Flow::new()
        .rows(CLICKS)
        .named(["user", "second", "page"])
        .sort("second")
        .sessions(1800, "second", pages)
        .by("user")
        .save_text_to(std::io::stdout(), "%s from %d to %d: %s")
}
