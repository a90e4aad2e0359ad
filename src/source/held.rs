//! What only the program itself has, such as a reader that it handed over: a plan names it by
//! number.

use std::any::Any;
use std::sync::Arc;

use crate::error::{ErrorKind, Failure};

/// Things of the program, by number.
#[derive(Clone, Default)]
pub(crate) struct Held(Vec<Arc<dyn Any + Send + Sync>>);

impl Held {
    /// Holds something, and gives its number.
    pub(crate) fn put(&mut self, thing: impl Any + Send + Sync) -> usize {
        self.0.push(Arc::new(thing));
        self.0.len() - 1
    }

    pub(crate) fn get<T: Any + Send + Sync>(&self, number: usize) -> Result<Arc<T>, Failure> {
        let thing = self.0.get(number).cloned().and_then(|thing| thing.downcast().ok());
        thing.ok_or_else(|| {
            Failure::new(ErrorKind::Plan, "the plan reads what only the program that made it has")
        })
    }
}
