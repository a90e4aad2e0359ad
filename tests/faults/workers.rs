//! Workers that are killed, and an engine that is.

use std::time::Duration;

use crate::program::{Place, Running, lines, send_signal};

const SLOW: &str = "function(x) if x == 'line 100' then os.execute('sleep 1000') end return x end";

/// Waits until a step of a worker sleeps, and kills one of the workers.
fn kill_a_worker_when_one_sleeps(running: &Running) {
    let worker = running.until("worker", |running| {
        let asleep = running.processes().iter().any(|p| p.arguments.contains(&"1000".into()));
        let mut workers = running.workers();
        if asleep { workers.pop() } else { None }
    });
    send_signal(worker.pid, 9);
}

#[test]
fn a_killed_worker_is_an_error_that_says_how_it_ended() {
    let place = Place::with_input(lines(1000));
    for workers in [1, 2] {
        let running = place.program(["map", &place.input(), SLOW]).workers(workers).start();
        kill_a_worker_when_one_sleeps(&running);
        running.wait().fails(
            "HERE, save_text_to: a worker was killed by signal 9 (SIGKILL)\n\n\
             hint: the system kills processes when memory is short: see `memory`",
        );
    }
}

#[test]
fn a_worker_killed_before_an_exchange_is_an_error_at_once() {
    let place = Place::with_input(lines(1000));
    let lua = "function(x) if x == 'line 1000' then os.execute('sleep 1000') end return x, 1 end";
    let running = place
        .program(["reduce", &place.input(), lua, "function(a, b) return a end"])
        .workers(2)
        .split(1000)
        .start();
    running.until("sleep", |running| {
        running.processes().iter().any(|p| p.arguments.contains(&"1000".into())).then_some(())
    });
    for worker in running.workers() {
        crate::program::send_signal(worker.pid, 9);
    }
    let outcome = running.wait();
    outcome.fails(
        "HERE, save_text_to: a worker was killed by signal 9 (SIGKILL)\n\n\
         hint: the system kills processes when memory is short: see `memory`",
    );
    assert_eq!(outcome.text(), "");
}

#[test]
fn a_worker_killed_amid_bad_rows_leaves_the_dead_letters_of_the_run_before() {
    let place = Place::with_input(lines(1000));
    let letters = place.path("bad");
    std::fs::write(&letters, "of the run before").unwrap();
    let slow = "function(x)
        if x == 'line 100' then os.execute('sleep 1000') end
        if x:find('7') then error('a seven') end
        return x
    end";
    let running =
        place.program(["dead_letters", &place.input(), slow, &letters]).workers(2).split(1000);
    let running = running.start();
    running.until("sleep", |running| {
        running.processes().iter().any(|p| p.arguments.contains(&"1000".into())).then_some(())
    });
    running.workers().iter().for_each(|worker| crate::program::send_signal(worker.pid, 9));
    running.wait().fails(
        "HERE, save_lines_to: a worker was killed by signal 9 (SIGKILL)\n\n\
         hint: the system kills processes when memory is short: see `memory`",
    );
    assert_eq!(std::fs::read_to_string(&letters).unwrap(), "of the run before");
    assert_eq!(place.names(), ["bad", "in.txt"]);
}

#[test]
fn a_worker_killed_while_a_table_is_made_or_looked_into_is_an_error() {
    let place = Place::with_input(lines(1000));
    let look_up =
        "function(x) if x == 'line 100' then os.execute('sleep 1000') end return tables.of[x] end";
    for steps in
        [[SLOW, "function(x) return tables.of[x] end"], ["function(x) return x, x end", look_up]]
    {
        let running =
            place.program(["table", &place.input(), steps[0], steps[1]]).workers(2).start();
        kill_a_worker_when_one_sleeps(&running);
        running.wait().fails(
            "HERE, save_text_to: a worker was killed by signal 9 (SIGKILL)\n\n\
             hint: the system kills processes when memory is short: see `memory`",
        );
    }
}

#[test]
fn a_worker_killed_beside_closures_ends_the_run_and_is_in_its_report() {
    let place = Place::with_input(lines(1000));
    let running = place.program(["map_closure", &place.input(), SLOW]).workers(2).start();
    kill_a_worker_when_one_sleeps(&running);
    let outcome = running.wait();
    outcome.fails(
        "HERE, count: a worker was killed by signal 9 (SIGKILL)\n\n\
         hint: the system kills processes when memory is short: see `memory`",
    );
    assert_eq!(outcome.text(), "false, 3 stages\n");
}

