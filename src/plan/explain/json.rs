//! A plan as JSON, for programs. Names of fields stay as they are; more may come.
//!
//! A newcomer's trap: fields without a value are left out, lists that are empty too.

use super::{Note, Read, RunBy, Shown, StageShown, StepShown};
use crate::error::Origin;
use crate::row::json::quoted;

impl Shown<'_> {
    pub(crate) fn json(&self) -> String {
        let stages = self.stages.iter().zip(1..).map(|(stage, number)| self.stage(number, stage));
        let tables = self.tables.iter().map(|table| {
            Object::default().text("name", &table.name).number("stage", table.stage).end()
        });
        let sinks = (1..).zip(&self.sinks).map(|(number, stage)| {
            Object::default().number("sink", number).number("stage", *stage).end()
        });
        let notes = self.notes.iter().map(|note| self.noted(note));
        Object::default()
            .list("stages", stages)
            .list("tables", tables)
            .list("sinks", sinks)
            .list("steps", notes)
            .end()
    }

    fn stage(&self, number: usize, stage: &StageShown) -> String {
        let reads = stage.reads.iter().map(|read| match read {
            Read::Source(source) => Object::default().text("source", source).end(),
            Read::Stage { stage, partitions, by } => {
                let read = Object::default().number("stage", *stage);
                let read = read.number("partitions", *partitions as usize);
                by.iter().fold(read, |read, by| read.text("by", by)).end()
            }
        });
        let beside = stage.beside.iter().map(usize::to_string);
        let object = Object::default().number("stage", number).list("reads", reads);
        let object = match stage.keeps.strip_prefix(", ") {
            Some(keeps) => object.text("keeps", keeps),
            None => object,
        };
        object
            .list("beside", beside)
            .list("tables", stage.tables.iter().map(|name| quoted(name)))
            .list("steps", stage.steps.iter().map(|step| self.step(step)))
            .number("partitions", stage.partitions as usize)
            .end()
    }

    fn step(&self, step: &StepShown) -> String {
        let by = match step.by {
            RunBy::Lua => "lua",
            RunBy::Native => "native",
            RunBy::Command => "command",
            RunBy::Engine => "engine",
        };
        let object = Object::default().number("step", step.step as usize);
        placed(object, &self.origins[step.step as usize])
            .text("run_by", by)
            .text("does", &step.text)
            .end()
    }

    fn noted(&self, note: &Note<'_>) -> String {
        let origin = &self.origins[note.step as usize];
        let mut object = placed(Object::default().number("step", note.step as usize), origin);
        if let Some(names) = note.columns {
            object = object.text("columns", names);
        }
        if let Some(why) = &note.stays {
            object = object.text("stays_in_program", why);
        }
        if let Some(guard) = note.guard {
            object = object.text("on_error", &guard.to_string());
        }
        let Some(seen) = note.seen else { return object.end() };
        if let Some(what) = &seen.recognised {
            object = object.text("recognised", what);
        }
        let stops = seen.stops.iter().map(|stop| {
            Object::default().number("line", stop.line as usize).text("what", &stop.what).end()
        });
        object
            .list("keeps_state_in", seen.keeps.iter().map(|name| quoted(name)))
            .list("not_compiled", stops)
            .end()
    }
}

fn placed(object: Object, origin: &Origin) -> Object {
    object
        .text("operator", &origin.operator)
        .text("file", &origin.file)
        .number("line", origin.line as usize)
}

/// An object on its way.
#[derive(Default)]
struct Object(Vec<String>);

impl Object {
    fn with(mut self, name: &str, value: String) -> Object {
        self.0.push(format!("{}:{value}", quoted(name)));
        self
    }

    fn text(self, name: &str, value: &str) -> Object {
        self.with(name, quoted(value))
    }

    fn number(self, name: &str, value: usize) -> Object {
        self.with(name, value.to_string())
    }

    fn list(self, name: &str, values: impl Iterator<Item = String>) -> Object {
        let values: Vec<String> = values.collect();
        if values.is_empty() { self } else { self.with(name, format!("[{}]", values.join(","))) }
    }

    fn end(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "[\\x00-\u{ff}\u{2028}\u{1f600}\"\\\\]{0,12}") {
            prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
        }
    }
}
