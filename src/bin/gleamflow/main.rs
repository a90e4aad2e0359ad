//! The `gleamflow` command. It can also stand in as the worker of a program that cannot start
//! itself again: `GLEAMFLOW_WORKER` names it.

use std::process::ExitCode;

const HELP: &str = "\
Run parallel dataflows of Lua functions and shell commands.

Example: gleamflow --version

  --version  print the version
  --help     print this help
";

fn main() -> ExitCode {
    // The library is linked also for its worker entry, which runs before this.
    let _ = gleamflow::Flow::new();
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_str()).collect();
    match arguments[..] {
        [Some("--version" | "-V")] => println!("gleamflow {}", env!("CARGO_PKG_VERSION")),
        [Some("--help" | "-h")] => print!("{HELP}"),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
