//! House rules that no compiler holds: who may import whom, who may name what, how files begin.
//!
//! A newcomer's trap: the rules are DESIGN.md's "Who may import whom". If a test here fails, the
//! code has moved to the wrong place; the list of exceptions is for reasons, not for peace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Part of `src`, the parts of ours it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("report", &[]),
    ("script", &[]),
    ("row", &[]),
    ("process", &[]),
    ("plan", &["row"]),
    // A command takes rows in a format of a sink.
    ("op", &["flow", "dataset", "plan", "row", "sink"]),
    ("source", &["flow", "dataset", "plan", "row"]),
    // Terminals start runs, and files are written with signals as errors.
    ("sink", &["flow", "dataset", "plan", "row", "local", "process"]),
    ("lua", &["plan", "row"]),
    ("worker", &["lua", "plan", "process", "row", "source", "sink", "op"]),
    ("local", &["worker", "plan", "flow", "row", "process", "source"]),
    // Parts for benches/parts, each of them alone.
    ("bench", &["lua", "plan", "row", "worker"]),
    // What reads bytes, for tests/fuzz.
    ("fuzz", &["lua", "plan", "row", "worker"]),
    // The graph under construction, and the handle on it.
    ("flow", &["dataset", "plan", "row", "sink", "source"]),
    ("dataset", &["flow", "plan"]),
];

/// Leaves that every part may import.
const LEAVES: &[&str] = &["error", "report", "script"];

const MOST_LINES: usize = 450;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// `local` for `src/local/run.rs`, `flow` for `src/flow.rs`.
    fn part(&self) -> &str {
        let first = self.path.iter().next().and_then(|name| name.to_str()).unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The text without comments, which may name anything.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines
            .map(|(index, line)| (index + 1, line.find("//").map_or(line, |at| &line[..at])))
            .filter(|(_, line)| !line.trim().is_empty())
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.push(Source { path: path.strip_prefix(&root).unwrap().to_owned(), text });
            }
        }
    }
    assert!(sources.len() > 20, "only {} files in src", sources.len());
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The parts that a line names with `crate::part` or `crate::{part::…, other::…}`.
fn imports(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = Some(0);
            for (index, byte) in list.bytes().enumerate() {
                match byte {
                    b'{' => depth += 1,
                    b'}' => depth -= 1,
                    b',' if depth == 0 => start = Some(index + 1),
                    b' ' => continue,
                    _ => {
                        if let Some(begin) = start.take() {
                            parts.push(identifier(list[begin..].trim_start()));
                        }
                    }
                }
            }
        } else {
            parts.push(identifier(rest));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn parts_import_only_what_they_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        let part = source.part();
        if matches!(part, "lib" | "bin") {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("src/{}: {part} has no rule", source.path.display()));
            continue;
        };
        // A `use crate::{` over several lines is one statement.
        let code: Vec<(usize, &str)> = source.code().collect();
        for (index, (number, line)) in code.iter().enumerate() {
            let mut statement = (*line).to_string();
            if line.contains("crate::{") {
                for (_, more) in code[index + 1..].iter().take_while(|_| !statement_ends(line)) {
                    statement.push_str(more);
                    if more.contains(';') {
                        break;
                    }
                }
            }
            for import in imports(&statement) {
                let known = MAY_IMPORT.iter().any(|(name, _)| *name == import);
                let fine = import == part
                    || LEAVES.contains(&import)
                    || allowed.contains(&import)
                    // A name at the root of the crate is an item of the public API.
                    || (!known && import.starts_with(char::is_uppercase));
                if !fine {
                    let path = source.path.display();
                    wrong.push(format!("src/{path}:{number}: {part} imports {import}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn statement_ends(line: &str) -> bool {
    line.contains(';')
}

#[test]
fn the_binary_uses_the_public_api_only() {
    for source in sources().iter().filter(|source| source.part() == "bin") {
        for (number, line) in source.code() {
            let internal = line.contains("crate::") && !line.contains("crate::args");
            assert!(!internal, "src/{}:{number}: {line}", source.path.display());
        }
    }
}

#[test]
fn only_the_lua_folder_names_mlua() {
    assert_only("lua", |line| line.contains("mlua"));
}

#[test]
fn only_process_uses_signals() {
    let names =
        ["libc::signal", "libc::kill", "libc::sig", "kill_process", "Signal::", "libc::SIG"];
    assert_only("process", |line| names.iter().any(|name| line.contains(name)));
}

fn assert_only(part: &str, names: impl Fn(&str) -> bool) {
    let sources = sources();
    let mut seen = BTreeSet::new();
    for source in &sources {
        for (number, line) in source.code().filter(|(_, line)| names(line)) {
            seen.insert(source.part());
            let path = source.path.display();
            assert_eq!(source.part(), part, "src/{path}:{number}: {line}");
        }
    }
    assert_eq!(seen, BTreeSet::from([part]), "the rule holds nothing any more");
}

#[test]
fn every_file_opens_with_what_it_is() {
    for source in sources() {
        assert!(source.text.starts_with("//! "), "src/{}", source.path.display());
    }
}

#[test]
fn files_stay_short_enough_to_read() {
    let mut long = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            long.push(format!("src/{} has {lines} lines", source.path.display()));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn what_builds_lua_loops_names_no_step_and_no_head() {
    let lua = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
    let names = |folder: &str| -> Vec<String> {
        let files = std::fs::read_dir(lua.join(folder)).unwrap();
        let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
        names.map(|name| name.into_string().unwrap()).collect()
    };
    let kinds = [names("steps"), names("heads")].concat();
    assert!(kinds.len() > 6, "{kinds:?}");
    for file in ["chain.lua", "segment.lua"] {
        let text = std::fs::read_to_string(lua.join(file)).unwrap();
        for kind in &kinds {
            assert!(!text.contains(&format!("\"{kind}\"")), "lua/{file} names {kind}");
        }
    }
}

#[test]
fn imports_are_read_from_both_forms() {
    assert_eq!(imports("use crate::row::{frame, key};"), ["row"]);
    assert_eq!(
        imports("use crate::{row::{frame, key}, plan, error::Error};"),
        ["row", "plan", "error"]
    );
    assert_eq!(imports("Err(crate::error::Failure::new(crate::plan::x()))"), ["error", "plan"]);
}
