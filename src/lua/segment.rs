//! A segment: neighbouring Lua steps of a chain, run in one loop without encoding between them.
//!
//! A newcomer's trap: the head says how rows reach the segment, not where the chain begins; behind
//! a native step it is always frames or lines of that step.

use crate::plan::chain::{Code, Head, LuaStep};
use crate::row::written::Written;

/// How the rows of a segment leave.
#[derive(Clone, Debug)]
pub(crate) enum LuaTail {
    /// As they come, in frames.
    Frames,
    /// As they come, written as text.
    Written(Written),
    /// In frames, folded where the columns `keys` (from 1) are equal, with the keys first, by
    /// `lua/tails/TEMPLATE.lua`.
    Combine { template: String, keys: Vec<u32>, code: Code },
}

/// What one loop does.
#[derive(Clone, Debug)]
pub(crate) struct LuaSegment {
    /// How rows reach it.
    pub head: Head,
    pub steps: Vec<LuaStep>,
    pub tail: LuaTail,
}
