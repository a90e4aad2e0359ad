//! A report as a person reads it at a terminal.
//!
//! A newcomer's trap: a dash is a number that nobody has counted, which is not zero.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{Counter, Report, StepReport};

const UNKNOWN: &str = "–";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.completed { "completed in" } else { "not completed, after" };
        let workers = if self.workers == 1 { "worker" } else { "workers" };
        write!(f, "{how} {}, {} {workers}, ", seconds(self.wall), self.workers)?;
        write!(f, "CPU {}, peak memory {}", seconds(self.cpu), bytes(self.peak_memory_bytes))?;
        writeln!(f, ", spilled {}\n", bytes(self.spilled_bytes))?;
        f.write_str(&self.steps())?;
        self.stages(f)?;
        let longest = self.counters.keys().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, sum) in &self.counters {
            writeln!(f, "counter {name:longest$}  {}", counter(*sum))?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {}", warning.replace("\n\n", "; "))?;
        }
        Ok(())
    }
}

impl Report {
    /// A line for each step. What only few steps have is a column only where one has it.
    fn steps(&self) -> String {
        let has = |what: fn(&StepReport) -> bool| self.steps.iter().any(what);
        let (skips, retries) = (has(|step| step.skipped > 0), has(|step| step.retries > 0));
        let cpu = has(|step| step.cpu.is_some());
        let mut head = vec!["step", "", "rows in", "rows out", "bytes in", "bytes out"];
        let optional = [(cpu, "CPU"), (skips, "skipped"), (retries, "retries")];
        head.extend(optional.iter().filter(|(shown, _)| *shown).map(|(_, name)| *name));
        let mut lines = vec![head.into_iter().map(str::to_owned).collect::<Vec<String>>()];
        for step in &self.steps {
            let known = |number: Option<u64>, show: fn(u64) -> String| {
                number.map_or_else(|| UNKNOWN.to_owned(), show)
            };
            let mut line = vec![
                step.shown(),
                format!("{}:{}", step.file, step.line),
                known(step.rows_in, grouped),
                known(step.rows_out, grouped),
                known(step.bytes_in, bytes),
                known(step.bytes_out, bytes),
            ];
            let shown_cpu = step.cpu.map_or_else(|| UNKNOWN.to_owned(), seconds);
            let optional = [
                (cpu, shown_cpu),
                (skips, grouped(step.skipped)),
                (retries, grouped(step.retries)),
            ];
            line.extend(optional.into_iter().filter(|(shown, _)| *shown).map(|(_, text)| text));
            lines.push(line);
        }
        aligned(&lines)
    }

    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            let steps: Vec<&str> =
                stage.steps.iter().map(|step| self.steps[*step].operator.as_str()).collect();
            let before = if index == 0 { "\n" } else { "" };
            let steps = steps.join(" → ");
            // One that only counts rows has no step.
            let colon = if steps.is_empty() { "" } else { ": " };
            write!(f, "{before}stage {}: {steps}{colon}", index + 1)?;
            match stage.tasks {
                0 => {}
                1 => f.write_str("1 task, ")?,
                tasks => write!(f, "{} tasks, ", grouped(tasks))?,
            }
            writeln!(f, "CPU {}", seconds(stage.cpu))?;
        }
        Ok(())
    }
}

impl StepReport {
    /// The operator; `named` with the names that it gives.
    fn shown(&self) -> String {
        match &self.columns {
            Some(columns) if self.operator == "named" => format!("named {columns}"),
            _ => self.operator.clone(),
        }
    }
}

/// Columns under each other: two of text, then numbers.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in lines {
        for (column, cell) in line.iter().enumerate() {
            let (between, width) = (if column == 0 { "" } else { "  " }, widths[column]);
            let written = match column {
                0 | 1 => write!(text, "{between}{cell:width$}"),
                _ => write!(text, "{between}{cell:>width$}"),
            };
            written.expect("writing to a String");
        }
        text.push('\n');
    }
    text
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `532 B`, `1.5 MiB`.
fn bytes(number: u64) -> String {
    let mut size = number as f64;
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    // What would be rounded to 1024.0 is one of the next unit.
    while size >= 1023.95 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{number} B"),
        _ => format!("{size:.1} {}", units[unit]),
    }
}

