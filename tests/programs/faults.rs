//! That the programs are there and new when `tests/faults` looks for them.

use std::process::Command;

#[test]
fn the_fault_program_is_made_from_its_source() {
    let output = Command::new(env!("CARGO_BIN_EXE_fault_program")).arg("source").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), include_str!("fault_program.rs"));
}
