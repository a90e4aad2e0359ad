//! How programs, workers and many of them start, also where little is allowed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::program::{Place, can_be_nobody, program_path};

#[test]
fn a_program_that_uses_none_of_the_library_runs_its_own_main() {
    let place = Place::new();
    let path = program_path("idle_program");
    let text = format!("my own main, started as {}\n", path.display());
    place.command(Command::new(&path)).run().prints(&text);
    let mut command = Command::new("bash");
    command.args(["-c", "exec -a gleamflow-worker \"$0\""]).arg(&path);
    place.command(command).run().prints("my own main, started as gleamflow-worker\n");
}

#[test]
fn a_stranger_cannot_make_a_worker_of_a_program() {
    let place = Place::new();
    let lines = [
        r#"exec -a gleamflow-worker "$@""#,
        r#"exec -a gleamflow-worker "$@" <&-"#,
        r#"exec -a gleamflow-worker "$@" <&- >&1 2>&-"#,
        r#"true | exec -a gleamflow-worker "$@" | cat"#,
    ];
    for line in lines {
        place.shell(line, []).run().prints("my own main, started as gleamflow-worker\n");
    }
    // Over a socket, but not from a parent that is the same program.
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    place
        .shell(lines[0], [])
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .run()
        .prints("my own main, started as gleamflow-worker\n");
    drop(ours);
}

