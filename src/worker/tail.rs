//! The end of a chain: where rows leave a task.
//!
//! A newcomer's trap: nothing is kept back after a push, so that rows stream; only sorted runs
//! wait for the task's end.

use std::io;

use crate::error::{ErrorKind, Failed, Failure, StepId};
use crate::plan::chain::{Chain, KeyColumn, Tail};
use crate::plan::writing::Writing;
use crate::row::block::{Content, LETTERS};
use crate::row::describe::describe;
use crate::row::key;
use crate::row::layout::{Layout, Rows};
use crate::row::line_key;
use crate::row::written::Written;
use crate::sink::registry::row_format;
use crate::worker::channel::Output;
use crate::worker::measure::Measure;
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
    fn send(&self, layout: Layout, partition: u32, rows: u32, bytes: &[u8]) -> Result<(), Failure> {
        let content = Content::Rows(layout);
        self.output
            .send(content, self.task, partition, rows, bytes)
            .map_err(|error| lost(&error))?;
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
    /// Lines that lie like this.
    Written(Layout, Written),
    Count,
    Partition(StepId, Vec<KeyColumn>, Vec<(Vec<u8>, u32)>),
    Runs {
        step: StepId,
        writer: Box<RunWriter<KeyOf>>,
        measure: Option<Measure>,
        /// Of the lines as they came.
        raw: bool,
    },
}

