//! A plan as text: a line for each stage, table and sink, then one for each note.
//!
//! A newcomer's trap: notes of one kind stand together, whichever steps they are of.

use super::{Note, Read, Shown, StageShown};

impl Shown<'_> {
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        for (number, stage) in (1..).zip(&self.stages) {
            lines.push(format!("stage {number}: {}", stage.line()));
        }
        for table in &self.tables {
            lines.push(format!("table {}: stage {}, by column 1", table.name, table.stage));
        }
        for (number, stage) in (1..).zip(&self.sinks) {
            lines.push(format!("sink {number}: stage {stage}, in order"));
        }
        self.note(&mut lines, |note| note.columns.map(|names| format!("columns {names}")));
        self.note(&mut lines, |note| note.stays.clone());
        self.note(&mut lines, |note| note.guard.map(|guard| format!("on_error: {guard}")));
        self.note(&mut lines, |note| {
            Some(format!("recognised: {}", note.seen?.recognised.as_ref()?))
        });
        self.note(&mut lines, |note| {
            let globals = note.seen?.keeps.join(", ");
            (!globals.is_empty()).then(|| format!("keeps state per task ({globals})"))
        });
        self.note(&mut lines, |note| {
            let origin = &self.origins[note.step as usize];
            let stop =
                |stop: &super::Stop| format!("{}: {}", origin.line_of_text(stop.line), stop.what);
            let stops: Vec<String> = note.seen?.stops.iter().map(stop).collect();
            (!stops.is_empty()).then(|| format!("not compiled: {}", stops.join("; ")))
        });
        lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// Adds what there is to say of each step.
    fn note(&self, lines: &mut Vec<String>, say: impl Fn(&Note<'_>) -> Option<String>) {
        for note in &self.notes {
            if let Some(said) = say(note) {
                lines.push(format!("{}: {said}", self.origins[note.step as usize]));
            }
        }
    }
}

impl StageShown {
    pub(super) fn line(&self) -> String {
        let mut line = String::new();
        for (nth, read) in self.reads.iter().enumerate() {
            match read {
                Read::Source(source) => line.push_str(source),
                Read::Stage { stage, by: Some(by), .. } => {
                    let and = if nth > 0 { " and " } else { "merge of " };
                    line.push_str(&format!("{and}stage {stage} by {by}"));
                }
                Read::Stage { stage, partitions, by: None } => {
                    let then = if nth > 0 { ", then " } else { "" };
                    line.push_str(&format!("{then}stage {stage}"));
                    if *partitions != 1 {
                        line.push_str(&format!(" ({partitions} partitions)"));
                    }
                }
            }
        }
        line.push_str(&self.keeps);
        for stage in &self.beside {
            line.push_str(&format!(", beside all of stage {stage}"));
        }
        for table in &self.tables {
            line.push_str(&format!(", with table {table}"));
        }
        for step in &self.steps {
            line.push_str(&format!(" → {}", step.text));
        }
        line
    }
}
