//! What `map_rows`, `filter_rows` and `flat_map_rows` have in common: rows into the program's types
//! and back.
//!
//! A newcomer's trap: a closure is called on several threads at once, on different rows; what comes
//! of it is put in order by the engine.

use std::fmt::Display;
use std::panic::Location;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::plan::closure::{Closure, Code, Passing};
use crate::row::frame;
use crate::row::layout::Layout;
use crate::row::typed;

impl Dataset {
    /// Adds a closure as a step. `keeps_rows`: see [`Closure`].
    pub(crate) fn add_closure(
        &self,
        operator: &str,
        caller: &Location<'_>,
        code: Code,
        keeps_rows: bool,
    ) -> Dataset {
        let number = self.flow.state().held.put(code);
        self.add(operator, caller, move |plan, step, rows| {
            let names = keeps_rows.then(|| rows.names().clone());
            let rows = plan.closure(rows, Closure { step, number, keeps_rows });
            Ok(rows.named(names.unwrap_or_default()))
        })
    }
}

/// Decodes a row.
#[inline]
pub(crate) fn decode<T: DeserializeOwned>(
    layout: Layout,
    row: &[u8],
    columns: &mut Vec<u8>,
) -> Result<T, Failure> {
    let payload = match layout {
        Layout::Frames => row,
        _ => {
            columns.clear();
            layout.put_columns(row, columns);
            columns
        }
    };
    typed::from_payload(payload).map_err(|error| error.failure(ErrorKind::Row))
}

/// Appends a row.
#[inline]
pub(crate) fn encode<U: Serialize>(rows: &mut Passing<'_>, row: &U) -> Result<(), Failure> {
    let start = frame::begin(rows.out);
    typed::to_payload(rows.out, row).map_err(|error| error.failure(ErrorKind::Row))?;
    if rows.out.len() - start - frame::LENGTH_BYTES > rows.max_row {
        return Err(frame::too_large().failure);
    }
    frame::end(rows.out, start)?;
    rows.row_ended();
    Ok(())
}

/// What a closure's own error becomes.
#[cold]
pub(crate) fn refused(error: impl Display) -> Failure {
    Failure::new(ErrorKind::Closure, error.to_string())
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use crate::plan::compile::{SinkRows, compile};
    use crate::{Dataset, Flow};

    /// What an engine that sends plans away is told.
    fn refused(rows: &Dataset) -> Option<String> {
        let node = rows.sink_node("collect", Location::caller(), SinkRows::Any);
        let plan = compile(&rows.flow.state().graph, &[node], true).unwrap();
        plan.travels().err().map(|failure| plan.error(failure).to_string())
    }

    #[test]
    fn a_plan_with_what_only_the_program_has_does_not_travel() {
        let flow = Flow::new();
        let numbers = flow.range(0..3).map("function(n) return n end");
        assert_eq!(refused(&numbers.union(&flow.lines(["x"]))), None);
        let line = line!() + 1;
        let closure = numbers.map_rows(|n: i64| n);
        let text = refused(&closure.sort(1)).unwrap();
        let place =
            format!("src/op/closures.rs:{line}, map_rows: a closure is part of this program");
        assert!(text.starts_with(&place), "{text}");
        assert!(text.ends_with("\n\nhint: write it as a Lua function: its text travels"), "{text}");
        let sources = [flow.source(|| [1]), flow.reader(std::io::empty())];
        for (source, operator) in sources.iter().zip(["source", "reader"]) {
            let text = refused(&source.distinct()).unwrap();
            assert!(text.contains(&format!(", {operator}: it reads what only this")), "{text}");
        }
    }
}
