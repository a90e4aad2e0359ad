//! Parts of the library for benches/parts, behind the feature `bench-internals`; no public API.
//!
//! A newcomer's trap: what a user would notice is measured by benches/compare. These tell which
//! part has changed, and each does one part's work as the library has it done.

use std::fs::File;
use std::sync::Arc;

use crate::error::Failure;
use crate::lua::{LuaSegment, LuaTail, Progress, Vm};
use crate::plan::chain::{Code, Head, KeyColumn, LuaStep};
use crate::plan::exchange::Keep;
use crate::row::frame::{self, FrameError};
use crate::row::layout::{Layout, Rows};
use crate::row::msgpack::{self, Value};
use crate::row::{block, key, typed};
use crate::worker::runs::{Merge, RunInput, RunStore, RunWriter, TaskRuns};

/// What one thing is, for the whole of this module: these are not made to be recovered from.
const SOUND: &str = "the benches give it what it takes";

const MAX_ROW: usize = 64 << 20;
const LUA_BYTES: usize = 256 << 20;

/// The block size of the library.
pub const BLOCK_BYTES: usize = block::BLOCK_BYTES;

/// Appends a row of a text and an integer.
#[inline]
pub fn put_row(frames: &mut Vec<u8>, text: &[u8], number: i64) {
    let start = frame::begin(frames);
    msgpack::put_text(frames, text);
    msgpack::put_int(frames, number);
    frame::end(frames, start).expect(SOUND);
}

/// Appends a row by way of serde.
pub fn put_typed_row(frames: &mut Vec<u8>, row: &(&str, i64)) {
    let start = frame::begin(frames);
    typed::to_payload(frames, row).expect(SOUND);
    frame::end(frames, start).expect(SOUND);
}

/// Reads rows of a text and an integer: bytes of text, and the sum.
pub fn read_rows(frames: &[u8]) -> (usize, i64) {
    let (mut bytes, mut sum) = (0, 0);
    each_row(frames, |mut rest| {
        while !rest.is_empty() {
            let (value, used) = msgpack::head(rest).expect(SOUND);
            match value {
                Value::Str(text) => bytes += text.len(),
                Value::Int(number) => sum += number,
                other => unreachable!("no bench has a {other:?}"),
            }
            rest = &rest[used..];
        }
    });
    (bytes, sum)
}

/// Reads such rows by way of serde.
pub fn read_typed_rows(frames: &[u8]) -> (usize, i64) {
    let (mut bytes, mut sum) = (0, 0);
    each_row(frames, |payload| {
        let row: (String, i64) = typed::from_payload(payload).expect(SOUND);
        bytes += row.0.len();
        sum += row.1;
    });
    (bytes, sum)
}

#[inline]
fn each_row<'a>(frames: &'a [u8], mut take: impl FnMut(&'a [u8])) {
    let all = Rows::frames(frames).try_each(|payload| {
        take(payload);
        Ok::<(), FrameError>(())
    });
    all.expect(SOUND);
}

fn order(columns: &[u32]) -> Vec<KeyColumn> {
    let part = |column: &u32| KeyColumn::ascending(*column);
    columns.iter().map(part).collect()
}

/// Key bytes of each row under an order by these columns, one row's written over the other's;
/// their length in all.
pub fn key_rows(frames: &[u8], columns: &[u32]) -> usize {
    let order = order(columns);
    let (mut key, mut bytes) = (Vec::new(), 0);
    each_row(frames, |payload| {
        key.clear();
        key::append_row_key(&mut key, payload, &order).expect(SOUND);
        bytes += key.len();
    });
    bytes
}

/// A fused chain of Lua steps over text lines, in one state.
pub struct Loop(Vm);

