//! What happens once for a VM: our Lua files are loaded, user code is compiled, loops are built.
//!
//! A newcomer's trap: our files run in an environment of their own, a copy of the globals made
//! before the prelude takes `require`, `debug` and others away from user code.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, Lua, Table, Value};

use super::columns::{Columns, ODD, USUAL};
use super::failure::internal;
use super::formats::Formats;
use super::native::{Key, Ports, Shared, declarations, natives_address, progress_address};
use super::natives::NAMES;
use super::rejects::Rejects;
use super::scripts;
use super::status::STATUSES;
use super::syntax::{compile_chunk, compile_expression};
use super::tables::Tables;
use super::tally::Tally;
use super::words::Words;
use super::{LuaSegment, LuaTail, Progress};
use crate::error::{Failure, Warning};
use crate::plan::chain::{Code, Head};
use crate::plan::exchange::{Group, LuaGroup};
use crate::row::layout::Layout;

/// What the user is to be told, until it is taken.
pub(super) type Warnings = Rc<RefCell<Vec<Warning>>>;

/// Where our files tell what they have to say besides rows.
pub(super) struct Told<'a> {
    pub progress: &'a Arc<Progress>,
    pub warnings: &'a Warnings,
    pub rejects: &'a Rejects,
}

/// Our own Lua files, loaded into a state.
pub(super) struct Modules {
    pub(super) environment: Table,
}

/// What our files know by address.
pub(super) struct Known<'a> {
    pub key: &'a Key,
    pub words: &'a Shared<Words>,
    pub tally: &'a Shared<Tally>,
    pub formats: &'a Shared<Formats>,
    pub tables: &'a Tables,
}

/// In front of the names of our files for `require`.
const PREFIX: &str = "gleamflow.";

impl Modules {
    pub fn load(lua: &Lua, known: &Known<'_>, told: Told<'_>) -> mlua::Result<Modules> {
        let globals = lua.globals();
        let package: Table = globals.get("package")?;
        let loaded: Table = package.get("loaded")?;
        let tune: Function = lua.load(r#"return require("jit.opt").start"#).eval()?;
        tune.call::<()>(("maxtrace=4000", "maxmcode=16384", "maxrecord=8000", "maxsnap=1000"))?;
        let environment = lua.create_table()?;
        for pair in globals.pairs::<Value, Value>() {
            let (name, value) = pair?;
            environment.set(name, value)?;
        }
        let native = load(lua, "native", &environment)?.call::<Table>(native_parts(lua)?)?;
        loaded.set("gleamflow.native", native)?;
        let addresses = lua.create_table()?;
        addresses.set("progress", progress_address(told.progress))?;
        addresses.set("key", known.key.address())?;
        addresses.set("words", known.words.address())?;
        addresses.set("tally", known.tally.address())?;
        addresses.set("formats", known.formats.address())?;
        addresses.set("null", Value::NULL)?;
        known.tables.tell(lua, &addresses)?;
        let plain = std::env::var_os("GLEAMFLOW_PLAIN").is_some_and(|text| !text.is_empty());
        addresses.set("plain", plain)?;
        addresses.set("warn", warn(lua, told.progress, told.warnings)?)?;
        addresses.set("reject", told.rejects.function(lua)?)?;
        addresses.set("rejects", told.rejects.port.address())?;
        let state = load(lua, "state", &environment)?.call::<Table>(addresses)?;
        loaded.set("gleamflow.state", state)?;
        let modules = Modules { environment };
        modules.load_when_required(lua, &package)?;
        Ok(modules)
    }

    /// Lets `require` load our files: those that a flow has no use for take no time.
    fn load_when_required(&self, lua: &Lua, package: &Table) -> mlua::Result<()> {
        let preload: Table = package.get("preload")?;
        let environment = self.environment.clone();
        let loader = lua.create_function(move |lua, name: String| {
            let name = name.strip_prefix(PREFIX).unwrap_or(&name);
            load(lua, name, &environment)?.call::<Table>(())
        })?;
        for name in scripts::modules() {
            preload.set(format!("{PREFIX}{name}"), &loader)?;
        }
        Ok(())
    }

    /// The file that builds and runs the loops, and all that it requires.
    pub fn chain(&self) -> mlua::Result<Table> {
        self.environment.get::<Function>("require")?.call(format!("{PREFIX}chain"))
    }

    /// A file loaded afresh, with prototypes and traces of its own.
    pub fn template(&self, lua: &Lua, name: &str) -> mlua::Result<Table> {
        load(lua, name, &self.environment)?.call(())
    }
}

/// The function by which our files warn the user.
fn warn(lua: &Lua, progress: &Arc<Progress>, warnings: &Warnings) -> mlua::Result<Function> {
    let (progress, warnings) = (progress.clone(), warnings.clone());
    lua.create_function(move |_, (message, hint): (String, String)| {
        let step = progress.step.load(Ordering::Relaxed);
        warnings.borrow_mut().push(Warning::new(message).at_step(step).hint(hint));
        Ok(())
    })
}

/// What `lua/native.lua` takes.
fn native_parts(lua: &Lua) -> mlua::Result<Table> {
    let parts = lua.create_table()?;
    parts.set("address", natives_address())?;
    parts.set("declarations", declarations())?;
    parts.set("names", NAMES)?;
    parts.set("status", lua.create_table_from(STATUSES.iter().copied())?)?;
    Ok(parts)
}

fn load(lua: &Lua, name: &str, environment: &Table) -> mlua::Result<Function> {
    let text = scripts::text(name)
        .ok_or_else(|| mlua::Error::RuntimeError(format!("no file lua/{name}.lua")))?;
    let code = compiled(lua, name, text)?;
    let chunk = lua.load(&**code).set_name(format!("=lua/{name}.lua"));
    let chunk = chunk.set_mode(mlua::chunk::ChunkMode::Binary);
    chunk.set_environment(environment.clone()).into_function()
}

/// A file's text and what it was compiled to.
type Compiled = (Cow<'static, str>, Arc<Vec<u8>>);

/// A file of ours as bytecode, which this process compiles once: a state for a short flow would
/// else spend more on reading our files than on the flow.
fn compiled(lua: &Lua, name: &str, text: Cow<'static, str>) -> mlua::Result<Arc<Vec<u8>>> {
    static COMPILED: Mutex<BTreeMap<String, Compiled>> = Mutex::new(BTreeMap::new());
    let known = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known_text, code)) = known().get(name)
        && *known_text == text
    {
        return Ok(code.clone());
    }
    // Some are without line numbers, as stock functions are: nothing then counts them as a place.
    let strip =
        matches!(name, "patterns" | "line" | "arithmetic" | "instead" | "varargs" | "addresses");
    let code = lua.load(&*text).set_name(format!("=lua/{name}.lua")).into_function()?.dump(strip);
    let code = Arc::new(code);
    known().insert(name.to_owned(), (text, code.clone()));
    Ok(code)
}

