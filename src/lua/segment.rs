//! A segment: neighbouring Lua steps of a chain, run in one loop without encoding between them.
//!
//! A newcomer's trap: the head says how rows reach the segment, not where the chain begins; behind
//! a native step it is always frames or lines of that step.

use crate::plan::chain::{Code, Head};
use crate::row::written::Written;

/// One step of user code.
#[derive(Clone, Debug)]
pub(crate) enum LuaStep {
    Map(Code),
    FlatMap(Code),
    Filter(Code),
    ForEach(Code),
}

impl LuaStep {
    /// The Lua file of the step's loop part, and its code.
    pub(super) fn parts(&self) -> (&'static str, &Code) {
        match self {
            LuaStep::Map(code) => ("map", code),
            LuaStep::FlatMap(code) => ("flat_map", code),
            LuaStep::Filter(code) => ("filter", code),
            LuaStep::ForEach(code) => ("for_each", code),
        }
    }
}

/// How the rows of a segment leave.
#[derive(Clone, Debug)]
pub(crate) enum LuaTail {
    /// As they come, in frames.
    Frames,
    /// As they come, written as text.
    Written(Written),
    /// In frames, folded where the columns `keys` (from 1) are equal, with the keys first.
    Combine { keys: Vec<u32>, code: Code },
}

/// What one loop does.
#[derive(Clone, Debug)]
pub(crate) struct LuaSegment {
    /// How rows reach it.
    pub head: Head,
    pub steps: Vec<LuaStep>,
    pub tail: LuaTail,
}
