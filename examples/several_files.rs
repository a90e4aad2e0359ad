//! Two files from one run, both of them or none: `cargo run --release --example several_files FOLDER`.

use std::path::PathBuf;

use gleamflow::Flow;

const LOG: [&str; 5] = [
    "info: started",
    "error: cannot open /nowhere",
    "info: trying again",
    "warning: this takes long",
    "error: cannot open /nowhere",
];

fn main() -> gleamflow::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let flow = Flow::new();
    // Read and cut once, though two sinks need it.
    let log = flow.lines(LOG).split(": ");
    log.filter("function(level) return level == 'error' end")
        .select([2])
        .distinct()
        .to_text_file(folder.join("errors.txt"), "%s");
    log.count_by([1]).to_text_file(folder.join("levels.txt"), "%-8s%d");
    flow.run()?;
    Ok(())
}
