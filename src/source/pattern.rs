//! Shell-style patterns: `*`, `?`, `[a-z]` within a name, `**` for any number of directories. As
//! in the shell, a name that begins with a dot is matched only by one that does so too.
//!
//! A newcomer's trap: the `glob` crate matches names, but this walk is ours, because the crate's
//! own leaves out files whose names are not UTF-8, and a file left out is rows lost in silence.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use glob::Pattern;

use super::paths::cannot_open;
use crate::error::{ErrorKind, Failure};

/// One name of a path.
enum Name {
    /// Exactly this name.
    Literal(String),
    /// Every name that matches.
    Like(Pattern),
    /// `**`: no directory, or any number of them that are not hidden; links to directories are not
    /// followed, since they may lead back.
    AnyDepth,
}

/// Whether a path has characters that make it a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Every path that matches, directories too, sorted by bytes.
pub(crate) fn find(pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let names = parse(pattern).map_err(|error| {
        Failure::new(ErrorKind::Plan, format!("bad pattern {pattern}: {}", error.msg))
    })?;
    let root = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = Vec::new();
    walk(Path::new(root), &names, &mut found)?;
    found.sort_unstable_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    // Two `**` reach the same file in more than one way.
    found.dedup();
    Ok(found)
}

fn parse(pattern: &str) -> Result<Vec<Name>, glob::PatternError> {
    let mut names = Vec::new();
    for name in pattern.split('/').filter(|name| !name.is_empty()) {
        match name {
            "**" if matches!(names.last(), Some(Name::AnyDepth)) => {}
            "**" => names.push(Name::AnyDepth),
            name if is_pattern(name) => names.push(Name::Like(Pattern::new(name)?)),
            name => names.push(Name::Literal(name.to_owned())),
        }
    }
    if matches!(names.last(), Some(Name::AnyDepth)) {
        names.push(Name::Like(Pattern::new("*")?));
    }
    Ok(names)
}

fn walk(base: &Path, names: &[Name], found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let Some((first, rest)) = names.split_first() else {
        found.push(base.to_owned());
        return Ok(());
    };
    match first {
        Name::Literal(name) => {
            let path = base.join(name);
            match fs::symlink_metadata(&path) {
                Ok(_) => walk(&path, rest, found),
                Err(error) if is_absent(&error) => Ok(()),
                Err(error) => Err(cannot_open(&path, &error)),
            }
        }
        Name::Like(pattern) => each_entry(base, |name, file_type| {
            let hidden = is_hidden(name) && !pattern.as_str().starts_with('.');
            if hidden || !pattern.matches(&name.to_string_lossy()) {
                return Ok(());
            }
            let path = base.join(name);
            if rest.is_empty() {
                found.push(path);
                return Ok(());
            }
            let leads_on = file_type.is_dir() || (file_type.is_symlink() && path.is_dir());
            if leads_on { walk(&path, rest, found) } else { Ok(()) }
        }),
        Name::AnyDepth => {
            walk(base, rest, found)?;
            each_entry(base, |name, file_type| {
                let leads_on = file_type.is_dir() && !is_hidden(name);
                if leads_on { walk(&base.join(name), names, found) } else { Ok(()) }
            })
        }
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

fn each_entry(
    directory: &Path,
    mut visit: impl FnMut(&OsStr, fs::FileType) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let list = || -> io::Result<Vec<(OsString, fs::FileType)>> {
        // All at once, so that a deep tree holds no descriptors open on the way down.
        fs::read_dir(here)?
            .map(|entry| entry.and_then(|e| Ok((e.file_name(), e.file_type()?))))
            .collect()
    };
    match list() {
        Ok(entries) => entries.iter().try_for_each(|(name, kind)| visit(name, *kind)),
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => {
            Err(Failure::new(ErrorKind::Input, format!("cannot list {}: {error}", here.display())))
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
