//! What a run has to say while it goes on: to `tracing`, and in need to a person at a terminal.
//!
//! A newcomer's trap: which task warns first is chance, and rows are of that task. So a warning is
//! told from another by its step and its message, which must name no row.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::IsTerminal;
use std::sync::Mutex;

use crate::error::{Origin, StepId, Warning};

/// The warnings of one run.
pub(crate) struct Warnings {
    origins: Vec<Origin>,
    said: Mutex<BTreeMap<(Option<StepId>, String), String>>,
}

impl Warnings {
    pub(crate) fn new(origins: Vec<Origin>) -> Warnings {
        Warnings { origins, said: Mutex::default() }
    }

    /// Passes a warning on, unless it was said before.
    pub(crate) fn add(&self, warning: Warning) {
        let text = self.text(&warning);
        {
            let mut said = self.said.lock().expect("no code panics while it holds the warnings");
            match said.entry((warning.step, warning.message.clone())) {
                Entry::Occupied(_) => return,
                Entry::Vacant(new) => drop(new.insert(text.clone())),
            }
        }
        tracing::warn!("{text}");
        if warning.urgent && std::io::stderr().is_terminal() {
            eprintln!("gleamflow: {}", text.replace("\n\n", "; "));
        }
    }

    /// All of them, in the order of their steps.
    pub(crate) fn said(&self) -> Vec<String> {
        let said = self.said.lock().expect("no code panics while it holds the warnings");
        said.values().cloned().collect()
    }

    /// As an error would name it, in one line but for the hint.
    fn text(&self, warning: &Warning) -> String {
        let origin = warning.step.and_then(|step| self.origins.get(step as usize));
        let mut text = origin.map_or_else(String::new, |origin| format!("{origin}: "));
        text.push_str(&warning.message);
        if let Some(row) = &warning.row {
            text.push_str(&format!(", on {row}"));
        }
        if let Some(hint) = &warning.hint {
            text.push_str(&format!("\n\nhint: {hint}"));
        }
        text
    }
}
