//! The end of a chain: where rows leave a task.
//!
//! A newcomer's trap: nothing is kept back after a push, so that rows stream; only sorted runs
//! wait for the task's end.

use std::io;

use crate::error::{ErrorKind, Failed, Failure, StepId};
use crate::lua::Rows;
use crate::plan::chain::{Chain, Combine, KeyColumn, Tail};
use crate::plan::stage::RowKind;
use crate::row::block::Kind;
use crate::row::describe::{describe, describe_columns, describe_line};
use crate::row::format::Format;
use crate::row::frame::{self, Frames};
use crate::row::key;
use crate::row::line_key;
use crate::row::text;
use crate::worker::channel::Output;
use crate::worker::native::{as_frames, lines_of, malformed};
use crate::worker::runs::{RunStore, RunWriter};
use crate::worker::task::{Limits, TaskResult};

type KeyOf = Box<dyn FnMut(&mut Vec<u8>, &[u8]) -> Result<(), Failure>>;

/// The way to the engine.
pub(crate) struct Sending {
    pub task: u32,
    pub output: Output,
    /// Called after each block: lets other tasks work, and says when this one is to end.
    pub look_up: Box<dyn Fn() -> Result<(), Failure>>,
}

impl Sending {
    fn send(&self, kind: Kind, partition: u32, rows: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.output.send(kind, self.task, partition, rows, bytes).map_err(|error| lost(&error))?;
        (self.look_up)()
    }
}

/// Takes a task's rows.
pub(crate) struct TailSink {
    sending: Sending,
    limits: Limits,
    rows: u64,
    shape: Shape,
    buffer: Vec<u8>,
    converted: Vec<u8>,
}

enum Shape {
    Frames,
    Lines(StepId),
    Text(StepId, Format),
    Count,
    Partition(StepId, Vec<KeyColumn>, Vec<(Vec<u8>, u32)>),
    Runs(StepId, Box<RunWriter<KeyOf>>),
    /// Runs of lines as they are.
    RawRuns(StepId, Box<RunWriter<KeyOf>>),
}

/// How keys are found in rows: in frames, unless they are raw lines of some kind.
fn key_of(kind: Option<RowKind>, order: Vec<KeyColumn>) -> KeyOf {
    match kind {
        Some(RowKind::Lines) => Box::new(move |out, line| {
            line_key::append_line_key(out, line, &order);
            Ok(())
        }),
        Some(_) => Box::new(move |out, line| {
            line_key::append_columns_key(out, line, &order);
            Ok(())
        }),
        None => Box::new(move |out, payload| {
            key::append_row_key(out, payload, &order).map_err(malformed)
        }),
    }
}

impl TailSink {
    pub(crate) fn new(
        chain: &Chain,
        sending: Sending,
        limits: &Limits,
        store: &RunStore,
    ) -> Result<TailSink, Failure> {
        let shape = match &chain.tail {
            Tail::Frames => Shape::Frames,
            Tail::Lines { step } => Shape::Lines(*step),
            Tail::Text { step, format } => {
                let format = Format::parse(format).map_err(|error| {
                    Failure::new(ErrorKind::Plan, error.to_string()).at_step(*step)
                })?;
                Shape::Text(*step, format)
            }
            Tail::Count => Shape::Count,
            Tail::Partition { step, keys, count } => {
                let order = keys
                    .iter()
                    .map(|&column| KeyColumn { column, descending: false, numeric: false })
                    .collect();
                Shape::Partition(*step, order, vec![(Vec::new(), 0); *count as usize])
            }
            Tail::Runs { step, order, combine, raw } => {
                let kind = if *raw { chain.raw() } else { None };
                let key_of = key_of(kind, order.clone());
                let first_only = matches!(combine, Combine::First);
                let writer = RunWriter::new(key_of, first_only, limits.arena_bytes, store.clone());
                let writer = Box::new(writer);
                if *raw { Shape::RawRuns(*step, writer) } else { Shape::Runs(*step, writer) }
            }
        };
        Ok(TailSink {
            sending,
            limits: limits.clone(),
            rows: 0,
            shape,
            buffer: Vec::new(),
            converted: Vec::new(),
        })
    }

    /// Takes rows and sends what is ready to the engine.
    pub(crate) fn push(&mut self, rows: &Rows<'_>) -> Result<(), Failed> {
        match &mut self.shape {
            Shape::Lines(step) => {
                let step = *step;
                self.push_lines(rows).map_err(|failed| failed.at_step(step))
            }
            Shape::Text(step, _) => {
                let step = *step;
                self.push_text(rows).map_err(|failed| failed.at_step(step))
            }
            Shape::Count => {
                self.rows += match rows {
                    Rows::Lines(lines) | Rows::Columns(lines) => {
                        memchr::memchr_iter(b'\n', lines).count() as u64
                    }
                    Rows::Frames(frames) | Rows::Groups { frames, .. } => {
                        Frames::new(frames, usize::MAX).count() as u64
                    }
                };
                Ok(())
            }
            Shape::RawRuns(step, writer) => {
                let (Rows::Lines(lines) | Rows::Columns(lines)) = rows else {
                    unreachable!("a chain of raw lines has no steps that make frames")
                };
                writer.push_lines(lines).map_err(|failure| failure.at_step(*step))?;
                Ok(())
            }
            Shape::Frames | Shape::Partition(..) | Shape::Runs(..) => {
                let mut converted = std::mem::take(&mut self.converted);
                converted.clear();
                let result =
                    as_frames(rows, &mut converted).and_then(|frames| self.push_frames(frames));
                self.converted = converted;
                result
            }
        }
    }

