//! What a run has to tell when it is over: how many rows and bytes went where, and what that took.
//!
//! A newcomer's trap: these are plain numbers for people and for JSON; `local/tally.rs` collects
//! them while the run goes on.

use serde::{Deserialize, Serialize};

/// The sum of what user code has counted under one name.
///
/// Integers stay exact: a sum beyond 64 bits goes on as a double.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Counter {
    /// The sum of integers.
    Int(i64),
    /// A sum with a double in it.
    Float(f64),
}

impl Counter {
    /// A number of Lua's.
    pub(crate) fn of(number: f64) -> Counter {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match number.fract() == 0.0 && number.abs() <= EXACT {
            true => Counter::Int(number as i64),
            false => Counter::Float(number),
        }
    }

    pub(crate) fn add(&mut self, amount: Counter) {
        *self = match (*self, amount) {
            (Counter::Int(sum), Counter::Int(amount)) => match sum.checked_add(amount) {
                Some(sum) => Counter::Int(sum),
                None => Counter::Float(sum as f64 + amount as f64),
            },
            (sum, amount) => Counter::Float(sum.as_f64() + amount.as_f64()),
        };
    }

    /// The sum as a double.
    pub fn as_f64(self) -> f64 {
        match self {
            Counter::Int(sum) => sum as f64,
            Counter::Float(sum) => sum,
        }
    }
}