/// How keys are found in rows.
fn key_of(layout: Layout, order: Vec<KeyColumn>) -> KeyOf {
    match layout {
        Layout::Lines | Layout::Text => {
            Box::new(move |out, line| Ok(line_key::append_line_key(out, line, &order)?))
        }
        Layout::Columns => {
            Box::new(move |out, line| Ok(line_key::append_columns_key(out, line, &order)?))
        }
        Layout::Frames => Box::new(move |out, payload| key::append_row_key(out, payload, &order)),
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
            Tail::Written(writing) => Shape::Written(writing.format.layout, written(writing)?),
            Tail::Count => Shape::Count,
            Tail::Partition { step, keys, count } => {
                let order = keys.iter().map(|&column| KeyColumn::ascending(column)).collect();
                Shape::Partition(*step, order, vec![(Vec::new(), 0); *count as usize])
            }
            Tail::Runs { step, order, keep, measured, raw, .. } => {
                let layout = chain.raw().filter(|_| *raw).unwrap_or(Layout::Frames);
                let key_of = key_of(layout, order.clone());
                let writer = RunWriter::new(key_of, *keep, limits.arena_bytes, store.clone());
                let measure = measured.then(|| Measure::new(order));
                Shape::Runs { step: *step, writer: Box::new(writer), measure, raw: *raw }
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
    pub(crate) fn push(&mut self, rows: Rows<'_>) -> Result<(), Failed> {
        match &mut self.shape {
            Shape::Written(..) => self.write(rows),
            Shape::Count => {
                self.rows += u64::from(rows.count());
                Ok(())
            }
            Shape::Runs { step, writer, raw: true, .. } => {
                writer.push(rows).map_err(|failed| failed.at_step(*step))
            }
            Shape::Frames | Shape::Partition(..) | Shape::Runs { .. } => {
                let mut converted = std::mem::take(&mut self.converted);
                converted.clear();
                let frames = rows.as_frames(&mut converted).map_err(Failed::from);
                let result = frames.and_then(|frames| self.push_frames(Rows::frames(frames)));
                self.converted = converted;
                result
            }
        }
    }

    fn push_frames(&mut self, frames: Rows<'_>) -> Result<(), Failed> {
        match &mut self.shape {
            Shape::Frames => {
                let rows = frames.count();
                self.rows += u64::from(rows);
                if rows > 0 {
                    self.sending.send(Layout::Frames, 0, rows, frames.bytes)?;
                }
                Ok(())
            }
            Shape::Partition(step, order, parts) => {
                let (mut key_bytes, mut index) = (Vec::new(), 0);
                frames.try_each_whole(|payload, frame| {
                    key_bytes.clear();
                    key::append_row_key(&mut key_bytes, payload, order).map_err(|failure| {
                        let failed = Failed::from(failure).at_step(*step);
                        failed.at_row(index, || describe(payload))
                    })?;
                    index += 1;
                    let part = key::hash(&key_bytes) % parts.len() as u64;
                    let (bytes, rows) = &mut parts[part as usize];
                    bytes.extend_from_slice(frame);
                    *rows += 1;
                    self.rows += 1;
                    Ok::<(), Failed>(())
                })?;
                for (part, (bytes, rows)) in (0..).zip(parts) {
                    if *rows > 0 {
                        self.sending.send(Layout::Frames, part, *rows, bytes)?;
                        bytes.clear();
                        *rows = 0;
                    }
                }
                Ok(())
            }
            Shape::Runs { step, writer, measure, .. } => {
                // A row that lacks a key column is an error that comes from here.
                writer.push(frames).map_err(|failed| failed.at_step(*step))?;
                match measure {
                    Some(measure) => frames.try_each(|row| Ok(measure.see(row)?)),
                    None => Ok(()),
                }
            }
            Shape::Written(..) | Shape::Count => {
                unreachable!("these take rows as they come")
            }
        }
    }

    /// Takes rows that have been written as this tail wants them.
    pub(crate) fn push_written(&mut self, text: &[u8], rows: u32) -> Result<(), Failure> {
        let Shape::Written(layout, _) = self.shape else { unreachable!("asked for by its shape") };
        if rows > 0 {
            self.rows += u64::from(rows);
            self.sending.send(layout, 0, rows, text)?;
        }
        Ok(())
    }

    /// Sends rows that the task has left out, which are none of its own.
    pub(crate) fn send_letters(&self, rows: u32, letters: &[u8]) -> Result<(), Failure> {
        self.sending.send(Layout::Frames, LETTERS, rows, letters)
    }

    fn write(&mut self, rows: Rows<'_>) -> Result<(), Failed> {
        let Shape::Written(_, written) = &self.shape else {
            unreachable!("asked for by its shape")
        };
        match rows.layout {
            Layout::Frames => self.each(rows, |written, row, out| written.append(out, row)),
            _ if written.keeps_lines() => Ok(self.push_written(rows.bytes, rows.count())?),
            Layout::Columns => {
                self.each(rows, |written, row, out| written.append_raw(out, row, true))
            }
            Layout::Lines | Layout::Text => {
                self.each(rows, |written, row, out| written.append_raw(out, row, false))
            }
        }
    }

    /// Writes each row and sends them in blocks; rows before a failing one are sent.
    fn each(
        &mut self,
        rows: Rows<'_>,
        write: impl Fn(&Written, &[u8], &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failed> {
        let (mut index, mut count) = (0, 0);
        let written = rows.try_each(|row| {
            let Shape::Written(_, written) = &self.shape else {
                unreachable!("asked for by its shape")
            };
            write(written, row, &mut self.buffer)
                .map_err(|failure| Failed { failure, row: Some(index) })?;
            index += 1;
            count += 1;
            if self.buffer.len() >= self.limits.block_bytes {
                self.send_buffer(std::mem::take(&mut count))?;
            }
            Ok(())
        });
        self.send_buffer(count)?;
        written
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
            Shape::Runs { step, writer, measure, .. } => {
                let mut runs = writer.finish().map_err(|failure| failure.at_step(step))?;
                runs.facts = measure.map(Measure::facts).unwrap_or_default();
                Some(runs)
            }
            _ => None,
        };
        Ok(TaskResult { rows: self.rows, runs, ..TaskResult::default() })
    }
}

/// What writes the rows of a tail that wants text.
pub(crate) fn written(writing: &Writing) -> Result<Written, Failure> {
    let writer = row_format(&writing.format.code).and_then(|format| format.writer());
    let writer = writer.map_err(|failure| failure.at_step(writing.step))?;
    Ok(Written::new(writing.step, writer))
}

/// A task that was ended because nobody wants its rows; nobody is told.
pub(super) fn dropped() -> Failure {
    Failure::new(ErrorKind::Worker, "the task was dropped")
}

/// The engine has gone; there is nobody left to tell.
pub(crate) fn lost(error: &io::Error) -> Failure {
    Failure::io("cannot write to the engine", error)
}
