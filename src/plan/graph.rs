//! The graph under construction: what the builder methods have asked for, not yet checked.
//!
//! A newcomer's trap: a node never changes once it is there. Reusing a dataset is a second node
//! with the same input, and that is how a fork looks.

use bytes::Bytes;

use crate::error::{Failure, Origin};
use crate::plan::chain::{Code, KeyColumn};

/// A node's number; also the number of the step in errors.
pub(crate) type NodeId = u32;

/// What the builder methods have asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    /// The texts given to `lua` and `lua_file`, in order.
    pub shared: Vec<Code>,
    /// Where each node (and each shared text) was asked for; indexed by step.
    pub origins: Vec<Origin>,
    /// What was wrong with a call that made no node.
    pub problem: Option<Failure>,
}

/// One operator of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub step: NodeId,
    pub input: Option<NodeId>,
    pub operation: Operation,
    /// What was wrong with the call itself; reported when the flow is compiled.
    pub problem: Option<Failure>,
}

/// What one operator does.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    TextFile { patterns: Vec<std::path::PathBuf> },
    Lines { text: Bytes, rows: u64 },
    Rows { frames: Bytes, rows: u64 },
    Range { first: i64, end: i64 },
    Reader { slot: usize },
    Map(Code),
    FlatMap(Code),
    Filter(Code),
    ForEach(Code),
    Select(Vec<u32>),
    Split(Vec<u8>),
    Numbers(Vec<u32>),
    Reduce { keys: Vec<u32>, code: Code },
    Fold { code: Code },
    Distinct,
    Sort(Vec<KeyColumn>),
    Limit(u64),
    Partition { keys: Vec<u32>, count: u32 },
    RoundRobin { count: u32 },
    Pipe(String),
    PipeAsArgs(String),
    PipeRows(String),
}

impl Graph {
    /// Enters a place of the user's program and gives it a step number.
    pub(crate) fn step(&mut self, origin: Origin) -> NodeId {
        self.origins.push(origin);
        u32::try_from(self.origins.len() - 1).expect("fewer than 2^32 steps")
    }

    pub(crate) fn node(&self, step: NodeId) -> &Node {
        self.nodes.iter().find(|node| node.step == step).expect("datasets name nodes of their flow")
    }
}
