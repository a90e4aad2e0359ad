//! The files that a source names: paths and patterns become a list of files with their sizes.
//!
//! A newcomer's trap: a size that `stat` gives is not always one to plan with. Pipes have none,
//! `/proc` says 0 and `/sys` says 4096 whatever they hold; such files are `Stream`s, which only
//! the engine reads, once and in order.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::compressed::{MAGIC_BYTES, refuse_compressed};
use super::identity::Identity;
use super::{pattern, stdin};
use crate::error::{ErrorKind, Failure};

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputFile {
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    pub kind: FileKind,
}

/// Whether a file can be cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FileKind {
    /// Its size is known and any part of it can be read, by any process.
    Regular(Identity),
    /// It can only be read from its start to its end, perhaps only once and only by this process.
    Stream,
    /// What this process was started with as its input.
    Stdin,
}

/// Paths and patterns as a person reads them.
pub(crate) fn shown(patterns: &[PathBuf]) -> String {
    let names: Vec<String> = patterns.iter().map(|path| format!("{path:?}")).collect();
    names.join(", ")
}

/// What a list of paths and patterns stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub files: Vec<InputFile>,
    /// Patterns without a match, of a list in which others have one.
    pub unmatched: Vec<String>,
}

/// The files that the patterns name: pattern after pattern, each one's files sorted by bytes.
pub(crate) fn expand(patterns: &[PathBuf]) -> Result<Found, Failure> {
    let (mut files, mut unmatched) = (Vec::new(), Vec::new());
    for path in patterns {
        if path.as_os_str() == stdin::DASH {
            stdin::check()?;
            files.push(InputFile { path: path.clone(), kind: FileKind::Stdin });
            continue;
        }
        // A name that is no UTF-8 is no pattern; as a path it works.
        let pattern = path.to_str().filter(|text| pattern::is_pattern(text));
        match (std::fs::metadata(path), pattern) {
            (Ok(metadata), _) => files.push(input_file(path.clone(), &metadata)?),
            (Err(_), Some(pattern)) => match pattern::find(pattern)? {
                paths if paths.is_empty() => unmatched.push(pattern.to_owned()),
                paths => add_matches(paths, &mut files)?,
            },
            (Err(error), None) => return Err(cannot_open(path, &error)),
        }
    }
    if files.is_empty() && !unmatched.is_empty() {
        let message = format!("no file matches {}", unmatched.join(", "));
        return Err(Failure::new(ErrorKind::Plan, message));
    }
    Ok(Found { files, unmatched })
}

fn add_matches(paths: Vec<PathBuf>, files: &mut Vec<InputFile>) -> Result<(), Failure> {
    let found_before = files.len();
    let mut directory = None;
    for path in paths {
        let metadata = std::fs::metadata(&path).map_err(|error| cannot_open(&path, &error))?;
        if metadata.is_dir() {
            directory.get_or_insert(path);
        } else {
            files.push(input_file(path, &metadata)?);
        }
    }
    match directory {
        Some(path) if files.len() == found_before => Err(is_a_directory(&path)),
        _ => Ok(()),
    }
}

fn input_file(path: PathBuf, metadata: &Metadata) -> Result<InputFile, Failure> {
    let file_type = metadata.file_type();
    if file_type.is_dir() {
        return Err(is_a_directory(&path));
    }
    if file_type.is_socket() {
        let message = format!("cannot open {}: it is a socket", path.display());
        return Err(Failure::new(ErrorKind::Input, message));
    }
    if !file_type.is_file() || is_own_descriptor(&path) {
        return Ok(InputFile { path, kind: FileKind::Stream });
    }
    let file = File::open(&path).map_err(|error| cannot_open(&path, &error))?;
    let unreadable = |error| cannot_read(&path, &error);
    let mut start = [0; MAGIC_BYTES];
    let start_bytes = file.read_at(&mut start, 0).map_err(unreadable)?;
    refuse_compressed(&path.display().to_string(), &start[..start_bytes])?;
    let kind = match has_stated_size(&file, metadata).map_err(unreadable)? {
        true => FileKind::Regular(Identity::of(&file).map_err(unreadable)?),
        false => FileKind::Stream,
    };
    Ok(InputFile { path, kind })
}

/// Names that mean another file in another process, so that no worker could open them.
fn is_own_descriptor(path: &Path) -> bool {
    ["/dev/stdin", "/dev/fd", "/proc/self", "/proc/thread-self"]
        .iter()
        .any(|name| path.starts_with(name))
}

/// Whether a regular file ends where `stat` says. Files with blocks on a disk do, so that only
/// empty ones and those that the kernel makes up are looked into.
fn has_stated_size(file: &File, metadata: &Metadata) -> io::Result<bool> {
    let len = metadata.len();
    if len > 0 && metadata.blocks() > 0 {
        return Ok(true);
    }
    let mut byte = [0];
    let last_is_there = len == 0 || file.read_at(&mut byte, len - 1)? == 1;
    Ok(last_is_there && file.read_at(&mut byte, len)? == 0)
}

pub(crate) fn cannot_open(path: &Path, error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Input, format!("cannot open {}: {error}", path.display()))
}

pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Input, format!("cannot read {}: {error}", path.display()))
}

fn is_a_directory(path: &Path) -> Failure {
    let message = format!("cannot open {}: it is a directory", path.display());
    Failure::new(ErrorKind::Input, message)
        .hint(format!("{} names the files in it", path.join("*").display()))
}

/// Paths travel as bytes: serde's own form of a path refuses those that are not UTF-8.
pub(crate) mod path_bytes {
    use std::ffi::OsString;
    use std::fmt;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::de::{Deserializer, SeqAccess, Visitor};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(path.as_os_str().as_bytes())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        from.deserialize_byte_buf(Bytes).map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the bytes of a path")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Vec<u8>, A::Error> {
            let mut path = Vec::new();
            while let Some(byte) = bytes.next_element()? {
                path.push(byte);
            }
            Ok(path)
        }
    }
}

/// Several of them.
pub(crate) mod list_of_bytes {
    use std::path::PathBuf;

    use serde::de::Deserializer;
    use serde::ser::Serializer;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Bytes(#[serde(with = "super::path_bytes")] PathBuf);

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(paths.iter().map(|path| Bytes(path.clone())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let paths = Vec::<Bytes>::deserialize(from)?;
        Ok(paths.into_iter().map(|Bytes(path)| path).collect())
    }
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
