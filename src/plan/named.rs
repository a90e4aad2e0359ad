//! Code in a plan: its name in a registry, and its arguments.
//!
//! A newcomer's trap: a plan is plain data, so it holds no code. Whoever runs it finds the code by
//! name; what a person wants to know of it stands beside it.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};

/// What code is told. [`fmt::Display`] says it to a person.
pub(crate) trait Arguments: Serialize + DeserializeOwned + fmt::Display {
    /// Where the registry has the code.
    const NAME: &'static str;
}

/// The name of some code, and its arguments.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Name {
    pub name: String,
    /// For people.
    pub shown: String,
    arguments: Bytes,
}

impl Name {
    pub(crate) fn new<A: Arguments>(arguments: &A) -> Name {
        Name {
            name: A::NAME.to_owned(),
            shown: arguments.to_string(),
            arguments: rmp_serde::to_vec(arguments).expect("arguments are plain data").into(),
        }
    }

    /// The arguments again.
    pub(crate) fn arguments<A: Arguments>(&self) -> Result<A, Failure> {
        rmp_serde::from_slice(&self.arguments).map_err(|error| {
            let message = format!("the plan's arguments of {} cannot be read: {error}", self.name);
            Failure::new(ErrorKind::Plan, message)
        })
    }

    /// What a registry says that has no such code.
    pub(crate) fn unknown(&self) -> Failure {
        let message = format!("the plan names code that is not here: {:?}", self.name);
        Failure::new(ErrorKind::Plan, message).hint("is the plan of another version of gleamflow?")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown)
    }
}

/// A function that finds code of one kind, by the name in a plan.
macro_rules! registry {
    ($(#[$doc:meta])* $find:ident, $kind:path: $($code:path),* $(,)?) => {
        $(#[$doc])*
        pub(crate) fn $find(
            name: &$crate::plan::named::Name,
        ) -> Result<Box<dyn $kind>, $crate::error::Failure> {
            let code: Box<dyn $kind> = match &*name.name {
                $(<$code as $crate::plan::named::Arguments>::NAME => {
                    Box::new(name.arguments::<$code>()?)
                })*
                _ => return Err(name.unknown()),
            };
            Ok(code)
        }
    };
}
pub(crate) use registry;