    fn push_frames(&mut self, frames: &[u8]) -> Result<(), Failed> {
        match &mut self.shape {
            Shape::Frames => {
                let count = Frames::new(frames, usize::MAX).count();
                let rows = u32::try_from(count).expect("a block is far below 4 GiB");
                self.rows += u64::from(rows);
                if rows > 0 {
                    self.sending.send(Kind::Frames, 0, rows, frames)?;
                }
                Ok(())
            }
            Shape::Partition(step, order, parts) => {
                let mut key_bytes = Vec::new();
                for payload in Frames::new(frames, usize::MAX) {
                    let payload = payload.map_err(malformed)?;
                    key_bytes.clear();
                    key::append_row_key(&mut key_bytes, payload, order)
                        .map_err(|error| Failed::from(malformed(error)).at_step(*step))?;
                    let part = key::hash(&key_bytes) % parts.len() as u64;
                    let (bytes, rows) = &mut parts[part as usize];
                    frame::put(bytes, payload).map_err(malformed)?;
                    *rows += 1;
                    self.rows += 1;
                }
                for (part, (bytes, rows)) in (0..).zip(parts) {
                    if *rows > 0 {
                        self.sending.send(Kind::Frames, part, *rows, bytes)?;
                        bytes.clear();
                        *rows = 0;
                    }
                }
                Ok(())
            }
            Shape::Runs(step, writer) => {
                writer.push(frames).map_err(|failure| failure.at_step(*step))?;
                Ok(())
            }
            Shape::Lines(_) | Shape::Text(..) | Shape::Count | Shape::RawRuns(..) => {
                unreachable!("these take rows as they come")
            }
        }
    }

    fn push_lines(&mut self, rows: &Rows<'_>) -> Result<(), Failed> {
        let frames = match rows {
            // One column goes in verbatim, and columns that are joined by TAB already are.
            Rows::Lines(lines) | Rows::Columns(lines) => {
                let rows = u32::try_from(memchr::memchr_iter(b'\n', lines).count())
                    .expect("a block is far below 4 GiB");
                self.rows += u64::from(rows);
                return Ok(self.sending.send(Kind::Columns, 0, rows, lines)?);
            }
            Rows::Frames(frames) | Rows::Groups { frames, .. } => frames,
        };
        self.each(frames, Kind::Columns, |payload, out| {
            text::append_line(out, payload).map_err(|error| {
                let failure = Failure::new(ErrorKind::Row, error.to_string());
                match error.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            })
        })
    }

    fn push_text(&mut self, rows: &Rows<'_>) -> Result<(), Failed> {
        let Shape::Text(_, format) = &self.shape else { unreachable!("asked for by its shape") };
        let refused = |error: crate::row::format::RowFormatError| {
            Failure::new(ErrorKind::Row, error.to_string())
        };
        let (lines, split) = match rows {
            Rows::Frames(frames) | Rows::Groups { frames, .. } => {
                let format = format.clone();
                return self.each(frames, Kind::Text, |payload, out| {
                    format.append(out, payload).map_err(refused)
                });
            }
            Rows::Lines(lines) => (lines, false),
            Rows::Columns(lines) => (lines, true),
        };
        let mut count = 0;
        let mut failed = None;
        for line in lines_of(lines) {
            if let Err(error) = format.append_line_columns(&mut self.buffer, line, split) {
                let shown = if split { describe_columns } else { describe_line };
                failed = Some(Failed::from(refused(error)).at_row(count, || shown(line)));
                break;
            }
            count += 1;
        }
        self.send_buffer(Kind::Text, count)?;
        failed.map_or(Ok(()), Err)
    }

    /// Writes each row and sends them in blocks; rows before a failing one are sent.
    fn each(
        &mut self,
        frames: &[u8],
        kind: Kind,
        mut write: impl FnMut(&[u8], &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failed> {
        let mut count = 0;
        for (index, payload) in (0..).zip(Frames::new(frames, usize::MAX)) {
            let payload = payload.map_err(malformed)?;
            let before = self.buffer.len();
            if let Err(failure) = write(payload, &mut self.buffer) {
                self.buffer.truncate(before);
                self.send_buffer(kind, count)?;
                return Err(Failed::from(failure).at_row(index, || describe(payload)));
            }
            count += 1;
            if self.buffer.len() >= self.limits.block_bytes {
                self.send_buffer(kind, count)?;
                count = 0;
            }
        }
        Ok(self.send_buffer(kind, count)?)
    }

    fn send_buffer(&mut self, kind: Kind, rows: u32) -> Result<(), Failure> {
        if rows > 0 {
            self.rows += u64::from(rows);
            self.sending.send(kind, 0, rows, &self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }

    /// The task's input is complete.
    pub(crate) fn finish(&mut self) -> Result<TaskResult, Failure> {
        let runs = match std::mem::replace(&mut self.shape, Shape::Count) {
            Shape::Runs(step, writer) | Shape::RawRuns(step, writer) => {
                Some(writer.finish().map_err(|failure| failure.at_step(step))?)
            }
            _ => None,
        };
        Ok(TaskResult { rows: self.rows, runs, merged: None })
    }
}

/// The engine has gone; there is nobody left to tell.
pub(crate) fn lost(error: &io::Error) -> Failure {
    Failure::io("cannot write to the engine", error)
}
