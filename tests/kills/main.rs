//! Runs of which a process is killed at a random moment: a worker, a command or the program itself.
//! Each ends with the right bytes or an error, and leaves no process, no temporary file and no
//! half-written output.
//!
//! `GLEAMFLOW_KILLS` says how many runs, `GLEAMFLOW_KILLS_SEED` where chance begins; `.ci/kills` is
//! the long form.
//!
//! A newcomer's trap: a moment that comes after the run's end kills nothing, and a process that is
//! about to end may be killed without harm: such runs must have the right bytes. The last test
//! line says how many were hit, and too few of them are an error.

#[allow(dead_code)]
#[path = "../faults/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use Victim::{Command, Program, Worker};
use program::{Outcome, Place, Running, send_signal};

/// Arguments of the fault program, where `IN`, `FEW` and `OUT` stand for files; and who can be
/// killed. A shell that hides how a command has ended (`sort | cat`, `sort; true`) hides it from us
/// too, so these don't.
const FLOWS: [(&[&str], &[Victim]); 7] = [
    (&["reduce", "IN", WORD, "function(x, y) return x + y end"], &[Worker, Program]),
    (&["sort", "IN"], &[Worker, Program]),
    (&["save_mapped", "IN", "function(x) return x .. x end", "OUT"], &[Worker, Program]),
    (&["map_pipe_map", "IN", START, "cat && sort", START], &[Worker, Command, Program]),
    (&["pipes", "IN", "cat && cat", "sort -S 1M"], &[Command, Program]),
    (&["pipe_as_args", "FEW", "sleep 0.01; echo $1"], &[Command, Program]),
    (&["fork", "IN", "OUT"], &[Program]),
];

const WORD: &str = "function(line) return line:sub(-4), 1 end";
const START: &str = "function(line) return line:sub(1, 20) end";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Worker,
    Command,
    Program,
}

impl Victim {
    /// One of the processes of this kind that are there now.
    fn find(self, running: &Running<'_>, chance: &mut Chance) -> Option<i32> {
        let is_worker = |name: &str| name == "gleamflow-worker";
        let mut found: Vec<i32> = Vec::new();
        for process in running.processes() {
            let name = process.arguments.first().map_or("", String::as_str);
            let kind = match process.pid == running.pid() {
                true => Program,
                false if is_worker(name) => Worker,
                false => Command,
            };
            if kind == self {
                found.push(process.pid);
            }
        }
        found.sort_unstable();
        let at = chance.below(found.len().max(1) as u64) as usize;
        found.get(at).copied()
    }
}

/// xorshift64*: the same seed gives the same runs, as far as the machine's own moments allow.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % end
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

fn input() -> String {
    let mut chance = Chance(7);
    (0..120_000)
        .map(|_| format!("{:012} {}\n", chance.below(1 << 39), chance.below(5000)))
        .collect()
}

fn start<'a>(place: &'a Place, flow: &[&str]) -> Running<'a> {
    let path = |argument: &&str| match *argument {
        "IN" => place.input(),
        "FEW" => place.path("few.txt"),
        "OUT" => place.path("out.txt"),
        other => other.to_owned(),
    };
    let arguments: Vec<String> = flow.iter().map(path).collect();
    let program = place.program([]).change(|command| {
        command.args(arguments);
    });
    program.least_memory(2).split(200_000).env("FAULT_EXCHANGE", "200000").start()
}

/// What a run that nobody disturbs gives: on stdout, in its file, and after how long.
struct Whole {
    stdout: Vec<u8>,
    file: Option<Vec<u8>>,
    took: Duration,
}

impl Whole {
    fn of(place: &Place, flow: &[&str]) -> Whole {
        let outcome = start(place, flow).wait();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{flow:?}");
        let file = std::fs::read(place.path("out.txt")).ok();
        assert!(!outcome.stdout.is_empty() || file.is_some(), "{flow:?} gives nothing");
        Whole { stdout: outcome.stdout, file, took: outcome.took }
    }

