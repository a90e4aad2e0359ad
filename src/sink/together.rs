//! The files of one run, which appear together or, as far as a file system can do that, not at all.
//!
//! A newcomer's trap: several renames are not one. All that can fail is done before the first of
//! them; what a failed one leaves is said, since it cannot be undone.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::file::{AtomicFile, directory_of};
use super::letters::LetterFiles;
use super::save::Output;
use crate::error::{Failure, Result};
use crate::plan::compile::SinkNode;
use crate::process::with_file_size_as_error;

/// Files that a message names; a run may have thousands.
const MOST_NAMED: usize = 3;

/// Finds two files that are one, by whatever paths and links.
pub(crate) fn find_same(files: &[&AtomicFile]) -> Option<(usize, usize)> {
    let mut places = HashMap::new();
    let mut existing = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        let Some(target) = file.target() else { continue };
        let directory = std::fs::metadata(directory_of(target));
        let directory = directory.map_or((0, 0), |found| (found.dev(), found.ino()));
        let name: &OsStr = target.file_name().unwrap_or_default();
        if let Some(first) = places.insert((directory, name), index) {
            return Some((first, index));
        }
        if let Ok(found) = std::fs::metadata(target)
            && let Some(first) = existing.insert((found.dev(), found.ino()), index)
        {
            return Some((first, index));
        }
    }
    None
}

/// Puts the files of sinks that have all their rows in their places.
pub(super) fn commit<'a, O: Output + ?Sized>(
    sinks: impl IntoIterator<Item = (&'a SinkNode, Box<O>)>,
    letters: LetterFiles,
) -> Result<()> {
    let LetterFiles { letters, mut files, steps } = letters;
    let mut nodes = Vec::new();
    for (node, sink) in sinks {
        if let Some(file) = sink.into_file() {
            nodes.push(node);
            files.push(file);
        }
    }
    with_file_size_as_error(|| commit_all(files)).map_err(|(index, failure)| {
        match index.checked_sub(steps.len()) {
            Some(sink) => nodes[sink].error(failure),
            None => letters.error(steps[index], failure),
        }
    })
}

/// Puts all files in their places. A failure comes with the number of the file it is about.
pub(super) fn commit_all(mut files: Vec<AtomicFile>) -> std::result::Result<(), (usize, Failure)> {
    // Alone, a file has nothing to be in step with.
    let write = if files.len() > 1 { AtomicFile::sync } else { AtomicFile::flush };
    each(&mut files, write)?;
    each(&mut files, AtomicFile::give_name)?;
    let mut renamed = Vec::new();
    let mut rest = files.into_iter();
    for (index, file) in rest.by_ref().enumerate() {
        match file.rename() {
            Ok(path) => renamed.push(path),
            Err(mut failure) => {
                let untouched: Vec<_> = rest.map(|file| file.path().to_owned()).collect();
                say_what_is_left(&mut failure, &renamed, &untouched);
                return Err((index, failure));
            }
        }
    }
    Ok(())
}

fn each(
    files: &mut [AtomicFile],
    step: impl Fn(&mut AtomicFile) -> std::io::Result<()>,
) -> std::result::Result<(), (usize, Failure)> {
    files
        .iter_mut()
        .enumerate()
        .try_for_each(|(index, file)| step(file).map_err(|error| (index, file.failure(&error))))
}

fn say_what_is_left(failure: &mut Failure, renamed: &[PathBuf], untouched: &[PathBuf]) {
    for (files, state) in [(renamed, "already new"), (untouched, "still as before")] {
        if !files.is_empty() {
            failure.message.push_str(&format!("\n  {state}: {}", names(files)));
        }
    }
}

fn names(files: &[PathBuf]) -> String {
    let named = files.iter().take(MOST_NAMED).map(|path| path.display().to_string());
    let mut text = named.collect::<Vec<_>>().join(", ");
    if files.len() > MOST_NAMED {
        text.push_str(&format!(" and {} more", files.len() - MOST_NAMED));
    }
    text
}
