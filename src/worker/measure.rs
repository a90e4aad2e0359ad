//! What the rows of a task have in common, for the operator behind an exchange.

use crate::error::Failure;
use crate::op::native::malformed;
use crate::plan::chain::KeyColumn;
use crate::plan::exchange::{Facts, Kinds};
use crate::row::msgpack::{self, Value};

/// Looks at rows before an exchange.
pub(crate) struct Measure {
    keys: Vec<u32>,
    facts: Facts,
}

impl Measure {
    pub(crate) fn new(order: &[KeyColumn]) -> Measure {
        let keys: Vec<u32> = order.iter().map(|key| key.column).collect();
        let facts = Facts { width: 0, kinds: vec![Kinds::default(); keys.len()] };
        Measure { keys, facts }
    }

    pub(crate) fn see(&mut self, row: &[u8]) -> Result<(), Failure> {
        let mut width = 0;
        for column in msgpack::columns(row) {
            let value = column.map_err(malformed)?;
            width += 1;
            for (key, kinds) in self.keys.iter().zip(&mut self.facts.kinds) {
                if *key == width {
                    kinds.add(kind_of(value)?);
                }
            }
        }
        self.facts.width = self.facts.width.max(width);
        Ok(())
    }

    pub(crate) fn facts(self) -> Facts {
        self.facts
    }
}

fn kind_of(value: &[u8]) -> Result<Kinds, Failure> {
    Ok(match msgpack::head(value).map_err(malformed)?.0 {
        Value::Str(_) | Value::Bin(_) => Kinds::TEXT,
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => Kinds::NUMBER,
        _ => Kinds::OTHER,
    })
}