    /// The promise; a run's processes and temporary files are looked for by `wait`.
    fn check(&self, place: &Place, outcome: &Outcome, victim: Victim, about: &str) {
        let stderr = &outcome.stderr;
        let reads_a_victim = victim == Command && about.contains("pipes");
        let file = std::fs::read(place.path("out.txt")).ok();
        let mut names = vec!["few.txt".to_owned(), "in.txt".to_owned()];
        if file.is_some() {
            names.push("out.txt".to_owned());
        }
        assert_eq!(place.names(), names, "{about}: a half-written file is left\n{stderr}");
        assert!(file.is_none() || file == self.file, "{about}: the file is another\n{stderr}");
        match (outcome.code, outcome.signal) {
            (Some(0), None) => {
                // A shell that goes on says whom it has lost.
                assert!(stderr.is_empty() || victim == Command, "{about}: {stderr}");
                assert!(outcome.stdout == self.stdout, "{about}: other bytes, and no error");
                assert!(file == self.file, "{about}: no file, and no error");
                return;
            }
            (Some(1), None) => {
                let says_why = stderr.lines().any(|line| line.starts_with("Error: "));
                assert!(says_why, "{about}: {stderr}");
            }
            (None, Some(9)) if victim == Program => {}
            other => panic!("{about}: {other:?}\n{stderr}"),
        }
        // A command that reads another one's output takes what a killed one has written for the
        // whole, and its rows may be out before the error.
        if !reads_a_victim {
            assert!(self.stdout.starts_with(&outcome.stdout), "{about}: other bytes\n{stderr}");
        }
    }
}

#[test]
fn a_kill_at_any_moment_gives_the_right_bytes_or_an_error_and_leaves_nothing() {
    let kills = number("GLEAMFLOW_KILLS", 30);
    let seed = number("GLEAMFLOW_KILLS_SEED", 1);
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let place = Place::with_input(input());
    let few: String = (0..40).map(|row| format!("{row}\n")).collect();
    place.write("few.txt", few);
    let fresh = || drop(std::fs::remove_file(place.path("out.txt")));

    let mut whole = Vec::new();
    for (flow, _) in FLOWS {
        whole.push(Whole::of(&place, flow));
        fresh();
    }
    let mut counts: BTreeMap<(Victim, &str), u64> = BTreeMap::new();
    for round in 0..kills {
        let which = chance.below(FLOWS.len() as u64) as usize;
        let (flow, victims) = FLOWS[which];
        let victim = victims[chance.below(victims.len() as u64) as usize];
        let moment = whole[which].took.mul_f64(chance.below(1000) as f64 / 1000.0);
        let about = format!("run {round} of seed {seed}, {}, {victim:?} after {moment:?}", flow[0]);

        let running = start(&place, flow);
        std::thread::sleep(moment);
        // A kind that is not there yet may come; one that has gone doesn't.
        let since = Instant::now();
        let mut hit = victim.find(&running, &mut chance);
        while hit.is_none() && since.elapsed() < whole[which].took / 4 {
            std::thread::sleep(Duration::from_millis(1));
            hit = victim.find(&running, &mut chance);
        }
        if let Some(pid) = hit {
            send_signal(pid, 9);
        }
        let outcome = running.wait();
        whole[which].check(&place, &outcome, victim, &about);
        let end = match (hit, outcome.code) {
            (None, _) => "not there any more",
            (_, Some(0)) => "hit, and the run was right",
            (_, Some(_)) => "hit, and the run was an error",
            (_, None) => "hit, and the program ended by it",
        };
        *counts.entry((victim, end)).or_default() += 1;
        fresh();
        if (round + 1) % 100 == 0 {
            println!("{} of {kills} runs", round + 1);
        }
    }
    let mut hits = 0;
    for ((victim, end), count) in &counts {
        println!("{victim:?}: {end}: {count}");
        hits += if end.starts_with("hit") { *count } else { 0 };
    }
    println!("{kills} runs, {hits} hit");
    assert!(hits * 2 >= kills, "only {hits} of {kills} runs were hit");
}
