//! The examples, as somebody would run them, against `tr | sort | uniq -c`.
//!
//! A newcomer's trap: `cargo test` builds the examples, `cargo test --test examples` alone takes
//! those that are there: `cargo build --examples` makes them new.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/PROFILE/deps/THIS
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: `cargo build --examples` builds it", path.display());
    path
}

fn run(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// What other programs say about a file: `uniq -c`'s own lines.
fn counted(path: &Path) -> String {
    let script = "tr -cs A-Za-z0-9 '\\n' < \"$1\" | grep . | LC_ALL=C sort | LC_ALL=C uniq -c";
    run(Command::new("sh").args(["-c", script, "sh"]).arg(path))
}

fn check(path: &Path) {
    let expected = counted(path);
    assert!(!expected.is_empty());
    let piped = run(Command::new(example("unix_pipes")).arg(path).env("LC_ALL", "C"));
    assert!(piped == expected, "unix_pipes differs on {}", path.display());
    let reduced = run(Command::new(example("word_count")).arg(path));
    let expected: String = expected
        .lines()
        .map(|line| {
            let (count, word) = line.trim_start().split_once(' ').unwrap();
            format!("{word},{count}\n")
        })
        .collect();
    assert!(reduced == expected, "word_count differs on {}", path.display());
}

/// Text with words of every length, punctuation, empty lines, CR LF, and no newline at the end.
fn generated(bytes: usize) -> String {
    let mut text = String::new();
    let mut state: u64 = 1;
    while text.len() < bytes {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let random = state >> 33;
        text += &format!("Word{}", random % (1 + random % 5000));
        text +=
            [" ", ", ", "-", ".\n", "\r\n", "\n\n", " (x) ", "\t"][(random / 5000 % 8) as usize];
    }
    text + "end"
}

#[test]
fn the_examples_count_the_words_of_etc_passwd() {
    check(Path::new("/etc/passwd"));
}

#[test]
fn the_examples_count_etc_passwd_without_an_argument() {
    let passwd = Path::new("/etc/passwd");
    assert_eq!(run(Command::new(example("unix_pipes")).env("LC_ALL", "C")), counted(passwd));
    let reduced = run(&mut Command::new(example("word_count")));
    assert_eq!(reduced, run(Command::new(example("word_count")).arg(passwd)));
}

#[test]
fn the_examples_count_the_words_of_megabytes_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, generated(4 << 20)).unwrap();
    check(&path);
}

#[test]
fn the_examples_give_the_same_bytes_for_any_workers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, generated(3 << 20)).unwrap();
    for name in ["word_count", "unix_pipes"] {
        let with = |workers: &str| {
            run(Command::new(example(name)).arg(&path).env("GLEAMFLOW_WORKERS", workers))
        };
        let one = with("1");
        assert!(with("3") == one, "{name} differs");
    }
}

#[test]
fn an_example_on_a_missing_file_fails_with_its_name() {
    for name in ["word_count", "unix_pipes"] {
        let output = Command::new(example(name)).arg("/nowhere/text").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("text_file: cannot open /nowhere/text"), "{stderr}");
    }
}

#[test]
fn every_example_is_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 40, "{} has {lines} lines", path.display());
    }
}
