//! [`Dataset`]: a handle on the rows that one operator of a flow gives.
//!
//! A newcomer's trap: the methods stand in `op/` (steps), `source/` and `sink/` (terminals), each
//! with the thing it builds. Using a dataset twice computes it once.

use std::fmt;
use std::panic::Location;

use crate::error::{Failure, Origin, StepId};
use crate::flow::Flow;
use crate::plan::chain::Code;
use crate::plan::graph::{NodeId, Operation};
use crate::plan::lower::{Lower, Open};
use crate::script::Script;

/// An ordered sequence of rows, not computed yet: what an operator of a [`Flow`] gives.
///
/// A handle: methods leave it as it is and give another one, and what is used twice in a run is
/// computed once. Below come the steps (in Lua, on columns, with side tables, by key and in order,
/// groups, joins, windows, by place, with two datasets, shell commands, partitions), then what runs
/// them, which is called a terminal. Steps never fail; what is wrong with one is an
/// [`Error`](crate::Error) of the terminal.
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
        lower: impl Fn(&mut Lower, StepId, Open) -> Result<Open, Failure> + Send + Sync + 'static,
    ) -> Dataset {
        let operation = Operation::new(move |plan, step, [rows]| lower(plan, step, rows));
        self.flow.add(Origin::new(operator, caller), [self], Ok(operation))
    }

    /// Adds an operator whose arguments may have been wrong.
    pub(crate) fn try_add<A: Send + Sync + 'static>(
        &self,
        operator: &str,
        caller: &Location<'_>,
        arguments: Result<A, Failure>,
        lower: impl Fn(&mut Lower, StepId, Open, &A) -> Open + Send + Sync + 'static,
    ) -> Dataset {
        let operation = arguments.map(|arguments| {
            Operation::new(move |plan, step, [rows]| Ok(lower(plan, step, rows, &arguments)))
        });
        self.flow.add(Origin::new(operator, caller), [self], operation)
    }

    /// Adds an operator that reads these rows and those of another dataset.
    pub(crate) fn add_two(
        &self,
        operator: &str,
        caller: &Location<'_>,
        other: &Dataset,
        lower: impl Fn(&mut Lower, StepId, [Open; 2]) -> Result<Open, Failure> + Send + Sync + 'static,
    ) -> Dataset {
        self.flow.add(Origin::new(operator, caller), [self, other], Ok(Operation::new(lower)))
    }

    /// Adds an operator with a Lua function.
    pub(crate) fn add_lua(
        &self,
        operator: &str,
        caller: &Location<'_>,
        script: Script,
        lower: impl Fn(&mut Lower, Open, Code) -> Result<Open, Failure> + Send + Sync + 'static,
    ) -> Dataset {
        self.try_add_lua(operator, caller, Ok(script), lower)
    }

    /// Adds an operator with a Lua function, whose arguments may have been wrong.
    pub(crate) fn try_add_lua(
        &self,
        operator: &str,
        caller: &Location<'_>,
        script: Result<Script, Failure>,
        lower: impl Fn(&mut Lower, Open, Code) -> Result<Open, Failure> + Send + Sync + 'static,
    ) -> Dataset {
        let script = match script {
            Ok(script) => script,
            Err(failure) => {
                return self.flow.add(Origin::new(operator, caller), [self], Err(failure));
            }
        };
        let origin = script.origin(operator, caller);
        let text = script.into_text();
        let operation = Operation::new(move |plan, step, [rows]| {
            let code = plan.code(step, &text);
            lower(plan, rows, code)
        });
        self.flow.add(origin, [self], Ok(operation))
    }

    /// The flow that these rows belong to: for more sources, or to run attached sinks.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let small = Flow::new().range(0..2);
    /// let large = small.flow().range(10..12);
    /// assert_eq!(small.union(&large).count()?, 4);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
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