/// `0.013 s`, `2 min 03.5 s`, `1 h 02 min`.
fn seconds(duration: Duration) -> String {
    let all = duration.as_secs_f64();
    let minutes = duration.as_secs() / 60;
    match minutes {
        0 => format!("{all:.3} s"),
        1..60 => format!("{minutes} min {:04.1} s", (all - 60.0 * minutes as f64).min(59.9)),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

fn counter(sum: Counter) -> String {
    match sum {
        Counter::Int(sum) => {
            let sign = if sum < 0 { "-" } else { "" };
            format!("{sign}{}", grouped(sum.unsigned_abs()))
        }
        Counter::Float(sum) => sum.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::report::StageReport;

    fn step(operator: &str, line: u32, rows: [Option<u64>; 2], size: u64) -> StepReport {
        let [rows_in, rows_out] = rows;
        StepReport {
            operator: operator.to_owned(),
            file: "src/main.rs".to_owned(),
            line,
            columns: Some("word, n".to_owned()),
            rows_in,
            rows_out,
            bytes_in: rows_in.map(|rows| rows * size),
            bytes_out: rows_out.map(|rows| rows * size),
            cpu: None,
            retries: 0,
            skipped: 0,
        }
    }

    #[test]
    fn a_report_is_a_table() {
        let steps = vec![
            step("text_file", 9, [None, Some(25_320_191)], 39),
            step("flat_map", 10, [Some(25_320_191), None], 39),
            step("named", 11, [None, None], 0),
            StepReport {
                cpu: Some(Duration::from_millis(1500)),
                skipped: 3,
                ..step("pipe", 12, [Some(1), Some(0)], 7)
            },
            step("save_text", 13, [Some(0), None], 1),
        ];
        let stage = |steps: &[usize], tasks| StageReport {
            steps: steps.to_vec(),
            tasks,
            cpu: Duration::from_secs(125),
        };
        let report = Report {
            completed: true,
            wall: Duration::from_millis(2345),
            cpu: Duration::from_secs(3700),
            workers: 2,
            peak_memory_bytes: 400 << 20,
            spilled_bytes: 0,
            steps,
            stages: vec![stage(&[0, 1], 1234), stage(&[3], 0), stage(&[4], 1), stage(&[], 1)],
            counters: BTreeMap::from([
                ("bad".to_owned(), Counter::Int(-1234)),
                ("weight".to_owned(), Counter::Float(0.5)),
            ]),
            warnings: vec!["no file matches *.x\n\nhint: look".to_owned()],
        };
        let expected = "\
completed in 2.345 s, 2 workers, CPU 1 h 01 min, peak memory 400.0 MiB, spilled 0 B

step                              rows in    rows out   bytes in  bytes out      CPU  skipped
text_file      src/main.rs:9            –  25,320,191          –  941.7 MiB        –        0
flat_map       src/main.rs:10  25,320,191           –  941.7 MiB          –        –        0
named word, n  src/main.rs:11           –           –          –          –        –        0
pipe           src/main.rs:12           1           0        7 B        0 B  1.500 s        3
save_text      src/main.rs:13           0           –        0 B          –        –        0

stage 1: text_file → flat_map: 1,234 tasks, CPU 2 min 05.0 s
stage 2: pipe: CPU 2 min 05.0 s
stage 3: save_text: 1 task, CPU 2 min 05.0 s
stage 4: 1 task, CPU 2 min 05.0 s
counter bad     -1,234
counter weight  0.5
warning: no file matches *.x; hint: look
";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn numbers_have_units_that_fit() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let shown = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([12, 59_999, 60_000].map(shown), ["0.012 s", "59.999 s", "1 min 00.0 s"]);
    }
}
