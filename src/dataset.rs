//! [`Dataset`]: a handle on the rows that one operator of a flow gives.
//!
//! A newcomer's trap: the methods stand in `op/` (steps), `source/` and `sink/` (terminals), each
//! with the thing it builds. Using a dataset twice computes it once.

use std::fmt;
use std::panic::Location;

use crate::error::{Failure, Origin};
use crate::flow::Flow;
use crate::plan::chain::Code;
use crate::plan::graph::{NodeId, Operation};
use crate::script::Script;

/// An ordered sequence of rows, not computed yet: what an operator of a [`Flow`] gives.
///
/// ```
/// use gleamflow::Flow;
///
/// let lines = Flow::new().lines(["b", "a", "b"]);
/// assert_eq!(lines.count()?, 3);
/// assert_eq!(lines.distinct().collect::<String>()?, ["a", "b"]);
/// # Ok::<(), gleamflow::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a dataset is computed by a terminal such as `save_text_to`, or by `Flow::run`"]
pub struct Dataset {
    pub(crate) flow: Flow,
    pub(crate) node: NodeId,
}

impl Dataset {
    pub(crate) fn new(flow: Flow, node: NodeId) -> Dataset {
        Dataset { flow, node }
    }

    /// Adds an operator that reads these rows.
    pub(crate) fn add(
        &self,
        operator: &str,
        caller: &Location<'_>,
        operation: Operation,
    ) -> Dataset {
        self.flow.add(Origin::new(operator, caller), Some(self.node), |_| Ok(operation))
    }

    /// Adds an operator whose arguments may have been wrong.
    pub(crate) fn try_add(
        &self,
        operator: &str,
        caller: &Location<'_>,
        operation: Result<Operation, Failure>,
    ) -> Dataset {
        self.flow.add(Origin::new(operator, caller), Some(self.node), |_| operation)
    }

    /// Adds an operator with a Lua function.
    pub(crate) fn add_lua(
        &self,
        operator: &str,
        caller: &Location<'_>,
        script: Script,
        operation: impl FnOnce(Code) -> Result<Operation, Failure>,
    ) -> Dataset {
        let origin = script.origin(operator, caller);
        self.flow
            .add(origin, Some(self.node), |step| operation(Code { step, text: script.into_text() }))
    }

    /// The flow that these rows belong to: for more sources, or to run attached sinks.
    pub fn flow(&self) -> Flow {
        self.flow.clone()
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset").field("node", &self.node).finish_non_exhaustive()
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").finish_non_exhaustive()
    }
}
