//! What sources are made of: a [`Source`] is opened by the engine and gives parts or a stream; a
//! [`Place`] knows where bytes are and a [`Format`] how rows lie in them, and [`Input`] is the
//! source of any two of these; a [`BlockReader`] gives the rows.
//!
//! A newcomer's trap: a part is read by whoever has it, worker or engine, by the same reader. What
//! only this process can read, from start to end, is no part but a stream.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::held::Held;
use super::paths::{self, InputFile};
use super::registry::{format, place};
use super::split::{Piece, plan_splits};
use super::stream::Streams;
use crate::error::{Failure, InputPlace};
use crate::plan::named::{Arguments, Name};
use crate::plan::source::Source as PlannedSource;
use crate::row::layout::Layout;

/// Where rows come from.
pub(crate) trait Source {
    /// Opens it, as far as needed to know that it can be read.
    fn open(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Opened, Failure>;
}

/// What an engine tells a source.
pub(crate) struct Opening<'a> {
    /// What the plan names by number.
    pub held: &'a Held,
    pub max_row: usize,
    /// For tests only: the size of a split.
    pub split_bytes: Option<u64>,
    /// What the user is to be told.
    pub warnings: Vec<String>,
    /// How many bytes there are to read, where the source knows.
    pub bytes: Option<u64>,
}

impl Opening<'_> {
    /// The files that paths and patterns stand for.
    pub(super) fn find(&mut self, patterns: &[PathBuf]) -> Result<Vec<InputFile>, Failure> {
        let paths::Found { files, unmatched } = paths::expand(patterns)?;
        let warn = |pattern| format!("no file matches {pattern}");
        self.warnings.extend(unmatched.into_iter().map(warn));
        Ok(files)
    }
}

/// A source that can be read.
pub(crate) enum Opened {
    /// Parts that any process can read, each by itself; the order is theirs. They are made when
    /// their turn comes.
    Parts(Box<dyn Iterator<Item = Name> + Send>),
    /// Rows that only this process can read, once and from start to end.
    Stream(Box<dyn BlockReader>),
}

/// A part of a source, as it comes to a worker. Its name is one of `source/registry.rs`.
pub(crate) trait Part {
    fn open(self: Box<Self>, max_row: usize) -> Result<Box<dyn BlockReader>, Failure>;
}

/// Gives rows, block by block.
pub(crate) trait BlockReader: Send {
    /// How the rows lie.
    fn layout(&self) -> Layout;

    /// Replaces `out` by the next whole rows, about `block_bytes` of them. False: there are no
    /// more, and `out` is empty. A failure comes after the rows that precede it, and is the end.
    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure>;

    /// Where a row of the last block came from, counted from 0.
    fn place(&self, _row: u32) -> Option<InputPlace> {
        None
    }
}

/// Where bytes are: files, a reader of the program.
pub(crate) trait Place {
    /// Finds what is there, as far as needed to know that it can be read.
    fn find(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Found, Failure>;
}

/// What there is at a place.
pub(crate) enum Found {
    /// Files of known sizes, of which any process can read any part.
    Files(Vec<InputFile>),
    /// Bytes that can only be read from start to end.
    Streams(Streams),
}

/// How rows lie in bytes.
pub(crate) trait Format {
    /// The rows of parts of files, cut anywhere.
    fn pieces(&self, pieces: Vec<Piece>, max_row: usize) -> Box<dyn BlockReader>;

    /// The rows of what is read from start to end.
    fn streams(&self, streams: Streams, max_row: usize) -> Box<dyn BlockReader>;
}

/// The source of a place and a format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Input {
    operator: String,
    place: Name,
    format: Name,
}

impl Input {
    /// What an operator reads.
    pub(crate) fn of(
        operator: &str,
        place: &impl Arguments,
        format: &impl Arguments,
        layout: Layout,
    ) -> PlannedSource {
        let operator = operator.to_owned();
        let input = Input { operator, place: Name::new(place), format: Name::new(format) };
        PlannedSource::new(&input, layout)
    }
}

impl Arguments for Input {
    const NAME: &str = "input";
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operator)?;
        let blank = if self.place.shown.is_empty() { "" } else { " " };
        write!(f, "{blank}{}", self.place.shown)
    }
}

impl Source for Input {
    fn open(self: Box<Self>, opening: &mut Opening<'_>) -> Result<Opened, Failure> {
        Ok(match place(&self.place)?.find(opening)? {
            Found::Streams(streams) => {
                Opened::Stream(format(&self.format)?.streams(streams, opening.max_row))
            }
            Found::Files(files) => {
                let splits = plan_splits(&files, opening.split_bytes);
                let sizes = splits.iter().flatten().map(|piece| piece.end - piece.start);
                opening.bytes = Some(sizes.sum());
                let part = move |pieces| Pieces { pieces, format: self.format.clone() };
                Opened::Parts(Box::new(
                    splits.into_iter().map(move |split| Name::new(&part(split))),
                ))
            }
        })
    }
}

/// Pieces of files in some format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pieces {
    pieces: Vec<Piece>,
    format: Name,
}

impl Arguments for Pieces {
    const NAME: &str = "pieces";
}

impl fmt::Display for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pieces of {}", self.pieces.len(), self.format.shown)
    }
}

impl Part for Pieces {
    fn open(self: Box<Self>, max_row: usize) -> Result<Box<dyn BlockReader>, Failure> {
        Ok(format(&self.format)?.pieces(self.pieces, max_row))
    }
}

/// Reads one part after another.
pub(crate) struct PartsInOrder {
    parts: Box<dyn Iterator<Item = Name> + Send>,
    layout: Layout,
    max_row: usize,
    open: Option<Box<dyn BlockReader>>,
}

impl PartsInOrder {
    pub(crate) fn new(
        parts: Box<dyn Iterator<Item = Name> + Send>,
        layout: Layout,
        max_row: usize,
    ) -> PartsInOrder {
        PartsInOrder { parts, layout, max_row, open: None }
    }
}

impl BlockReader for PartsInOrder {
    fn layout(&self) -> Layout {
        self.layout
    }

    fn next_block(&mut self, out: &mut Vec<u8>, block_bytes: usize) -> Result<bool, Failure> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(part) = self.parts.next() else { return Ok(false) };
                self.open = Some(super::registry::part(&part)?.open(self.max_row)?);
                continue;
            };
            if open.next_block(out, block_bytes)? {
                return Ok(true);
            }
            self.open = None;
        }
    }
}
