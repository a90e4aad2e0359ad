//! A plan as a graph in Graphviz' language: a box for each stage, with its steps, an arrow for each
//! way that rows take.
//!
//! A newcomer's trap: all that is shown may hold any text of the user's, so every label is quoted.

use super::{Read, Shown};

impl Shown<'_> {
    pub(crate) fn dot(&self) -> String {
        let mut lines = vec!["digraph plan {".to_owned(), "\tnode [shape=box];".to_owned()];
        for (number, stage) in (1..).zip(&self.stages) {
            let name = format!("s{number}");
            let mut label = vec![format!("stage {number}")];
            label.extend(stage.steps.iter().map(|step| step.text.clone()));
            lines.push(format!("\t{name} [label={}];", quoted(&label)));
            for (nth, read) in stage.reads.iter().enumerate() {
                match read {
                    Read::Source(source) => {
                        let label = quoted(std::slice::from_ref(source));
                        lines.push(format!("\t{name}r{nth} [shape=ellipse, label={label}];"));
                        lines.push(arrow(&format!("{name}r{nth}"), &name, ""));
                    }
                    Read::Stage { stage, by: Some(by), .. } => {
                        lines.push(arrow(&format!("s{stage}"), &name, &format!("by {by}")));
                    }
                    Read::Stage { stage, partitions, by: None } => {
                        let apart = match partitions {
                            1 => String::new(),
                            count => format!("{count} partitions"),
                        };
                        lines.push(arrow(&format!("s{stage}"), &name, &apart));
                    }
                }
            }
            for held in &stage.beside {
                lines.push(arrow(&format!("s{held}"), &name, "all of it"));
            }
            for table in self.tables.iter().filter(|table| stage.tables.contains(&table.name)) {
                let label = format!("table {}", table.name);
                lines.push(arrow(&format!("s{}", table.stage), &name, &label));
            }
        }
        for (number, stage) in (1..).zip(&self.sinks) {
            lines.push(format!("\tsink{number} [shape=ellipse, label=\"sink {number}\"];"));
            lines.push(arrow(&format!("s{stage}"), &format!("sink{number}"), ""));
        }
        lines.push("}".to_owned());
        lines.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

fn arrow(from: &str, to: &str, label: &str) -> String {
    match label {
        "" => format!("\t{from} -> {to};"),
        label => format!("\t{from} -> {to} [label={}];", quoted(&[label.to_owned()])),
    }
}

/// Lines of a label, each left-aligned.
fn quoted(lines: &[String]) -> String {
    let end = if lines.len() > 1 { "\\l" } else { "" };
    let escaped = lines.iter().flat_map(|line| {
        // A label may have entities as HTML has them.
        let line = line.replace('&', "&amp;").replace('\\', "\\\\");
        let line = line.replace('"', "\\\"").replace('\n', "\\n");
        [line, end.to_owned()]
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_quoted() {
        let lines = ["a".to_owned(), "say \"x\\n\"\n".to_owned()];
        assert_eq!(quoted(&lines), r#""a\lsay \"x\\n\"\n\l""#);
        assert_eq!(quoted(&lines[..1]), "\"a\"");
        assert_eq!(quoted(&["a &lt; b".to_owned()]), "\"a &amp;lt; b\"");
    }
}
