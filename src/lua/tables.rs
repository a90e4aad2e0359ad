//! The side tables of a state: what `lua/side_tables.lua` is told of them.
//!
//! A newcomer's trap: a state has all tables that a function of its chain may need, and a name of
//! any other is an error that speaks of these.

use std::rc::Rc;
use std::sync::Arc;

use mlua::{Lua, Table};

use super::Progress;
use super::native::Shared;
use super::port::Port;
use super::side_table::Lookup;
use crate::plan::names::nearest;
use crate::row::side_table::SideTable;

pub(super) struct Tables {
    all: Vec<(String, Shared<Lookup>)>,
    /// Where keys are encoded.
    room: Shared<Port>,
}

impl Tables {
    pub fn new(tables: Vec<(String, Rc<SideTable>)>, progress: &Arc<Progress>) -> Tables {
        let lookup = |(name, table)| (name, Shared::new(Lookup::new(table)));
        let room = Port::new(u32::MAX as usize, None, None, progress.clone());
        Tables { all: tables.into_iter().map(lookup).collect(), room: Shared::new(room) }
    }

    pub fn tell(&self, lua: &Lua, addresses: &Table) -> mlua::Result<()> {
        let list = lua.create_table()?;
        for (name, lookup) in &self.all {
            let of = lua.create_table()?;
            of.set("name", &**name)?;
            of.set("address", lookup.address())?;
            of.set("columns", lookup.with(|lookup| lookup.columns()))?;
            list.push(of)?;
        }
        addresses.set("tables", list)?;
        addresses.set("room", self.room.address())?;
        let names: Vec<String> = self.all.iter().map(|(name, _)| name.clone()).collect();
        let unknown = move |_: &Lua, name: String| Ok(unknown(&name, &names));
        addresses.set("unknown_table", lua.create_function(unknown)?)
    }
}

/// What is said of a name that no table has.
fn unknown(name: &str, known: &[String]) -> String {
    let shown = known.join(", ");
    let message = format!("there is no table {name:?}: the tables known here are {shown}");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(nearest) => format!("{message}\n\nhint: is {nearest:?} meant?"),
        None => format!("{message}\n\nhint: `with_table` on a dataset before this step adds one"),
    }
}
