//! The graph under construction: what the builder methods have asked for, not yet lowered.
//!
//! A newcomer's trap: a node never changes once it is there, and its inputs are always older than
//! it. Reusing a dataset is a second node with the same input, and that is how a fork looks. Sinks
//! are no nodes: running a flow adds nothing to it.

use std::fmt;
use std::sync::Arc;

use crate::error::{Failure, Origin, StepId};
use crate::plan::lower::{Lower, Open};

/// A node's place in the graph.
pub(crate) type NodeId = usize;

/// What the builder methods have asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    /// The texts given to `lua` and `lua_file`, in order.
    pub shared: Vec<Shared>,
    /// What was wrong with a call that made no node.
    pub problem: Option<(Origin, Failure)>,
}

/// Lua that all tasks run before their steps.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub origin: Origin,
    pub text: String,
}

/// One operator of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub origin: Origin,
    pub inputs: Vec<NodeId>,
    /// How it becomes part of a plan, or what was wrong with the call, which is reported when the
    /// flow is compiled.
    pub operation: Result<Operation, Failure>,
}

/// Lowers one node: from the rows of its inputs to its own.
type LowerNode = dyn Fn(&mut Lower, StepId, Vec<Open>) -> Result<Open, Failure> + Send + Sync;

/// How an operator becomes part of a plan: in terms of the primitives of [`Lower`].
#[derive(Clone)]
pub(crate) struct Operation(Arc<LowerNode>);

impl Operation {
    /// An operator with `N` inputs.
    pub(crate) fn new<const N: usize>(
        lower: impl Fn(&mut Lower, StepId, [Open; N]) -> Result<Open, Failure> + Send + Sync + 'static,
    ) -> Operation {
        Operation(Arc::new(move |plan, step, inputs: Vec<Open>| {
            let inputs = inputs.try_into().ok().expect("a node has as many inputs as it was given");
            lower(plan, step, inputs)
        }))
    }

    /// An operator that takes whatever inputs it is given.
    pub(crate) fn of_any(
        lower: impl Fn(&mut Lower, StepId, Vec<Open>) -> Result<Open, Failure> + Send + Sync + 'static,
    ) -> Operation {
        Operation(Arc::new(lower))
    }

    pub(crate) fn lower(
        &self,
        plan: &mut Lower,
        step: StepId,
        inputs: Vec<Open>,
    ) -> Result<Open, Failure> {
        (self.0)(plan, step, inputs)
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operation")
    }
}
