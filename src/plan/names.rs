//! Names of columns: what is known of a dataset's rows before they come.
//!
//! A newcomer's trap: a name belongs to a place in the row, and nobody looks whether rows have as
//! many columns; what an operator makes of its rows it must say itself, or nothing is known.

use std::fmt;

use crate::error::{ErrorKind, Failure};

/// The names of the first columns, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(Vec<Option<String>>);

impl Names {
    pub(crate) fn new(names: Vec<String>) -> Result<Names, Failure> {
        for (nth, name) in names.iter().enumerate() {
            if names[..nth].contains(name) {
                let message = format!("two columns are named {name:?}");
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            if name.is_empty() {
                let message = format!("the name of column {} is empty", nth + 1);
                return Err(Failure::new(ErrorKind::Plan, message));
            }
        }
        Ok(Names(names.into_iter().map(Some).collect()))
    }

    /// The number of a column, counted from 1.
    pub(crate) fn find(&self, name: &str) -> Result<u32, Failure> {
        let is_it = |known: &Option<String>| known.as_deref() == Some(name);
        if let Some(at) = self.0.iter().position(is_it) {
            return Ok(u32::try_from(at + 1).expect("fewer than 2^32 names"));
        }
        let failure = |message| Failure::new(ErrorKind::Plan, message);
        if !self.is_known() {
            return Err(failure(format!("there is no column {name:?}: no names are known here"))
                .hint("`named` names columns; a step in Lua that makes new ones forgets them"));
        }
        let message = format!("there is no column {name:?}: the names known here are {self}");
        let known = self.0.iter().flatten().map(String::as_str);
        Err(match nearest(name, known) {
            Some(nearest) => failure(message).hint(format!("is {nearest:?} meant?")),
            None => failure(message),
        })
    }

    pub(crate) fn is_known(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// The columns that have names, all of them, if each has one.
    pub(crate) fn width(&self) -> Option<u32> {
        let all = !self.0.is_empty() && self.0.iter().all(Option::is_some);
        all.then(|| u32::try_from(self.0.len()).expect("fewer than 2^32 names"))
    }

    /// Of these columns, counted from 1, in this order.
    pub(crate) fn select(&self, columns: &[u32]) -> Names {
        let name = |&column: &u32| self.0.get(column as usize - 1).cloned().flatten();
        let mut names: Vec<_> = columns.iter().map(name).collect();
        // A column that is named twice is found by its first place.
        for nth in 1..names.len() {
            if names[..nth].contains(&names[nth]) {
                names[nth] = None;
            }
        }
        Names(names)
    }

    /// Of all columns but these.
    pub(crate) fn without(&self, columns: &[u32]) -> Names {
        let left = (1..).zip(&self.0).filter(|(number, _)| !columns.contains(number));
        Names(left.map(|(_, name)| name.clone()).collect())
    }

    /// With another name for a column, counted from 1.
    pub(crate) fn renamed(mut self, column: u32, name: String) -> Result<Names, Failure> {
        let at = column as usize - 1;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = None;
        if self.0.contains(&Some(name.clone())) {
            let message = format!("another column is named {name:?} already");
            return Err(Failure::new(ErrorKind::Plan, message));
        }
        if name.is_empty() {
            return Err(Failure::new(ErrorKind::Plan, "the new name is empty"));
        }
        self.0[at] = Some(name);
        Ok(self)
    }

    /// With more columns behind these, of which some may have names that are taken: those stay
    /// nameless.
    pub(crate) fn and(mut self, more: Names) -> Names {
        for name in more.0 {
            let is_new = name.is_some() && !self.0.contains(&name);
            self.0.push(name.filter(|_| is_new));
        }
        self
    }

    /// What is alike in both: rows of two datasets that come one after the other.
    pub(crate) fn common(&self, other: &Names) -> Names {
        let alike = self.0.iter().zip(&other.0);
        Names(alike.map(|(one, other)| one.clone().filter(|_| one == other)).collect())
    }
}

/// The one of these names that a person may have meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let nearest = known.min_by_key(distance)?;
    (distance(&nearest) <= nearest.chars().count().max(name.chars().count()) / 2).then_some(nearest)
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, name) in self.0.iter().enumerate() {
            let comma = if nth > 0 { ", " } else { "" };
            write!(f, "{comma}{}", name.as_deref().unwrap_or("-"))?;
        }
        Ok(())
    }
}
