//! `rows_file`: frames in files, as dead letters are.
//!
//! A newcomer's trap: a frame says nothing of where the next one begins but its own length, so a
//! file is read from its start; the engine cuts what it reads into tasks.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::panic::Location;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::open::{BlockReader, Opened, Opening, Source};
use super::paths::{FileKind, InputFile, cannot_open, cannot_read, list_of_bytes, shown};
use super::stdin;
use super::text_file::Paths;
use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::flow::Flow;
use crate::plan::named::Arguments;
use crate::plan::source::Source as PlannedSource;
use crate::row::frame::FrameError;
use crate::row::layout::Layout;

impl Flow {
    /// Reads rows that a run has left in files as frames, such as those of
    /// [`OnError::dead_letter`](crate::OnError::dead_letter): file after file, in the order of their
    /// rows. Columns and their types are as they were written. A frame is a 32-bit little-endian
    /// length, then that many bytes: the columns' MessagePack values one after another.
    ///
    /// ```
    /// use gleamflow::{Flow, OnError};
    ///
    /// let folder = tempfile::tempdir().unwrap();
    /// let bad = folder.path().join("bad");
    /// let prices = Flow::new().rows([("pear", "2"), ("plum", "?")]);
    /// prices.numbers([2]).on_error(OnError::dead_letter(&bad)).count()?;
    ///
    /// let letters: Vec<(String, String)> = Flow::new().rows_file(&bad).select([5, 6]).collect()?;
    /// assert_eq!(letters, [("plum".into(), "?".into())]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: no file, or one that cannot be read; what is no frame, or ends within one; a row
    /// that is longer than [`Flow::max_row`].
    #[track_caller]
    pub fn rows_file(&self, paths: impl Paths) -> Dataset {
        let files = RowFiles { patterns: paths.into_paths() };
        let source = PlannedSource::new(&files, Layout::Frames);
        self.add_source("rows_file", Location::caller(), Ok(source))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RowFiles {
    #[serde(with = "list_of_bytes")]
    patterns: Vec<PathBuf>,
}

impl Arguments for RowFiles {
    const NAME: &str = "row files";
}

impl fmt::Display for RowFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rows_file {}", shown(&self.patterns))
    }
}

impl Source for RowFiles {
    fn open(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Opened, Failure> {
        let files = opening.find(&self.patterns)?;
        let size = |file: &InputFile| match file.kind {
            FileKind::Regular(identity) => Some(identity.len),
            FileKind::Stream | FileKind::Stdin => None,
        };
        opening.bytes = files.iter().map(size).sum();
        let max_row = opening.max_row;
        let files = files.into_iter();
        Ok(Opened::Stream(Box::new(FrameReader {
            files,
            open: None,
            rest: Vec::new(),
            max_row,
            rows: 0,
        })))
    }
}

/// Reads the frames of files, one file after another.
struct FrameReader {
    files: std::vec::IntoIter<InputFile>,
    open: Option<(PathBuf, Box<dyn Read + Send>)>,
    /// The start of a frame of which the end has not been read.
    rest: Vec<u8>,
    max_row: usize,
    /// Rows of the open file that have passed.
    rows: u64,
}

impl BlockReader for FrameReader {
    fn layout(&self) -> Layout {
        Layout::Frames
    }

    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        loop {
            out.clear();
            let Some((path, file)) = &mut self.open else {
                let Some(file) = self.files.next() else { return Ok(false) };
                self.open = Some(open(&file)?);
                self.rows = 0;
                continue;
            };
            std::mem::swap(out, &mut self.rest);
            let had = out.len();
            let read = file.take(block_bytes.max(1) as u64).read_to_end(out);
            read.map_err(|error| cannot_read(path, &error))?;
            let is_end = out.len() == had;
            let whole = Layout::Frames
                .whole(out, 0, self.max_row)
                .map_err(|error| damaged(path, self.rows + 1, error))?;
            self.rows += u64::from(whole.rows);
            match whole.bytes {
                0 => std::mem::swap(out, &mut self.rest),
                end => self.rest.extend_from_slice(&out[end..]),
            }
            out.truncate(whole.bytes);
            if is_end && !self.rest.is_empty() {
                return Err(damaged(path, self.rows + 1, FrameError::Truncated));
            } else if is_end {
                self.open = None;
            } else if !out.is_empty() {
                return Ok(true);
            }
        }
    }
}

fn open(file: &InputFile) -> Result<(PathBuf, Box<dyn Read + Send>), Failure> {
    let reader: Box<dyn Read + Send> = match file.kind {
        FileKind::Stdin => stdin::take()?.into_reader(),
        _ => Box::new(File::open(&file.path).map_err(|error| cannot_open(&file.path, &error))?),
    };
    Ok((file.path.clone(), reader))
}

fn damaged(path: &Path, row: u64, error: FrameError) -> Failure {
    let message = format!("row {row} of {}: {error}", path.display());
    Failure::new(ErrorKind::Input, message)
        .hint("`rows_file` reads frames, such as dead letters; `text_file` reads lines")
}
