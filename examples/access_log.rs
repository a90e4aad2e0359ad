//! Answers and bytes by status, from the log of a web server in the common format:
//! `cargo run --release --example access_log FILE`.

use gleamflow::Flow;

const LOG: &str = r#"
192.0.2.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512
192.0.2.7 - - [24/Nov/2026:10:00:01 +0000] "GET /logo.png HTTP/1.1" 200 2048
192.0.2.1 - - [24/Nov/2026:10:00:02 +0000] "GET /nowhere HTTP/1.1" 404 0
192.0.2.9 - ada [24/Nov/2026:10:00:04 +0000] "HEAD / HTTP/1.1" 304 -
192.0.2.7 - - [24/Nov/2026:10:00:09 +0000] "GET / HTTP/1.1" 200 512"#;

fn main() -> gleamflow::Result<()> {
    let flow = Flow::new();
    let lines = match std::env::args().nth(1) {
        Some(path) => flow.text_file(path),
        None => flow.lines(LOG.trim().lines()),
    };
    lines
        .fields()
        .select([9, 10])
        .map("function(status, bytes) return status, 1, bytes == '-' and '0' or bytes end")
        .numbers([1, 3])
        // The values of a status, columns 2 and 3, come twice: of the rows so far, of the next.
        .reduce_by([1], "function(n, bytes, m, more) return n + m, bytes + more end")
        .save_text_to(std::io::stdout(), "%d: %d answers, %d bytes")
}
