//! Rows that guarded steps leave out, on their way from `lua/guard.lua` to the worker; and what is
//! known of a task when it is over.
//!
//! A newcomer's trap: a row is written into a port of its own, which no loop reads or flushes; it is
//! taken from there with the word that says why it was left out.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{Function, Lua, LuaString, Table};

use super::Progress;
use super::native::Shared;
use super::port::Port;
use crate::error::{ErrorKind, Failed, Failure, Rejected};
use crate::plan::guard::Guarded;

/// Where rows are left that a step of this state cannot take.
pub(super) struct Rejects {
    pub port: Rc<Shared<Port>>,
    rows: Rc<RefCell<Vec<Rejected>>>,
}

impl Rejects {
    pub fn new(max_row: usize, progress: &Arc<Progress>) -> Rejects {
        let port = Port::new(max_row, None, None, progress.clone());
        Rejects { port: Rc::new(Shared::new(port)), rows: Rc::default() }
    }

    /// What has been left since it was last asked.
    pub fn take(&self) -> Vec<Rejected> {
        self.rows.take()
    }

    /// The function by which our files say why they leave the row in the port out.
    pub fn function(&self, lua: &Lua) -> mlua::Result<Function> {
        type Said = (u32, u32, LuaString, Option<u32>, Option<String>);
        let (port, rows) = (self.port.clone(), self.rows.clone());
        lua.create_function(move |_, (step, row, message, line, hint): Said| {
            let message = String::from_utf8_lossy(&message.as_bytes()).into_owned();
            let mut failure = Failure::new(ErrorKind::Lua, message).at_step(step);
            failure.code_line = line;
            failure.hint = hint;
            let (frame, _) = port.with(Port::take_rows);
            port.with(|port| port.put_back(Vec::new()));
            let columns = frame.get(4..).unwrap_or_default().to_vec();
            rows.borrow_mut()
                .push(Rejected { failed: Failed { failure, row: Some(row) }, columns });
            Ok(())
        })
    }
}

/// What a task has done besides its rows.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub guarded: Vec<Guarded>,
    /// What user code has counted, by name.
    pub counts: Vec<(String, f64)>,
}

/// Reads what `lua/chain.lua` knows of a task that is over.
pub(super) fn read_outcome(steps: &Table, counts: &Table) -> mlua::Result<Outcome> {
    let mut outcome = Outcome::default();
    for step in steps.sequence_values::<Table>() {
        let step = step?;
        outcome.guarded.push(Guarded {
            step: step.get("id")?,
            rows: step.get::<f64>("seen")? as u64,
            rejected: step.get::<f64>("rejected")? as u64,
        });
    }
    for pair in counts.pairs::<LuaString, f64>() {
        let (name, amount) = pair?;
        outcome.counts.push((String::from_utf8_lossy(&name.as_bytes()).into_owned(), amount));
    }
    outcome.counts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(outcome)
}
