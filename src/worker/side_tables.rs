//! Side tables as files: written once by the engine, mapped by each worker.
//!
//! Rows are dealt out to parts by their keys' hashes, in memory while they are few, then in a file of
//! their own; then each part is put in order and written to the table's file.
//!
//! A newcomer's trap: how a table lies in its file is `row/side_table.rs`; here nothing grows with
//! the table but files, and a 256th of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::error::{ErrorKind, Failed, Failure};
use crate::row::describe::describe;
use crate::row::layout::Rows;
use crate::row::msgpack;
use crate::row::side_table::{MOST_BYTES, PARTS, Shape, SideTable, Twice, part_of};
use crate::worker::mapped::map;
use crate::worker::source::{RunFiles, find_file};
use crate::worker::task::TableFile;

/// So much of a part stays in memory, until all rows have come.
const PART_BYTES: usize = 64 << 10;

/// Makes temporary files.
pub(crate) type MakeFile = Box<dyn Fn() -> Result<File, Failure> + Send>;

/// A table on its way into a file.
pub(crate) struct TableWriter {
    make_file: MakeFile,
    parts: Vec<Part>,
    /// Where pieces of parts are, once there are any.
    pieces: Option<File>,
    written: u64,
    rows: u64,
    columns: Option<u32>,
}

/// Rows that are neighbours in the table, as they came.
#[derive(Default)]
struct Part {
    /// Where the first of them are: offset and length.
    pieces: Vec<(u64, usize)>,
    /// The others.
    rows: Vec<u8>,
}

impl TableWriter {
    pub(crate) fn new(make_file: MakeFile) -> TableWriter {
        let parts = (0..PARTS).map(|_| Part::default()).collect();
        TableWriter { make_file, parts, pieces: None, written: 0, rows: 0, columns: None }
    }

    /// Takes the next rows, which are frames.
    pub(crate) fn push(&mut self, rows: Rows<'_>) -> Result<(), Failure> {
        let taken = rows.try_each_whole(|row, whole| {
            self.check(row).map_err(|failure| failure.row(describe(row)))?;
            let Some(part) = part_of(row) else { return Ok(()) };
            self.rows += 1;
            self.parts[part].rows.extend_from_slice(whole);
            if self.parts[part].rows.len() >= PART_BYTES {
                self.put_aside(part)?
            }
            Ok::<(), Failed>(())
        });
        taken.map_err(|failed| failed.failure)
    }

    /// Whoever looks a row up takes its columns for sound, and for as many as all have.
    fn check(&mut self, row: &[u8]) -> Result<(), Failure> {
        let mut columns = 0;
        for column in msgpack::columns(row) {
            column.map_err(|error| Failure::new(ErrorKind::Row, error.to_string()))?;
            columns += 1;
        }
        let before = *self.columns.get_or_insert(columns);
        if columns != before {
            let message = format!("the table has rows of {before} and of {columns} columns");
            let hint = format!("`pad({})` makes all of them as wide", before.max(columns));
            return Err(Failure::new(ErrorKind::Row, message).hint(hint));
        }
        Ok(())
    }

    /// Moves what there is of a part to a file.
    fn put_aside(&mut self, part: usize) -> Result<(), Failure> {
        let pieces = match &self.pieces {
            Some(pieces) => pieces,
            None => self.pieces.insert((self.make_file)()?),
        };
        let part = &mut self.parts[part];
        pieces.write_all_at(&part.rows, self.written).map_err(cannot_write)?;
        part.pieces.push((self.written, part.rows.len()));
        self.written += part.rows.len() as u64;
        part.rows.clear();
        Ok(())
    }

    /// The file, and how the table lies in it. Takes its time.
    pub(crate) fn finish(self) -> Result<(File, Shape), Failure> {
        let file = (self.make_file)()?;
        let mut shape = Shape::of(self.columns.unwrap_or(1), self.rows);
        let mut rows = Vec::new();
        for (number, part) in self.parts.into_iter().enumerate() {
            rows.clear();
            for (offset, len) in part.pieces {
                let start = rows.len();
                rows.resize(start + len, 0);
                let pieces = self.pieces.as_ref().expect("a piece is in a file");
                pieces.read_exact_at(&mut rows[start..], offset).map_err(cannot_read)?;
            }
            rows.extend_from_slice(&part.rows);
            let rows_at = shape.bytes;
            let (entries, ordered) = shape.arrange(&rows).map_err(refused)?;
            file.write_all_at(&entries, shape.entries_at(number)).map_err(cannot_write)?;
            file.write_all_at(&ordered, rows_at).map_err(cannot_write)?;
        }
        if shape.bytes - shape.rows_at() > MOST_BYTES {
            let message = format!("the table is larger than {} GiB", MOST_BYTES >> 30);
            let failure = Failure::new(ErrorKind::Plan, message);
            return Err(failure.hint("`join` takes any number of rows"));
        }
        file.write_all_at(&shape.last_entry(), shape.entries_at(PARTS)).map_err(cannot_write)?;
        if shape.bytes == shape.rows_at() {
            file.set_len(shape.bytes).map_err(cannot_write)?;
        }
        Ok((file, shape))
    }
}

fn refused(twice: Twice<'_>) -> Failure {
    let key = msgpack::skip(twice.row).map_or(twice.row, |end| &twice.row[..end]);
    let message = format!("the table has two rows with the key {}", describe(key));
    let hint = "`distinct_by(1)` keeps the first row of each key, and `group_by(1)` makes one row of \
                them all";
    Failure::new(ErrorKind::Row, message).row(describe(twice.row)).hint(hint)
}

fn cannot_read(error: std::io::Error) -> Failure {
    Failure::temporary("cannot read a temporary file", &error)
}

fn cannot_write(error: std::io::Error) -> Failure {
    Failure::temporary("cannot write to a temporary file", &error)
}

fn cannot_map(error: std::io::Error) -> Failure {
    Failure::temporary("cannot map a temporary file", &error)
}

/// A table under the name by which Lua knows it.
pub(crate) type NamedTable = (String, Rc<SideTable>);

/// The tables that a worker has mapped, for the stages of a run.
#[derive(Default)]
pub(crate) struct MappedTables(RefCell<HashMap<u32, Rc<SideTable>>>);

impl MappedTables {
    pub(crate) fn of(
        &self,
        tables: &[TableFile],
        files: &RunFiles,
    ) -> Result<Vec<NamedTable>, Failure> {
        let mut mapped = self.0.borrow_mut();
        let mut all = Vec::new();
        for TableFile { name, file: number, shape } in tables {
            let table = match mapped.get(number) {
                Some(table) => table.clone(),
                None => {
                    let bytes = map(&*find_file(files, *number)?, shape.bytes);
                    let table = SideTable::new(bytes.map_err(cannot_map)?, *shape);
                    mapped.entry(*number).or_insert(Rc::new(table)).clone()
                }
            };
            all.push((name.clone(), table));
        }
        Ok(all)
    }
}
