//! Native code in a plan: its name in the registry of `op/native.rs`, and its arguments.
//!
//! A newcomer's trap: a plan is plain data, so it holds no code. Whoever runs it finds the code by
//! name; what a person or a pass wants to know of it stands beside it.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure, StepId};
use crate::row::layout::Layout;

/// What native code is told.
pub(crate) trait Arguments: Serialize + DeserializeOwned + fmt::Display {
    /// Where the registry has the code. [`fmt::Display`] says it to a person, with its arguments.
    const NAME: &'static str;

    /// How lines lie for which the step only means other borders between columns.
    fn view(&self) -> Option<Layout> {
        None
    }
}

/// A piece of native code and its arguments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Native {
    pub step: StepId,
    pub name: String,
    /// For people.
    pub shown: String,
    /// See [`Arguments::view`].
    pub view: Option<Layout>,
    arguments: Vec<u8>,
}

impl Native {
    pub(crate) fn new<A: Arguments>(step: StepId, arguments: &A) -> Native {
        Native {
            step,
            name: A::NAME.to_owned(),
            shown: arguments.to_string(),
            view: arguments.view(),
            arguments: rmp_serde::to_vec(arguments).expect("arguments are plain data"),
        }
    }

    /// The arguments again.
    pub(crate) fn arguments<A: Arguments>(&self) -> Result<A, Failure> {
        rmp_serde::from_slice(&self.arguments).map_err(|error| {
            let message = format!("the plan's arguments of {} cannot be read: {error}", self.name);
            Failure::new(ErrorKind::Plan, message)
        })
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Native({})", self.shown)
    }
}
