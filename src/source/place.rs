//! Where a row came from, for the message of a failure.
//!
//! A newcomer's trap: nothing of this is known while rows are read. Line numbers are counted by
//! reading the file again from its start, so ask only when something has failed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::error::InputPlace;
use crate::row::describe::{DESCRIPTION_BYTES, describe_line};
use crate::row::layout::Rows;

/// The place of the line that is `rows` lines behind the one that starts at `offset`.
pub(crate) fn place_in_file(path: &Path, offset: u64, rows: u32) -> InputPlace {
    let found = find_line(path, offset, rows);
    InputPlace {
        file: Some(path.display().to_string()),
        // A file that can't be read again leaves the name, which is better than a second failure.
        line: found.as_ref().ok().map(|(line, _)| *line),
        row: found.ok().map(|(_, row)| describe_line(&row)),
    }
}

fn find_line(path: &Path, offset: u64, rows: u32) -> io::Result<(u64, Vec<u8>)> {
    let mut file = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut line = 1 + u64::from(rows);
    let mut before = file.by_ref().take(offset);
    loop {
        let bytes = before.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        line += u64::from(Rows::lines(bytes).count());
        let len = bytes.len();
        before.consume(len);
    }
    for _ in 0..rows {
        file.skip_until(b'\n')?;
    }
    let mut row = Vec::new();
    file.take(DESCRIPTION_BYTES as u64 + 1).read_until(b'\n', &mut row)?;
    row.pop_if(|last| *last == b'\n');
    Ok((line, row))
}
