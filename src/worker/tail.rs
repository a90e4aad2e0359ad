//! The end of a chain: where rows leave a task.
//!
//! A newcomer's trap: nothing is kept back after a push, so that rows stream; only sorted runs
//! wait for the task's end.

use std::io;

use crate::error::{Failed, Failure, StepId};
use crate::lua::Rows;
use crate::plan::chain::{Chain, KeyColumn, Tail};
use crate::plan::stage::RowKind;
use crate::row::block::Kind;
use crate::row::frame::{self, FrameError, Frames};
use crate::row::key;
use crate::row::line_key;
use crate::row::written::Written;
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
    /// Text of this kind of block.
    Written(Kind, Written),
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
            Tail::Lines { step } => Shape::Written(Kind::Columns, Written::lines(*step)),
            Tail::Text { step, format } => {
                Shape::Written(Kind::Text, Written::formatted(*step, format)?)
            }
            Tail::Count => Shape::Count,
            Tail::Partition { step, keys, count } => {
                let order = keys.iter().map(|&column| KeyColumn::ascending(column)).collect();
                Shape::Partition(*step, order, vec![(Vec::new(), 0); *count as usize])
            }
            Tail::Runs { step, order, keep, raw, .. } => {
                let kind = if *raw { chain.raw() } else { None };
                let key_of = key_of(kind, order.clone());
                let writer = RunWriter::new(key_of, *keep, limits.arena_bytes, store.clone());
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
            Shape::Written(..) => self.write(rows),
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
            Shape::Written(..) | Shape::Count | Shape::RawRuns(..) => {
                unreachable!("these take rows as they come")
            }
        }
    }

    /// Takes rows that have been written as this tail wants them.
    pub(crate) fn push_written(&mut self, text: &[u8], rows: u32) -> Result<(), Failure> {
        let Shape::Written(kind, _) = self.shape else { unreachable!("asked for by its shape") };
        if rows > 0 {
            self.rows += u64::from(rows);
            self.sending.send(kind, 0, rows, text)?;
        }
        Ok(())
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<(), Failed> {
        let Shape::Written(_, written) = &self.shape else {
            unreachable!("asked for by its shape")
        };
        match rows {
            Rows::Lines(lines) | Rows::Columns(lines) if written.keeps_lines() => {
                let count = memchr::memchr_iter(b'\n', lines).count();
                let count = u32::try_from(count).expect("a block is far below 4 GiB");
                Ok(self.push_written(lines, count)?)
            }
            Rows::Lines(lines) => self.each(lines_of(lines).map(Ok), |written, line, out| {
                written.append_raw(out, line, false)
            }),
            Rows::Columns(lines) => self.each(lines_of(lines).map(Ok), |written, line, out| {
                written.append_raw(out, line, true)
            }),
            Rows::Frames(frames) | Rows::Groups { frames, .. } => self
                .each(Frames::new(frames, usize::MAX), |written, payload, out| {
                    written.append(out, payload)
                }),
        }
    }

    /// Writes each row and sends them in blocks; rows before a failing one are sent.
    fn each<'a>(
        &mut self,
        rows: impl Iterator<Item = Result<&'a [u8], FrameError>>,
        write: impl Fn(&Written, &[u8], &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failed> {
        let mut count = 0;
        for (index, row) in (0..).zip(rows) {
            let row = row.map_err(malformed)?;
            let Shape::Written(_, written) = &self.shape else {
                unreachable!("asked for by its shape")
            };
            if let Err(failure) = write(written, row, &mut self.buffer) {
                self.send_buffer(count)?;
                return Err(Failed { failure, row: Some(index) });
            }
            count += 1;
            if self.buffer.len() >= self.limits.block_bytes {
                self.send_buffer(count)?;
                count = 0;
            }
        }
        Ok(self.send_buffer(count)?)
    }

    fn send_buffer(&mut self, rows: u32) -> Result<(), Failure> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let sent = self.push_written(&buffer, rows);
        buffer.clear();
        self.buffer = buffer;
        sent
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

/// How a tail that wants text has its rows written.
pub(crate) fn written(tail: &Tail) -> Result<Option<Written>, Failure> {
    Ok(match tail {
        Tail::Lines { step } => Some(Written::lines(*step)),
        Tail::Text { step, format } => Some(Written::formatted(*step, format)?),
        _ => None,
    })
}

/// The engine has gone; there is nobody left to tell.
pub(crate) fn lost(error: &io::Error) -> Failure {
    Failure::io("cannot write to the engine", error)
}