#[test]
fn a_worker_whose_program_has_ended_does_not_run_its_main() {
    let place = Place::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(ours);
    let outcome = place
        .shell(r#"exec -a gleamflow-worker "$@""#, [])
        .stdin(std::os::fd::OwnedFd::from(theirs))
        .run();
    assert_eq!((outcome.text().as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn a_program_under_the_workers_name_does_not_start_a_chain_of_programs() {
    let place = Place::with_input("a\n");
    place
        .shell(
            r#"exec -a gleamflow-worker "$@""#,
            ["map", &place.input(), "function(x) return x end"],
        )
        .run()
        .fails(
            "HERE, save_text_to: this program was started as a worker but could not be one\n\n\
             hint: `workers_in_process()` needs no other processes",
        );
}

/// A folder that everybody may use, with a copy of the fault program in it.
fn open_to_all() -> (Place, String) {
    let place = Place::with_input("a\n");
    let program = place.path("program");
    fs::copy(program_path("fault_program"), &program).unwrap();
    for (path, mode) in
        [(place.path(""), 0o755), (place.path("temporary"), 0o777), (program.clone(), 0o755)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (place, program)
}

const NOBODY: [&str; 5] = ["setpriv", "--reuid", "65534", "--regid", "65534"];

fn as_nobody(program: &str) -> Command {
    let mut command = Command::new(NOBODY[0]);
    command.args(&NOBODY[1..]).arg("--clear-groups").arg(program);
    command
}

#[test]
fn a_program_with_raised_privileges_runs_its_own_main() {
    if !can_be_nobody() {
        return;
    }
    let (place, program) = open_to_all();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let raised = place.command({
        let mut command = Command::new("setpriv");
        command.args(&NOBODY[1..]).args([
            "--clear-groups",
            "bash",
            "-c",
            "exec -a gleamflow-worker \"$0\" hello",
        ]);
        command.arg(&program);
        command
    });
    raised.run().prints("my own main, started as gleamflow-worker\n");
    // Its flows cannot have workers, and say so; they can have threads.
    let mut command = as_nobody(&program);
    command.args(["map", &place.input(), "function(x) return x end"]);
    let outcome = place.command(command).run();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let expected = "a program with raised privileges (setuid, capabilities) has no workers\n\n\
         hint: `workers_in_process()` needs no other processes\n";
    assert!(outcome.stderr.ends_with(expected), "{}", outcome.stderr);
    let mut command = as_nobody(&program);
    command.args(["map", &place.input(), "function(x) return x end"]);
    place.command(command).threads().run().prints("a\n");
}

#[test]
fn sixty_four_workers_run_at_once_as_an_ordinary_user() {
    if !can_be_nobody() {
        return;
    }
    let (place, program) = open_to_all();
    let rows: Vec<String> = (0..64).map(|row| format!("{row:02}\n")).collect();
    place.write("in.txt", rows.concat());
    // Nobody goes on before all are there.
    let meeting = place.path("meeting");
    fs::create_dir(&meeting).unwrap();
    fs::set_permissions(&meeting, fs::Permissions::from_mode(0o777)).unwrap();
    let lua = format!(
        "function(x)
  os.execute([[mkdir {meeting}/$$; until [ $(ls {meeting} | wc -l) = 64 ]; do sleep 0.5; done]])
  return io.open('/proc/self/stat'):read('*l'):match('^%d+')
end"
    );
    let mut command = as_nobody(&program);
    command.args(["map", &place.input(), &lua]).env_remove("HOME").current_dir("/");
    let outcome = place.command(command).workers(64).split(3).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let text = outcome.text();
    assert_eq!(text.lines().count(), 64);
    let workers: BTreeSet<&str> = text.lines().collect();
    assert_eq!(workers.len(), 64);
}

#[test]
fn ten_thousand_runs_of_one_row_need_few_descriptors() {
    let mut rows: Vec<String> =
        (0..10_000).map(|n| format!("{:05}\n", n * 7919 % 10_000)).collect();
    let place = Place::with_input(rows.concat());
    rows.sort();
    let outcome = place
        .shell(r#"ulimit -n 64; exec "$@""#, ["sort", &place.input()])
        .workers(2)
        .split(1)
        .env("FAULT_EXCHANGE", "1")
        .run();
    outcome.prints(&rows.concat());
}

#[test]
fn a_worker_that_cannot_be_started_is_an_error() {
    let place = Place::with_input("a\n");
    let hint = "\n\nhint: `workers_in_process()` needs no other processes";
    let map = |worker: &str| {
        place
            .program(["map", &place.input(), "function(x) return x end"])
            .env("GLEAMFLOW_WORKER", worker)
            .run()
    };
    map(&place.path("missing")).fails(&format!(
        "HERE, save_text_to: cannot start a worker (DIR/missing): No such file or directory (os \
         error 2){hint}"
    ));
    let outcome = map("/bin/true");
    assert_eq!(outcome.code, Some(1));
    let text = &outcome.stderr;
    assert!(text.starts_with("Error: HERE, save_text_to: a worker exited with code 0"), "{text}");
    // An empty variable counts as none.
    map("").prints("a\n");
    let outcome = map("/bin/cat");
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
}

/// No panic, no crash: an error that names the limit, or all rows.
fn fares_well(outcome: &crate::program::Outcome, limit: &str) -> bool {
    let text = outcome.text();
    if (outcome.code, text.as_str()) == (Some(0), "a\nb\n") {
        return true;
    }
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains(limit), "{outcome:?}");
    for word in ["panicked", "bug of gleamflow", "SIG"] {
        assert!(!outcome.stderr.contains(word), "{outcome:?}");
    }
    false
}

#[test]
fn a_program_short_of_descriptors_fails_with_the_limit() {
    let place = Place::with_input("b\na\n");
    let mut well = Vec::new();
    for most in (5..24).chain([40]) {
        let line = format!("ulimit -n {most}; exec \"$@\"");
        let outcome = place.shell(&line, ["sort_pipe", &place.input(), "cat"]).workers(2).run();
        well.push(fares_well(
            &outcome,
            &format!("hint: `ulimit -n` allows a process {most} open files"),
        ));
    }
    assert_eq!((well.first(), well.last()), (Some(&false), Some(&true)));
}

#[test]
fn a_program_short_of_threads_and_processes_fails_with_the_limit() {
    if !can_be_nobody() {
        return;
    }
    let (place, program) = open_to_all();
    place.write("in.txt", "b\na\n");
    let mut well = Vec::new();
    for (user, most) in (1..16).chain([60]).enumerate() {
        // What else a user runs counts, and what has just ended for a while too.
        let user = (64_000 + user).to_string();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid", &user, "--regid", "65534", "--clear-groups", "bash", "-c"])
            .arg(format!("ulimit -u {most}; exec \"$@\""))
            .args(["bash", &program, "sort_pipe", &place.input(), "cat"]);
        let outcome = place.command(command).workers(2).run();
        let forks = outcome.stderr.contains("Cannot fork");
        let limit = format!("hint: `ulimit -u` allows a user {most} processes and threads");
        // A shell that cannot start its command says so by itself.
        well.push(fares_well(&outcome, if forks { "Cannot fork" } else { &limit }));
    }
    assert_eq!((well.first(), well.last()), (Some(&false), Some(&true)));
}
