//! Side tables: datasets whose rows the user's Lua looks up by their first column.
//!
//! A newcomer's trap: which tables a code needs is read off its text, and so may be more than it
//! uses; a table that no code may need is not computed.

use serde::{Deserialize, Serialize};

use crate::error::StepId;
use crate::plan::stage::StageId;

/// A side table's place in the plan.
pub(crate) type TableId = u32;

/// A dataset under the name by which Lua knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub step: StepId,
    pub name: String,
    /// Where its rows come from, as frames, if any function may look into them.
    pub stage: Option<StageId>,
}

/// The global of user code that has the tables.
const GLOBAL: &str = "tables";

/// Which tables some code may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    names: Vec<String>,
    /// It may be any.
    any: bool,
}

impl Mentions {
    pub(crate) fn of(code: &str) -> Mentions {
        let mut mentions = Mentions::default();
        for (at, _) in code.match_indices(GLOBAL) {
            let behind = &code[at + GLOBAL.len()..];
            if code[..at].ends_with(is_of_name) || behind.starts_with(is_of_name) {
                continue;
            }
            match field(behind.trim_start()) {
                Some(name) => mentions.names.push(name.to_owned()),
                None => mentions.any = true,
            }
        }
        mentions
    }

    pub(crate) fn and(mut self, more: &Mentions) -> Mentions {
        self.names.extend(more.names.iter().cloned());
        self.any |= more.any;
        self
    }

    /// Whether this table may be meant.
    pub(crate) fn may_be(&self, name: &str) -> bool {
        self.any || self.names.iter().any(|known| known == name)
    }

    /// Of the tables that there are, those that the code needs: all where it names one that there
    /// is not, since what it then is told speaks of them.
    pub(crate) fn needed<'a>(
        &self,
        tables: impl Iterator<Item = (TableId, &'a str)> + Clone,
    ) -> Vec<TableId> {
        let is_there = |name: &String| tables.clone().any(|(_, known)| known == name);
        let all = self.any || !self.names.iter().all(is_there);
        tables.filter(|(_, name)| all || self.may_be(name)).map(|(table, _)| table).collect()
    }
}

/// The name in `.name`, `["name"]` or `['name']`, with which the code goes on.
fn field(code: &str) -> Option<&str> {
    if let Some(code) = code.strip_prefix('.') {
        let code = code.trim_start();
        let end = code.find(|c| !is_of_name(c)).unwrap_or(code.len());
        return (end > 0).then(|| &code[..end]);
    }
    let code = code.strip_prefix('[')?.trim_start();
    let quote = code.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, behind) = code[1..].split_once(quote)?;
    (!name.contains('\\') && behind.trim_start().starts_with(']')).then_some(name)
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_names_tables_in_these_ways() {
        let needed = |code: &str| {
            let tables = [(0, "users"), (1, "countries")];
            Mentions::of(code).needed(tables.into_iter())
        };
        for (code, tables) in [
            ("return tables.users[x]", &[0][..]),
            ("return tables . countries [x], tables['users'][1]", &[0, 1]),
            ("return tables [ \"countries\" ](x)", &[1]),
            ("return _G.tables.users", &[0]),
            ("local all = tables return all.users", &[0, 1]),
            ("return tables[x]", &[0, 1]),
            ("return tables['us' .. 'ers']", &[0, 1]),
            ("return tables.user[x]", &[0, 1]),
            ("return mytables.users, tables2.users", &[]),
            ("return table.concat(x)", &[]),
            ("return tables", &[0, 1]),
        ] {
            assert_eq!(needed(code), tables, "{code}");
        }
    }
}
