//! A job for the night: it ends after an hour at the latest, and leaves a report beside its result,
//! also when it fails: `cargo run --release --example nightly_job FOLDER [LOG]`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use gleamflow::{Agg, Flow, Sort};

const LOG: &str = "ann 200 512\nbob 404 0\nann 200 2048\nbob 200 1024\ncem 500 0\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let folder = arguments.first().cloned().unwrap_or_else(std::env::temp_dir);
    let flow = Flow::new().deadline(Duration::from_secs(3600)).on_progress(|progress| {
        if let (true, Some(all)) = (std::io::stderr().is_terminal(), progress.bytes_to_read) {
            eprint!("\r{} % read", 100 * progress.bytes_read / all.max(1));
        }
    });
    let log = match arguments.get(1) {
        Some(path) => flow.text_file(path),
        None => flow.reader(LOG.as_bytes()),
    };
    log.fields()
        .named(["user", "status", "bytes"])
        .numbers(["status", "bytes"])
        .filter("function(user, status) return status < 400 end")
        .aggregate(["user"], [Agg::count(), Agg::sum("bytes")])
        .sort(Sort::by(3).descending())
        .to_text_file(folder.join("users.txt"), "%s %d %d");
    let result = flow.run();
    if let Some(report) = flow.report() {
        println!("{report}");
        std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(result.map(drop)?)
}
