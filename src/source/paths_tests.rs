//! Tests of finding files: patterns, and what a path may stand for.

use std::fs;
use std::os::unix::ffi::OsStringExt;

use super::super::split::needs_sequential;
use super::*;

fn expand_one(pattern: impl AsRef<Path>) -> Result<Vec<PathBuf>, Failure> {
    let pattern = pattern.as_ref().to_str().unwrap().to_owned();
    Ok(expand(&[pattern.into()])?.files.into_iter().map(|file| file.path).collect())
}

#[test]
fn patterns_find_files_sorted_by_bytes_and_pass_over_directories() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join("a/deep/er")).unwrap();
    fs::create_dir_all(root.join("b")).unwrap();
    for name in ["a/x.txt", "a-x.txt", "a/deep/er/y.txt", "b/x.log", "B.txt", "[1].txt", "1.txt"] {
        fs::write(root.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink(root, root.join("a/deep/back")).unwrap();
    let latin = std::ffi::OsString::from_vec(b"caf\xe9.txt".to_vec());
    fs::write(root.join(&latin), "x").unwrap();
    let found = |pattern: &str| -> Vec<String> {
        let paths = expand_one(root.join(pattern)).unwrap();
        let name = |p: &PathBuf| p.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        paths.iter().map(name).collect()
    };
    let top = ["1.txt", "B.txt", "[1].txt", "a-x.txt", "caf\u{fffd}.txt"];
    assert_eq!(found("*.txt"), top);
    assert_eq!(found("*"), top);
    assert_eq!(found("[1].txt"), ["[1].txt"]);
    assert_eq!(found("[12].txt"), ["1.txt"]);
    assert_eq!(found("?/x.*"), ["a/x.txt", "b/x.log"]);
    assert_eq!(found("**/y.txt"), ["a/deep/er/y.txt"]);
    assert_eq!(found("**/er/**/*.txt"), ["a/deep/er/y.txt"]);
    assert_eq!(found("**/*.txt").len(), 7);
    assert_eq!(found("**").len(), 8);
}

#[test]
fn a_pattern_passes_over_hidden_files_as_the_shell_does() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::create_dir_all(root.join("a/.b")).unwrap();
    for name in ["x", ".x", ".git/x", "a/x", "a/.x", "a/.b/x"] {
        fs::write(root.join(name), "x").unwrap();
    }
    let found = |pattern: &str| -> Vec<String> {
        let paths = expand_one(root.join(pattern)).unwrap();
        let name = |p: &PathBuf| p.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        paths.iter().map(name).collect()
    };
    assert_eq!(found("*"), ["x"]);
    assert_eq!(found("?*"), ["x"]);
    assert_eq!(found(".*"), [".x"]);
    assert_eq!(found(".[a-z]"), [".x"]);
    assert_eq!(found("*/x"), ["a/x"]);
    assert_eq!(found("**/*x"), ["a/x", "x"]);
    assert_eq!(found("**/.x"), [".x", "a/.x"]);
    assert_eq!(found(".*/x"), [".git/x"]);
    assert!(expand_one(root.join("[.]x")).is_err());
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let refusal = |name: &str| {
        let failure = expand_one(dir.path().join(name)).unwrap_err();
        let text = format!("{:?}: {}; {:?}", failure.kind, failure.message, failure.hint);
        text.replace(dir.path().to_str().unwrap(), "DIR")
    };
    let missing = "Input: cannot open DIR/missing: No such file or directory (os error 2); None";
    assert_eq!(refusal("missing"), missing);
    assert_eq!(refusal("m*"), "Plan: no file matches DIR/m*; None");
    assert_eq!(refusal("no/such/*"), "Plan: no file matches DIR/no/such/*; None");
    assert_eq!(refusal("socket"), "Input: cannot open DIR/socket: it is a socket; None");
    let directory =
        "Input: cannot open DIR/sub: it is a directory; Some(\"DIR/sub/* names the files in it\")";
    assert_eq!(refusal("sub"), directory);
    assert_eq!(refusal("su*"), directory);
    assert!(refusal("[").starts_with("Plan: bad pattern DIR/[: "));
}

#[test]
fn what_has_no_size_to_trust_is_a_stream() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let fifo = fifo.display().to_string();
    for path in [
        "/proc/meminfo",
        "/dev/null",
        "/dev/fd/0",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        &fifo,
    ] {
        if Path::new(path).exists() {
            let files = expand(&[path.into()]).unwrap().files;
            assert!(needs_sequential(&files), "{path}");
        }
    }
    for (name, text) in [("empty", ""), ("full", "x")] {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        let kind = FileKind::Regular(Identity::of(&File::open(&path).unwrap()).unwrap());
        let found = expand(std::slice::from_ref(&path)).unwrap();
        assert_eq!(found.files, [InputFile { path, kind }]);
    }
}
