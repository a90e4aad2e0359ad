//! A row's columns as arguments of a command, and how many of them the system takes.
//!
//! A newcomer's trap: the system's limit is one for arguments and environment together, and there is
//! another one for each of them.

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};

use crate::error::{ErrorKind, Failure};
use crate::plan::command::{Command, Program};
use crate::row::layout::Layout;
use crate::row::{msgpack, text};

/// The next move where there is too much.
const HINT: &str = "`pipe` gives a command rows of any length, on its stdin";

/// What Linux takes at least, and at most.
const LEAST: u64 = 128 << 10;
const MOST: u64 = 6 << 20;

/// Left for the shell's own words, our variables, and what the system adds.
const HEADROOM: usize = 8 << 10;

/// What an argument takes beside its bytes: a NUL and a pointer.
const AROUND: usize = 1 + size_of::<usize>();

/// How much the system takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Of one argument, in bytes.
    one: usize,
    /// Of all of them.
    pub all: usize,
}

impl Room {
    /// For what comes behind a command's own words.
    pub(crate) fn of(command: &Command) -> Room {
        let all = getrlimit(Resource::Stack).current.map_or(MOST, |stack| stack / 4);
        let all = usize::try_from(all.clamp(LEAST, MOST)).unwrap_or(usize::MAX);
        let words = match &command.program {
            Program::Line(line) => line.len() + AROUND,
            Program::Words(words) => words.iter().map(|word| word.len() + AROUND).sum(),
        };
        let environment = std::env::vars_os().map(|(name, value)| name.len() + value.len());
        let own = command.setup.env.iter().map(|(name, value)| name.len() + value.len());
        let variables: usize = environment.chain(own).map(|bytes| bytes + 1 + AROUND).sum();
        Room { one: 32 * page_size() - 1, all: all.saturating_sub(words + variables + HEADROOM) }
    }
}

/// The columns of some rows.
#[derive(Default)]
pub(crate) struct Arguments {
    pub texts: Vec<Vec<u8>>,
    pub rows: u32,
    /// What they take of [`Room::all`].
    pub bytes: usize,
    /// The columns of each row as they came, where they may be left out.
    pub columns: Vec<Vec<u8>>,
}

impl Arguments {
    /// Those of one row.
    pub(crate) fn of(layout: Layout, row: &[u8], room: &Room) -> Result<Arguments, Failure> {
        let refuse = |message| Err(Failure::new(ErrorKind::Row, message).row(layout.describe(row)));
        let mut texts: Vec<Vec<u8>> = Vec::new();
        match layout {
            Layout::Lines | Layout::Text => texts.push(row.to_vec()),
            Layout::Columns => texts.extend(row.split(|byte| *byte == b'\t').map(<[u8]>::to_vec)),
            Layout::Frames => {
                for (index, value) in (1..).zip(msgpack::columns(row)) {
                    let mut column = Vec::new();
                    let written = value.map_err(|error| error.to_string()).and_then(|value| {
                        text::append_text(&mut column, value).map_err(|error| error.to_string())
                    });
                    if let Err(error) = written {
                        return refuse(format!("column {index}: {error}"));
                    }
                    texts.push(column);
                }
            }
        }
        for (index, text) in (1..).zip(&texts) {
            if memchr::memchr(0, text).is_some() {
                return refuse(format!("column {index} has a NUL in it"));
            }
            if text.len() > room.one {
                let (bytes, most) = (text.len(), room.one);
                let message = format!(
                    "column {index} has {bytes} bytes, and an argument of a command at most {most}"
                );
                return refuse(message).map_err(|failure| failure.hint(HINT));
            }
        }
        let bytes = texts.iter().map(|text| text.len() + AROUND).sum();
        if bytes > room.all {
            let message = format!(
                "the columns take {bytes} bytes as arguments, and the system has room for {}",
                room.all
            );
            return refuse(message).map_err(|failure| failure.hint(HINT));
        }
        Ok(Arguments { texts, rows: 1, bytes, columns: Vec::new() })
    }

    /// Adds those of another row, unless all together are too many.
    pub(crate) fn add(&mut self, row: Arguments, room: &Room) -> Result<(), Arguments> {
        if self.bytes + row.bytes > room.all {
            return Err(row);
        }
        self.texts.extend(row.texts);
        self.rows += row.rows;
        self.bytes += row.bytes;
        self.columns.extend(row.columns);
        Ok(())
    }
}
