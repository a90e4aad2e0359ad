//! Runs that are ended from outside: cancelled, overdue, dropped. Nothing of them is left when the
//! terminal returns, and the flow can run again.

use std::time::Duration;

use crate::program::{Outcome, Place, Program, lines, send_signal};

const KEEP: &str = "function(x) return x end";

/// Lua that makes the file `go` and then never ends.
fn endless(go: &str) -> String {
    format!(
        "function(x)
            if x == 'line 100' then
                io.open('{go}', 'w'):close()
                while true do end
            end
            return x
        end"
    )
}

/// A command that writes what it gets, makes the file `go` and then sleeps.
fn asleep(go: &str) -> String {
    format!("cat; touch {go}; sleep 100")
}

/// Runs the program and looks, once the terminal has returned, at what is left while it lives on.
fn ended(place: &Place, program: Program<'_>) -> Outcome {
    let running = program.start();
    running.until_file(&place.path("out.returned"));
    // What was dropped without being waited for has a moment.
    running.until("end of commands", |running| {
        let mut left = running.processes();
        left.retain(|process| process.pid != running.pid());
        left.retain(|process| process.arguments != ["gleamflow-worker"]);
        let busy = running.workers().iter().any(|worker| is_busy(worker.pid));
        (left.iter().all(|process| is_guard(&process.arguments)) && !busy).then_some(())
    });
    let names = place.names();
    let known = ["in.txt", "out.go", "out.returned"];
    let others: Vec<_> = names.iter().filter(|name| !known.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "files are left: {others:?}");
    place.write("out.exit", "");
    running.wait()
}

/// What guards commands lives as long as the program.
fn is_guard(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument.contains("gleamflow-guard"))
}

/// Whether a process takes time of the processor.
fn is_busy(pid: i32) -> bool {
    let time = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_ascii_whitespace().nth(11).map(str::to_owned)
    };
    let before = time();
    std::thread::sleep(Duration::from_millis(100));
    time() != before
}

fn scenario<'a>(place: &'a Place, how: &str, lua: &str, command: &str) -> Program<'a> {
    let (input, out) = (place.input(), place.path("out"));
    place.program(["ended", how, &input, lua, command, &out]).workers(2)
}

#[test]
fn a_cancelled_run_is_an_error_and_leaves_nothing() {
    for how in ["cancel", "cancel_async"] {
        let place = Place::with_input(lines(1000));
        let outcome = ended(&place, scenario(&place, how, KEEP, &asleep(&place.path("out.go"))));
        let expected = "save_lines: the flow was cancelled\n  \
                        at work: pipe (0 of 1 commands done)\n  rows read so far: 1000\n\
                        completed: false\n";
        assert!(outcome.stderr.starts_with("Cancelled: "), "{}", outcome.stderr);
        assert!(outcome.stderr.ends_with(expected), "{}", outcome.stderr);
        assert_eq!(outcome.text(), "again: 1000\n");
    }
}

#[test]
fn a_cancelled_run_of_several_sinks_leaves_none_of_them() {
    let place = Place::with_input(lines(1000));
    let command = asleep(&place.path("out.go"));
    let outcome = ended(&place, scenario(&place, "cancel_run", KEEP, &command));
    assert!(outcome.stderr.starts_with("Cancelled: HERE, run: the flow was cancelled\n"));
    assert_eq!(outcome.text(), "again: 1000\n");
}

#[test]
fn a_loop_without_end_is_cancelled_with_its_worker() {
    let place = Place::with_input(lines(1000));
    let lua = endless(&place.path("out.go"));
    let outcome = ended(&place, scenario(&place, "cancel", &lua, "cat"));
    assert!(outcome.stderr.contains("at work: text_file → map → pipe (0 of 1 tasks done)"));
    assert_eq!(outcome.text(), "again: 1000\n");
}

#[test]
fn a_deadline_ends_a_command_with_its_group() {
    let place = Place::with_input(lines(1000));
    let outcome = ended(&place, scenario(&place, "deadline", KEEP, &asleep(&place.path("out.go"))));
    let expected = "Deadline: HERE, save_lines: not done within 2s\n  \
         at work: pipe (0 of 1 commands done)\n  rows read so far: 1000\n\n\
         hint: `deadline` sets how long a run may take, `step_timeout` how long a step for one \
         row\ncompleted: false\n";
    assert_eq!(outcome.stderr, expected);
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    assert_eq!(outcome.text(), "again: 1000\n");
}

#[test]
fn a_deadline_ends_commands_of_rows_and_those_that_heed_nothing() {
    let place = Place::with_input(lines(1000));
    let go = place.path("out.go");
    let command = format!("trap \'\' TERM INT HUP PIPE; cat; touch {go}; sleep 100; sleep 100");
    let outcome = ended(&place, scenario(&place, "deadline", KEEP, &command));
    assert!(outcome.stderr.starts_with("Deadline: "), "{}", outcome.stderr);
}

#[test]
fn a_deadline_ends_a_loop_without_end() {
    let place = Place::with_input(lines(1000));
    let lua = endless(&place.path("out.go"));
    let outcome = ended(&place, scenario(&place, "deadline", &lua, "cat"));
    assert!(outcome.stderr.starts_with("Deadline: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("at work: text_file → map → pipe"), "{}", outcome.stderr);
    assert_eq!(outcome.text(), "again: 1000\n");
}

#[test]
fn a_deadline_while_a_file_is_written_leaves_no_file() {
    let place = Place::with_input(lines(1000));
    // Rows come all the time, and never end.
    let command = format!("cat > /dev/null; touch {}; yes", place.path("out.go"));
    let outcome = ended(&place, scenario(&place, "deadline", KEEP, &command));
    assert!(outcome.stderr.starts_with("Deadline: "), "{}", outcome.stderr);
    assert!(!place.names().contains(&"out".to_owned()));
}

#[test]
fn a_dropped_future_and_a_dropped_stream_leave_nothing() {
    for how in ["drop_future", "drop_stream"] {
        let place = Place::with_input(lines(1000));
        let command = asleep(&place.path("out.go"));
        let outcome = ended(&place, scenario(&place, how, KEEP, &command));
        assert!(outcome.stderr.starts_with("dropped\n"), "{}", outcome.stderr);
        assert_eq!(outcome.text(), "again: 1000\n", "{how}");
        let place = Place::with_input(lines(1000));
        let lua = endless(&place.path("out.go"));
        let outcome = ended(&place, scenario(&place, how, &lua, "cat"));
        assert_eq!(outcome.text(), "again: 1000\n", "{how}");
    }
}

#[test]
fn a_run_whose_worker_was_killed_is_cancelled_or_fails_and_leaves_nothing() {
    let place = Place::with_input(lines(1000));
    let lua = endless(&place.path("out.go"));
    let running = scenario(&place, "cancel", &lua, "cat").start();
    running.until_file(&place.path("out.go"));
    running.workers().iter().for_each(|worker| send_signal(worker.pid, 9));
    running.until_file(&place.path("out.returned"));
    place.write("out.exit", "");
    let outcome = running.wait();
    assert!(outcome.stderr.starts_with("Worker: "), "{}", outcome.stderr);
    assert!(!place.names().contains(&"out".to_owned()));
}
