//! A Rust closure beside a Lua step: visitors of a log by their network, which Rust's own library
//! reads from an address: `cargo run --release --example closure_beside_lua FILE`, of lines with an
//! address and a path.

use std::net::IpAddr;

use gleamflow::{Flow, Sort};

const LOG: [&str; 5] = [
    "192.0.2.7 /shop?item=3",
    "192.0.2.9 /",
    "2001:db8::17 /shop?item=3",
    "2001:db8::18 /",
    "192.0.2.7 /shop",
];

/// The first half of an address.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => format!("{}.{}", four.octets()[0], four.octets()[1]),
        IpAddr::V6(six) => format!("{:x}:{:x}", six.segments()[0], six.segments()[1]),
    }
}

fn main() -> gleamflow::Result<()> {
    let flow = Flow::new();
    let lines = match std::env::args().nth(1) {
        Some(path) => flow.text_file(path),
        None => flow.lines(LOG),
    };
    lines
        .map("function(line) return line:match('^(%S+) ([^? ]*)') end")
        // An address is text in a row, and an `IpAddr` here; what is none is an error at this line.
        .map_rows(|(address, path): (IpAddr, String)| (network(address), path))
        .count_by([1, 2])
        .top(10, Sort::by(3).descending().then(1).then(2))
        .save_text_to(std::io::stdout(), "%s %s: %d")
}