#[test]
fn a_stopped_worker_goes_on_when_it_is_continued() {
    let place = Place::with_input(lines(300_000));
    let running =
        place.program(["map", &place.input(), "function(x) return x end"]).workers(1).start();
    let worker = running.until("worker", |running| running.workers().pop());
    crate::program::send_signal(worker.pid, 19);
    std::thread::sleep(Duration::from_millis(300));
    crate::program::send_signal(worker.pid, 18);
    running.wait().prints(&lines(300_000));
}

#[test]
fn when_the_program_is_killed_its_workers_end() {
    let place = Place::with_input(lines(1000));
    let busy = "function(x) if x == 'line 100' then while true do end end return x end";
    let to = place.path("out.txt");
    let running = place.program(["save_mapped", &place.input(), busy, &to]).workers(2).start();
    running.until("worker", |running| running.workers().pop());
    std::thread::sleep(Duration::from_millis(200));
    running.signal(9);
    let outcome = running.wait();
    assert_eq!(outcome.signal, Some(9));
    assert_eq!(place.names(), ["in.txt"]);
}

#[test]
fn when_the_program_is_killed_its_commands_end() {
    let place = Place::with_input(lines(1000));
    for (scenario, command) in [
        // A shell that becomes its command, one that waits for it, and one that heeds nothing.
        ("pipe", "sleep 1000"),
        ("pipe", "sleep 1000; cat"),
        ("pipe", "trap '' TERM INT HUP PIPE; sleep 1000; sleep 1000; cat"),
        ("pipe_as_args", "sleep 1000; echo $1"),
    ] {
        let running = place.program([scenario, &place.input(), command]).workers(2).start();
        running.until("command", |running| {
            let found = running.processes();
            found.iter().any(|p| p.arguments == ["sleep", "1000"]).then_some(())
        });
        // We may have seen the command before the program has had time for its next system call.
        std::thread::sleep(Duration::from_millis(200));
        running.signal(9);
        assert_eq!(running.wait().signal, Some(9), "{command}");
    }
}

#[test]
fn commands_older_than_their_guard_end_with_a_killed_program() {
    let place = Place::with_input("gate\nfirst\nlast\n");
    let go = place.path("go");
    let command = format!(
        "case $1 in
        first) sleep 1000 ;;
        gate) until [ -e {go} ]; do sleep 0.01; done ;;
        last) sleep 1001 ;;
        esac"
    );
    let running = place.program(["pipe_as_args", &place.input(), &command]).workers(2).start();
    let sleeps = |running: &Running<'_>, seconds: &str| {
        running.processes().iter().any(|p| p.arguments == ["sleep", seconds]).then_some(())
    };
    running.until("first command", |running| sleeps(running, "1000"));
    let guards = |running: &Running<'_>| -> Vec<i32> {
        let all = running.processes().into_iter();
        all.filter(|p| p.arguments.iter().any(|a| a == "gleamflow-guard")).map(|p| p.pid).collect()
    };
    let old = running.until("guard", |running| guards(running).pop());
    send_signal(old, 9);
    place.write("go", "");
    running.until("last command", |running| sleeps(running, "1001"));
    running.until("second guard", |running| guards(running).into_iter().find(|pid| *pid != old));
    // It may not have been told yet of the command that we have seen.
    std::thread::sleep(Duration::from_millis(200));
    running.signal(9);
    assert_eq!(running.wait().signal, Some(9));
}

#[test]
fn when_the_program_is_killed_while_it_spills_no_file_stays() {
    let place = Place::with_input(lines(1_500_000));
    let running = place.program(["sort", &place.input()]).least_memory(1).start();
    running.until("temporary file", |running| {
        let worker = running.workers().pop()?;
        let files = std::fs::read_dir(format!("/proc/{}/fd", worker.pid)).ok()?;
        let mut names = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        names.any(|name| name.to_string_lossy().contains("/temporary/")).then_some(())
    });
    running.signal(9);
    assert_eq!(running.wait().signal, Some(9));
}