/// The tables that `chain.build` takes, with the user's code compiled.
pub(super) fn setup(
    lua: &Lua,
    shared: &[Code],
    segments: &[LuaSegment],
    ports: &Ports,
    columns: &[Option<Shared<Columns>>],
) -> Result<Table, Failure> {
    let table = || lua.create_table().map_err(internal);
    let codes = table()?;
    for code in shared {
        let entry = entry(lua, code, compile_chunk(lua, code)?).map_err(internal)?;
        codes.push(entry).map_err(internal)?;
    }
    let list = table()?;
    for ((segment, port), columns) in segments.iter().zip(ports).zip(columns) {
        let entry = segment_table(lua, segment)?;
        if let Some(columns) = columns {
            let head = entry.get::<Table>("head").map_err(internal)?;
            head.set("columns", columns.address()).map_err(internal)?;
            head.set("numeric", columns.with(|it| it.numeric())).map_err(internal)?;
            head.set("separator", columns.with(|it| it.separator())).map_err(internal)?;
            head.set("all_columns", columns.with(|it| it.has_all_columns())).map_err(internal)?;
            head.set("usual", USUAL).map_err(internal)?;
            head.set("odd", ODD).map_err(internal)?;
            head.set("width", columns.with(|it| it.width())).map_err(internal)?;
            head.set("whole_line", columns.with(|it| it.is_whole_line())).map_err(internal)?;
        }
        entry.set("port", port.address()).map_err(internal)?;
        list.push(entry).map_err(internal)?;
    }
    let setup = table()?;
    setup.set("shared", codes).map_err(internal)?;
    setup.set("segments", list).map_err(internal)?;
    Ok(setup)
}

fn entry(lua: &Lua, code: &Code, chunk: Function) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.set("id", code.step)?;
    table.set("chunk", chunk)?;
    let [high, low] = halves(code.seed);
    table.set("seed_high", high)?;
    table.set("seed_low", low)?;
    Ok(table)
}

/// A seed as Lua takes it: its halves, which its numbers can hold.
pub(super) fn halves(seed: u64) -> [u32; 2] {
    [(seed >> 32) as u32, seed as u32]
}

fn step(lua: &Lua, code: &Code) -> Result<Table, Failure> {
    entry(lua, code, compile_expression(lua, code)?).map_err(internal)
}

fn segment_table(lua: &Lua, segment: &LuaSegment) -> Result<Table, Failure> {
    let (kind, head) = match &segment.head {
        Head::Rows(Layout::Lines | Layout::Text) => ("lines", None),
        Head::Rows(Layout::Columns) | Head::Columns(..) => ("columns", None),
        Head::Rows(Layout::Frames) => ("frames", None),
        Head::Groups(Group::Lua(group)) => (&*group.template, Some(group)),
        Head::Groups(_) => return Err(internal("a native group has no loop in Lua")),
    };
    let head = match head {
        None => lua.create_table().map_err(internal)?,
        Some(LuaGroup { keys, arguments, code, .. }) => {
            let table = step(lua, code)?;
            table.set("keys", keys.as_slice()).map_err(internal)?;
            table.set("arguments", arguments.as_slice()).map_err(internal)?;
            table
        }
    };
    head.set("kind", kind).map_err(internal)?;
    let steps = lua.create_table().map_err(internal)?;
    for of_segment in &segment.steps {
        let table = step(lua, &of_segment.code)?;
        table.set("kind", &*of_segment.template).map_err(internal)?;
        table.set("arguments", of_segment.arguments.as_slice()).map_err(internal)?;
        let guard = of_segment.guard.as_ref();
        let guard = guard.map(|guard| if guard.dead_letters().is_some() { "all" } else { "first" });
        table.set("guard", guard).map_err(internal)?;
        steps.push(table).map_err(internal)?;
    }
    let table = lua.create_table().map_err(internal)?;
    table.set("head", head).map_err(internal)?;
    table.set("steps", steps).map_err(internal)?;
    if let LuaTail::Written(written) = &segment.tail {
        table.set("writes_lines", written.keeps_lines()).map_err(internal)?;
    }
    if let LuaTail::Combine { template, keys, code } = &segment.tail {
        let tail = step(lua, code)?;
        tail.set("kind", &**template).map_err(internal)?;
        tail.set("keys", keys.as_slice()).map_err(internal)?;
        table.set("tail", tail).map_err(internal)?;
    }
    Ok(table)
}