impl Loop {
    /// `steps` are pairs of an operator (`map`, `flat_map`, `filter`) and its function; `reduce`
    /// comes last and combines by the first column.
    pub fn new(steps: &[(&str, &str)]) -> Loop {
        let mut segment = LuaSegment {
            head: Head::Rows(Layout::Lines),
            steps: Vec::new(),
            tail: LuaTail::Frames,
        };
        for ((operator, text), step) in steps.iter().zip(1..) {
            let code = Code { step, text: (*text).to_owned(), seed: 0, tables: Vec::new() };
            match *operator {
                "reduce" => {
                    let template = "combine".to_owned();
                    segment.tail = LuaTail::Combine { template, keys: vec![1], code };
                }
                step => {
                    let (template, arguments) = (step.to_owned(), Vec::new());
                    segment.steps.push(LuaStep { template, arguments, code, guard: None });
                }
            }
        }
        let progress = Arc::new(Progress::default());
        Loop(Vm::new(&[], vec![segment], Vec::new(), LUA_BYTES, MAX_ROW, progress).expect(SOUND))
    }

    /// A task over lines, in blocks; the bytes of the rows out.
    pub fn run(&self, lines: &[u8]) -> usize {
        let mut bytes = 0;
        let mut out = |_: usize, frames: &mut Vec<u8>, _: u32| -> Result<(), Failure> {
            bytes += frames.len();
            Ok(())
        };
        self.0.begin_task(1).expect(SOUND);
        let mut rest = lines;
        while !rest.is_empty() {
            let most = &rest[..rest.len().min(BLOCK_BYTES)];
            let end = memchr::memrchr(b'\n', most).expect("lines are shorter than blocks") + 1;
            if self.0.push(0, Rows::lines(&rest[..end]), &mut out).is_err() {
                unreachable!("{SOUND}");
            }
            rest = &rest[end..];
        }
        self.0.finish(0, &mut out).expect(SOUND);
        bytes
    }
}

/// The exchange: tasks write sorted runs into one file, which is then merged.
pub struct Exchange {
    file: Arc<File>,
    store: RunStore,
    tasks: Vec<TaskRuns>,
}

impl Exchange {
    /// With an unnamed file of the temporary directory.
    pub fn open() -> Exchange {
        let file = Arc::new(tempfile::tempfile().expect("the temporary directory takes a file"));
        let copy = Arc::clone(&file);
        let get = move || {
            let file = copy.try_clone();
            Ok((0, file.map_err(|error| Failure::io("cannot share the file", &error))?))
        };
        Exchange { file, store: RunStore::new(Box::new(get)), tasks: Vec::new() }
    }

    /// One task's rows, sorted by the first column.
    pub fn write(&mut self, frames: &[u8], arena_bytes: usize) {
        let order = order(&[1]);
        let key_of = move |out: &mut Vec<u8>, payload: &[u8]| -> Result<(), Failure> {
            key::append_row_key(out, payload, &order).expect(SOUND);
            Ok(())
        };
        let mut writer = RunWriter::new(key_of, Keep::All, arena_bytes, self.store.clone());
        writer.push(Rows::frames(frames)).expect(SOUND);
        self.tasks.push(writer.finish().expect(SOUND));
    }

    /// All runs in the order of their keys; the bytes of the rows.
    pub fn merge(&self) -> usize {
        let mut inputs = Vec::new();
        for (task, runs) in (0..).zip(&self.tasks) {
            for (sequence, run) in (0..).zip(&runs.runs) {
                inputs.push(RunInput { task, sequence, run: run.clone() });
            }
        }
        let files = |_| Ok(Arc::clone(&self.file));
        let mut merge = Merge::open(inputs, &files, None, None, 4 << 20, Keep::All).expect(SOUND);
        let (mut frames, mut bytes) = (Vec::new(), 0);
        loop {
            frames.clear();
            merge.next_rows(Layout::Frames, &mut frames, BLOCK_BYTES).expect(SOUND);
            if frames.is_empty() {
                return bytes;
            }
            bytes += frames.len();
        }
    }
}