#[test]
fn ctrl_c_ends_the_program_with_all_that_it_has_started() {
    let place = Place::with_input(lines(1000));
    let busy = "function(x) if x == 'line 900' then while true do end end return x end";
    for command in ["cat", "sleep 1000", "sleep 1000; cat"] {
        // Where the tests run in the background, Ctrl-C is ignored from the start.
        let running = place
            .shell(
                r#"exec env --default-signal=INT "$@""#,
                ["map_pipe", &place.input(), busy, command],
            )
            .workers(2)
            .split(2000)
            .start();
        running.until("worker", |running| running.workers().pop());
        std::thread::sleep(Duration::from_millis(300));
        running.signal_group(2);
        let outcome = running.wait();
        // What a shell shows as 130.
        assert_eq!((outcome.signal, outcome.stderr.as_str()), (Some(2), ""), "{command}");
    }
}

#[test]
fn a_worker_that_comes_too_late_does_not_run_the_programs_main() {
    let place = Place::with_input("a\n");
    // The first row is enough, and more workers are being started for the others.
    place.write("in.txt", lines(50));
    for _ in 0..30 {
        place
            .program(["map_limit", &place.input(), "function(x) return x end", "1"])
            .workers(8)
            .split(10)
            .run()
            .prints("line 1\n");
    }
}

#[test]
fn a_run_that_cannot_have_its_temporary_file_leaves_no_worker() {
    let place = Place::with_input("b\na\n");
    let outcome =
        place.program(["failures", &place.input(), "10"]).env("GLEAMFLOW_TMPDIR", "/proc").run();
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "0 children\n"));
    let error = ": cannot create a temporary file in /proc";
    assert_eq!(outcome.stderr.matches(error).count(), 10, "{}", outcome.stderr);
}

#[test]
fn the_time_of_workers_is_part_of_the_programs() {
    let place = Place::with_input("a\n");
    let burns = "function(x) while os.clock() < 0.5 do end return x end";
    let outcome = place.shell(r#""$@" && times >&2"#, ["map", &place.input(), burns]).run();
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "a\n"));
    // Of the shell, and then of its children, minutes and seconds in user code and in the kernel: `0m0.510s 0m0.004s`.
    let seconds: f64 = outcome
        .stderr
        .lines()
        .last()
        .unwrap()
        .split_ascii_whitespace()
        .map(|time| time.trim_start_matches("0m").trim_end_matches('s').parse::<f64>().unwrap())
        .sum();
    assert!(seconds >= 0.49, "{}", outcome.stderr);
}

#[test]
fn a_forked_child_runs_flows_of_its_own() {
    let place = Place::with_input("a\nb\na\n");
    place.program(["fork_between", &place.input()]).run().prints("before: 2\nchild: 2\nafter: 2\n");
}

#[test]
fn workers_of_a_killed_program_end_though_a_forked_child_lives() {
    let place = Place::with_input("a\n");
    let running = place.program(["fork_and_sleep", &place.input()]).start();
    let child = place.path("in.txt.child");
    let child: i32 = running.until("child", |_| std::fs::read_to_string(&child).ok()?.parse().ok());
    assert_eq!(running.workers().len(), 1);
    running.signal(9);
    running.until("end of the workers", |running| running.workers().is_empty().then_some(()));
    assert!(running.processes().iter().any(|process| process.pid == child));
    crate::program::send_signal(child, 9);
    assert_eq!(running.wait().signal, Some(9));
}

#[test]
fn a_program_named_as_worker_that_never_answers_is_an_error() {
    let place = Place::with_input("a\n");
    let silent = place.write("silent", "#!/bin/sh\ntrap '' TERM\nsleep 1000\nsleep 1000\n");
    std::fs::set_permissions(&silent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let map = || {
        let program = place.program(["map", &place.input(), "function(x) return x end"]);
        program.env("GLEAMFLOW_WORKER", &silent).start()
    };
    map().wait().fails(
        "HERE, save_text_to: a worker said nothing for 10 s\n\n\
         hint: GLEAMFLOW_WORKER names a program that links gleamflow",
    );
    // It does not see the end of a program that is killed, and yet ends with it.
    let running = map();
    running.until("worker", |running| {
        running.processes().iter().any(|p| p.arguments == ["sleep", "1000"]).then_some(())
    });
    std::thread::sleep(Duration::from_millis(200));
    running.signal(9);
    assert_eq!(running.wait().signal, Some(9));
}
