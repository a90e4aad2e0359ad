//! Wall time, CPU and peak memory of a process tree, taken from outside.
//!
//! A newcomer's trap: PSS, not RSS: pages that several processes share count once in all. CPU is
//! summed over processes as they were last seen, since nobody waits for workers at the end.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(20);

/// What a process tree took.
pub struct Measured {
    pub success: bool,
    pub wall: Duration,
    pub cpu: Duration,
    /// Of all processes together, in bytes.
    pub peak_pss: u64,
    /// Of which the first process and its largest child had so much at that time.
    pub peak_parts: (u64, u64),
    /// What was written to stdout and stderr.
    pub text: String,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        write!(
            f,
            "wall {:.2} s, CPU {:.2} s, peak PSS {:.0} MiB ({:.0} in the first process, {:.0} in its \
             largest child)",
            self.wall.as_secs_f64(),
            self.cpu.as_secs_f64(),
            mib(self.peak_pss),
            mib(self.peak_parts.0),
            mib(self.peak_parts.1),
        )
    }
}

/// Runs a command to its end and watches it and all its descendants.
pub fn measure(command: &mut Command) -> Measured {
    let begin = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    // Whatever it writes is read at once: a full pipe would stop it.
    let read = |from: &mut dyn Read| {
        let mut text = Vec::new();
        from.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let out = std::thread::spawn(move || read(&mut stdout));
    let err = std::thread::spawn(move || read(&mut stderr));
    let (mut peak_pss, mut peak_parts) = (0, (0, 0));
    let mut ticks: HashMap<u32, u64> = HashMap::new();
    let status = loop {
        let mut parts = Vec::new();
        for pid in tree(child.id()) {
            if let Some(used) = cpu_ticks(pid) {
                ticks.insert(pid, used);
            }
            parts.push(pss(pid).unwrap_or(0));
        }
        let sum = parts.iter().sum();
        if sum > peak_pss {
            peak_pss = sum;
            peak_parts = (parts[0], parts[1..].iter().copied().max().unwrap_or(0));
        }
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(INTERVAL),
        }
    };
    let wall = begin.elapsed();
    let text = out.join().unwrap() + &err.join().unwrap();
    // Linux counts in hundredths of a second wherever it runs.
    let cpu = Duration::from_millis(10 * ticks.values().sum::<u64>());
    Measured { success: status.success(), wall, cpu, peak_pss, peak_parts, text }
}

/// A process and all its descendants, itself first.
fn tree(root: u32) -> Vec<u32> {
    let mut pids = vec![root];
    let mut at = 0;
    while at < pids.len() {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", pids[at])) else {
            at += 1;
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        at += 1;
    }
    pids
}

fn pss(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(1024 * line.split_whitespace().next()?.parse::<u64>().ok()?)
}

fn cpu_ticks(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; behind it fields are separated by spaces.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}
