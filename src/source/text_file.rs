//! `text_file`: the lines of files.

use std::fmt;
use std::panic::Location;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::open::{Found, Input, Opening, Place};
use super::paths::{self, shown};
use super::split::needs_sequential;
use super::stream::{Stream, Streams};
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::named::Arguments;
use crate::row::layout::Layout;

/// # Sources
impl Flow {
    /// The lines of a file, of the files that a pattern (`logs/*.txt`) matches, in the order of
    /// their names' bytes, or of several of either, in the order given. Columns out: the line,
    /// without its line feed.
    ///
    /// Bytes pass as they are: CR, NUL and invalid UTF-8 too. The last line needs no line feed.
    /// FIFOs and other files without a size are read as they come. `-` is the program's standard
    /// input, which can be read once (`./-` is a file of that name). As in the shell, `*` matches
    /// no name that begins with a dot; `.*` does. A pattern without a match beside others with one
    /// is a warning (by `tracing`).
    ///
    /// While a flow reads a file, it may only be appended to, and what is appended is not read.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// assert!(Flow::new().text_file("/etc/passwd").count()? > 0);
    /// assert!(Flow::new().text_file(["/etc/pass*", "/etc/group"]).count()? > 0);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a missing or unreadable file, a directory, a pattern without a match, a file
    /// of gzip, zstd, xz or bzip2, one that is replaced, rewritten or cut off during the run, a
    /// line longer than [`Flow::max_row`].
    #[track_caller]
    pub fn text_file(&self, paths: impl Paths) -> Dataset {
        let patterns = paths.into_paths();
        let source = match patterns.is_empty() {
            true => Err(Failure::new(ErrorKind::Plan, "no path was given")),
            false => Ok(Input::of("text_file", &Files { patterns }, &Lines {}, Layout::Lines)),
        };
        self.add_source("text_file", Location::caller(), source)
    }
}

/// Files, by paths and patterns.
#[derive(Serialize, Deserialize)]
pub(crate) struct Files {
    #[serde(with = "paths::list_of_bytes")]
    patterns: Vec<PathBuf>,
}

impl Arguments for Files {
    const NAME: &str = "files";
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.patterns))
    }
}

impl Place for Files {
    fn find(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Found, Failure> {
        let files = opening.find(&self.patterns)?;
        if needs_sequential(&files) {
            let streams: Streams = Box::new(files.into_iter().map(|file| Stream::open(&file)));
            return Ok(Found::Streams(streams));
        }
        Ok(Found::Files(files))
    }
}

/// What [`Flow::text_file`] takes: a path or pattern, or several.
///
/// ```
/// use gleamflow::Paths;
///
/// assert_eq!("logs/*.txt".into_paths().len(), 1);
/// assert_eq!(["a.txt", "b.txt"].into_paths(), vec!["a.txt", "b.txt"].into_paths());
/// ```
pub trait Paths {
    /// The paths and patterns, in order.
    fn into_paths(self) -> Vec<PathBuf>;
}

macro_rules! one_path {
    ($($kind:ty),*) => {$(
        impl Paths for $kind {
            fn into_paths(self) -> Vec<PathBuf> {
                vec![PathBuf::from(self)]
            }
        }
    )*};
}

one_path!(&str, String, &String, &Path, PathBuf, std::ffi::OsString);

impl Paths for &PathBuf {
    fn into_paths(self) -> Vec<PathBuf> {
        vec![self.clone()]
    }
}

impl<P: AsRef<Path>, const N: usize> Paths for [P; N] {
    fn into_paths(self) -> Vec<PathBuf> {
        self.iter().map(|path| path.as_ref().to_owned()).collect()
    }
}

impl<P: AsRef<Path>> Paths for &[P] {
    fn into_paths(self) -> Vec<PathBuf> {
        self.iter().map(|path| path.as_ref().to_owned()).collect()
    }
}

impl<P: AsRef<Path>> Paths for Vec<P> {
    fn into_paths(self) -> Vec<PathBuf> {
        self.as_slice().into_paths()
    }
}

impl<P: AsRef<Path>> Paths for &Vec<P> {
    fn into_paths(self) -> Vec<PathBuf> {
        self.as_slice().into_paths()
    }
}
