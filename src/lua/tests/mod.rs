//! Golden tests of what user code may rely on; the expected rows stand in the tests as text.
//!
//! A newcomer's trap: a row is shown as its columns joined by `|`, each as rmpv shows it, so that
//! text is in quotes and 1 is not 1.0.

mod columns;
mod environment;
mod errors;
mod layouts;
mod lazy;
mod lists;
mod loops;
mod patterns;
mod reduce;
mod shapes;
mod steps;
mod stops;
mod tables;
mod written;

use crate::error::Failed;
use std::sync::Arc;

use super::*;
use crate::error::Failure;
use crate::plan::chain::{Code, Head, LuaStep};
use crate::plan::exchange::{Group, LuaGroup};
use crate::row::layout::{Layout, Rows};

const MEMORY: usize = 64 << 20;
const MAX_ROW: usize = 1 << 20;

fn code(step: u32, text: &str) -> Code {
    Code { step, text: text.to_owned(), seed: step.into(), tables: Vec::new() }
}

fn lua_step(template: &str, code: Code) -> LuaStep {
    LuaStep { template: template.to_owned(), arguments: Vec::new(), code, guard: None }
}

fn map(step: u32, text: &str) -> LuaStep {
    lua_step("map", code(step, text))
}

fn flat_map(step: u32, text: &str) -> LuaStep {
    lua_step("flat_map", code(step, text))
}

fn segment(head: Head, steps: Vec<LuaStep>) -> LuaSegment {
    LuaSegment { head, steps, tail: LuaTail::Frames }
}

fn lines(steps: Vec<LuaStep>) -> LuaSegment {
    segment(Head::Rows(Layout::Lines), steps)
}

fn combine_tail(keys: &[u32], text: &str) -> LuaTail {
    let template = "combine".to_owned();
    LuaTail::Combine { template, keys: keys.to_vec(), code: code(90, text) }
}

fn combine(steps: Vec<LuaStep>, keys: &[u32], text: &str) -> LuaSegment {
    let head = Head::Rows(Layout::Lines);
    LuaSegment { head, steps, tail: combine_tail(keys, text) }
}

fn vm_with(shared: &[Code], segments: Vec<LuaSegment>) -> Vm {
    let progress = Arc::new(Progress::default());
    Vm::new(shared, segments, Vec::new(), MEMORY, MAX_ROW, progress).expect("compiles")
}

fn vm(segment: LuaSegment) -> Vm {
    vm_with(&[], vec![segment])
}

/// The rows of some frames as text.
fn show(frames: &[u8]) -> Vec<String> {
    let mut rows = Vec::new();
    for payload in Rows::frames(frames).each() {
        let mut payload = payload.expect("whole frames");
        let mut columns = Vec::new();
        while !payload.is_empty() {
            columns.push(rmpv::decode::read_value(&mut payload).expect("a value").to_string());
        }
        rows.push(columns.join("|"));
    }
    rows
}

/// A frame of values.
fn frame(values: &[rmpv::Value]) -> Vec<u8> {
    let mut payload = Vec::new();
    for value in values {
        rmpv::encode::write_value(&mut payload, value).expect("a vector takes all");
    }
    let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
    frame.extend(payload);
    frame
}

/// One task over some rows: begin, push, finish.
fn task(vm: &Vm, rows: Rows<'_>) -> Result<Vec<String>, Failed> {
    vm.begin_task(7).map_err(|failure| Failed { failure, row: None })?;
    let mut all = Vec::new();
    let mut out = |_: usize, frames: &mut Vec<u8>, rows: u32| -> Result<(), Failure> {
        let shown = show(frames);
        assert_eq!(shown.len(), rows as usize);
        all.extend(shown);
        Ok(())
    };
    vm.push(0, rows, &mut out)?;
    vm.finish(0, &mut out)?;
    Ok(all)
}

/// The rows that come of lines, a row per line of text.
fn rows_of(segment: LuaSegment, input: &str) -> String {
    match task(&vm(segment), Rows::lines(input.as_bytes())) {
        Ok(rows) => rows.join("\n"),
        Err(failed) => format!("error: {}", failed.failure.message),
    }
}

/// What a map over one line `x` gives.
fn mapped(text: &str) -> String {
    rows_of(lines(vec![map(1, text)]), "x\n")
}

fn flat_mapped(text: &str) -> String {
    rows_of(lines(vec![flat_map(1, text)]), "x\n")
}

fn fails(segment: LuaSegment, input: &str) -> Failed {
    task(&vm(segment), Rows::lines(input.as_bytes())).expect_err("the task must fail")
}
