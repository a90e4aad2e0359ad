//! Commands with options: which codes are failures, how long they may take, running them again, and
//! where their stderr goes.

use std::time::Duration;

use crate::program::{Place, lines, send_signal};

#[test]
fn a_code_that_is_accepted_is_no_failure_and_any_other_is() {
    let place = Place::with_input("a\n");
    for operator in ["pipe", "pipe_as_args", "pipe_rows"] {
        let exits = "cat <&0; exit 1";
        let run = |options: &str, command: &str| {
            place.program(["shell", operator, &place.input(), options, command]).run()
        };
        assert_eq!(run("accept=0,1", exits).code, Some(0), "{operator}");
        let on = if operator == "pipe_as_args" { "\n  on \"a\"" } else { "" };
        run("accept=0,1", "cat <&0; exit 2")
            .fails(&format!("HERE, {operator}: `cat <&0; exit 2` exited with code 2{on}"));
        run("accept=0,3", exits).fails(&format!(
            "HERE, {operator}: `cat <&0; exit 1` exited with code 1{on}\n\n\
             hint: where that is no failure: `Shell::new(…).accept([0, 1, 3])`"
        ));
        run("accept=1", "cat <&0").fails(&format!(
            "HERE, {operator}: `cat <&0` exited with code 0{on}\n\n\
             hint: a command that succeeds exits with 0; where that is fine, too: \
             `Shell::new(…).accept([0, 1])`"
        ));
    }
}

#[test]
fn a_program_without_a_shell_that_is_missing_or_none_is_named() {
    let place = Place::with_input("a\n");
    place.program(["shell", "pipe", &place.input(), "argv", "no-such-command -x"]).run().fails(
        "HERE, pipe: cannot start `no-such-command -x`: No such file or directory (os error 2)\n\n\
         hint: is the command installed, and in PATH?",
    );
    place.program(["shell", "pipe_as_args", &place.input(), "argv", &place.input()]).run().fails(
        "HERE, pipe_as_args: cannot start `DIR/in.txt`: Permission denied (os error 13)\n  \
         on \"a\"\n\nhint: is the command executable?",
    );
}

#[test]
fn a_folder_that_is_not_there_is_named_and_not_the_command() {
    let place = Place::with_input("a\n");
    let folder = place.path("nowhere");
    let options = format!("dir={folder}");
    place.program(["shell", "pipe", &place.input(), &options, "cat"]).run().fails(
        "HERE, pipe: `cat` cannot run in DIR/nowhere: No such file or directory (os error 2)",
    );
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let place = Place::with_input("a\nb\n");
    let hint = "\n\nhint: `timeout` of its `Shell` says how long it may take";
    for (operator, command, on) in [
        ("pipe", "sleep 1000", ""),
        ("pipe_rows", "sleep 1000", ""),
        ("pipe_as_args", "sleep 1000", "\n  on \"a\""),
        // Its output has ended, and it goes on.
        ("pipe", "exec >&-; sleep 1000", ""),
        ("pipe_as_args", "exec >&-; sleep 1000", "\n  on \"a\""),
        // It takes no rows, and writes without end.
        ("pipe", "yes", ""),
    ] {
        let outcome =
            place.program(["shell", operator, &place.input(), "timeout_ms=300", command]).run();
        let fails = format!("HERE, {operator}: `{command}` has taken longer than 300ms{on}{hint}");
        outcome.fails(&fails);
        assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
    }
    place
        .program(["shell", "pipe", &place.input(), "timeout_ms=60000", "cat"])
        .run()
        .prints("a\nb\n");
}

#[test]
fn a_command_that_fails_at_first_is_run_again_on_the_same_rows() {
    let text = lines(300_000);
    let place = Place::with_input(&text);
    let tries = place.path("tries");
    // It has read and written much before it fails, or little.
    for fails in ["head -n 200000", "head -n 3", "true", "cat", "exec <&-"] {
        let command = format!(
            "echo >>{tries}; if [ $(wc -l <{tries}) -lt 3 ]; then {fails}; exit 7; else cat; fi"
        );
        for memory in ["96M", "4G"] {
            let outcome = place
                .program(["shell", "pipe", &place.input(), "retries=2", &command])
                .workers(1)
                .env("GLEAMFLOW_MEMORY", memory)
                .env("FAULT_WARNINGS", "1")
                .run();
            assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
            let (said, rows) = outcome.text().split_once("; it is run again\n").map_or_else(
                || panic!("no warning: {:.200}", outcome.text()),
                |(said, rows)| (said.to_owned(), rows.to_owned()),
            );
            assert!(
                said.starts_with("warning: ") && said.ends_with(" exited with code 7"),
                "{said}"
            );
            assert!(rows == text, "{fails}: {} bytes", rows.len());
            std::fs::remove_file(&tries).unwrap();
        }
    }
}

#[test]
fn a_row_s_command_that_fails_at_first_gives_its_lines_once() {
    let place = Place::with_input("1\n2\n3\n");
    let tried = place.path("tried");
    let command = format!("echo $1; seq $1; [ -e {tried}$1 ] || {{ touch {tried}$1; exit 7; }}");
    place
        .program(["shell", "pipe_as_args", &place.input(), "retries=1", &command])
        .run()
        .prints("1\n1\n2\n1\n2\n3\n1\n2\n3\n");
}

#[test]
fn a_command_that_fails_each_time_says_so() {
    let place = Place::with_input("a\n");
    let runs = place.path("runs");
    let command = format!("cat; echo >>{runs}; echo bad >&2; exit 7");
    let outcome = place.program(["shell", "pipe", &place.input(), "retries=2", &command]).run();
    outcome.fails_after(
        "bad\nbad\nbad\n",
        &format!(
            "HERE, pipe: `{}` exited with code 7, in the last of 3 runs\n  stderr: bad",
            command.replace(&place.path(""), "DIR/")
        ),
    );
    assert_eq!(outcome.text(), "");
    assert_eq!(std::fs::read_to_string(&runs).unwrap(), "\n\n\n");
}

#[test]
fn a_failure_before_a_command_is_not_the_command_s_to_repeat() {
    let place = Place::with_input("a\n");
    let outcome = place
        .program(["map_shell", &place.input(), "function(x) error('boom', 0) end", "retries=5"])
        .run();
    outcome.fails("HERE, map, line 1 of its function: boom\n  on DIR/in.txt, line 1: \"a\"");
    assert!(outcome.took < Duration::from_secs(20), "{:?}", outcome.took);
}

#[test]
fn stderr_goes_where_it_is_told_to() {
    let place = Place::with_input("a\n");
    let says = "echo said >&2; echo $1; cat";
    for (operator, rows) in [("pipe", "\na\n"), ("pipe_as_args", "a\n")] {
        let run = |options: &str, command: &str| {
            place.program(["shell", operator, &place.input(), options, command]).run()
        };
        run("quiet", says).prints(rows);
        run("merge", says).prints(&format!("said\n{rows}"));
        let passed = run("", says);
        assert_eq!((passed.stderr.as_str(), passed.text().as_str()), ("said\n", rows));
        // What is not passed on is in the error all the same.
        let on = if operator == "pipe_as_args" { "\n  on \"a\"" } else { "" };
        run("quiet", "echo why >&2; exit 9").fails(&format!(
            "HERE, {operator}: `echo why >&2; exit 9` exited with code 9\n  stderr: why{on}"
        ));
    }
}

#[test]
fn what_killed_a_command_is_named_also_if_a_shell_says_so() {
    let place = Place::with_input("a\n");
    let outcome = place.program(["pipe", &place.input(), "sh -c 'kill -9 $$'; exit $?"]).run();
    assert!(
        outcome.stderr.contains("exited with code 137, as a shell does on signal 9 (SIGKILL)"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("hint: who has killed it?"), "{}", outcome.stderr);
}

#[test]
fn of_a_line_that_is_one_pipe_the_command_that_failed_is_named() {
    let place = Place::with_input("a\n");
    place.program(["pipe", &place.input(), "grep x | wc -l"]).run().fails(
        "HERE, pipe: `grep x` of `grep x | wc -l` exited with code 1\n\n\
         hint: grep exits with 1 when no line matches; where that is fine: \
         `Shell::new(…).accept([0, 1])`",
    );
    place.program(["pipe", &place.input(), "cat | no-such-command | cat"]).run().fails_after(
        "sh: 1: no-such-command: not found\n",
        "HERE, pipe: `no-such-command` of `cat | no-such-command | cat` exited with code 127\n  \
         stderr: sh: 1: no-such-command: not found\n\n\
         hint: is the command installed, and in PATH?",
    );
    place.program(["pipe_as_args", &place.input(), "false | cat"]).run().fails(
        "HERE, pipe_as_args: `false` of `false | cat` exited with code 1\n  on \"a\"\n\n\
         hint: where that is no failure: `Shell::new(…).accept([0, 1])`",
    );
    place
        .program(["shell", "pipe", &place.input(), "accept=0,1", "grep x | wc -l"])
        .run()
        .prints("0\n");
}

#[test]
fn a_command_whose_reader_has_gone_dies_of_that_in_silence() {
    let place = Place::with_input(lines(300_000));
    for line in ["yes | head -n 1", "exec yes | head -n 1", "yes | head -n 1; true"] {
        place.program(["pipe", &place.input(), line]).run().prints("y\n");
    }
    place.program(["pipe", &place.input(), "cat | head -n 1"]).run().prints("line 1\n");
    place.program(["pipes", &place.input(), "exec yes", "head -n 1"]).run().prints("y\n");
}

#[test]
fn a_pipe_in_a_line_is_ended_as_a_whole() {
    let place = Place::with_input("a\n");
    let hint = "\n\nhint: `timeout` of its `Shell` says how long it may take";
    let line = "sleep 1000 | sleep 1000 | sleep 1000";
    place
        .program(["shell", "pipe", &place.input(), "timeout_ms=300", line])
        .run()
        .fails(&format!("HERE, pipe: `sleep 1000` of `{line}` has taken longer than 300ms{hint}"));
}

#[test]
fn columns_whose_command_fails_leave_nothing_behind() {
    let place = Place::with_input(lines(100_000));
    let pair = "function(x) return x, x end";
    let run = |options: &str, command: &str| {
        place
            .program(["map_pipe_columns", &place.input(), pair, options, command])
            .least_memory(1)
            .run()
    };
    let outcome = run("", "head -n 10; kill -9 $$");
    assert!(outcome.stderr.contains("was killed by signal 9 (SIGKILL)"), "{}", outcome.stderr);
    let outcome = run("", "head -n 1000");
    outcome.fails(
        "HERE, pipe_columns: `head -n 1000` wrote 1000 lines for 100000 rows\n\n\
         hint: it takes a line for each row, in order; other commands are for `pipe`",
    );
    assert!(outcome.text().starts_with("line 1\tline 1\n"));
    run("", "cat; echo more").fails(
        "HERE, pipe_columns: `cat; echo more` wrote 100001 lines for 100000 rows\n\n\
         hint: it takes a line for each row, in order; other commands are for `pipe`",
    );
    run("timeout_ms=500", "sleep 1000").fails(
        "HERE, pipe_columns: `sleep 1000` has taken longer than 500ms\n\n\
         hint: `timeout` of its `Shell` says how long it may take",
    );
    let both: String = (1..=100_000).map(|n| format!("line {n}\tline {n}\n")).collect();
    let outcome = run("", "tac | tac");
    assert!(outcome.code == Some(0) && outcome.text() == both, "{}", outcome.stderr);
}

#[test]
fn a_worker_killed_before_columns_and_their_command_ends_the_run() {
    let place = Place::with_input(lines(300_000));
    let started = place.path("started");
    let pair = format!(
        "function(x) if x == 'line 250000' then io.open('{started}', 'w'):close() while true do end end \
         return x, x end"
    );
    for command in ["cat", "tac"] {
        let running = place
            .program(["map_pipe_columns", &place.input(), &pair, "", command])
            .workers(1)
            .start();
        running.until_file(&started);
        running.workers().iter().for_each(|worker| send_signal(worker.pid, 9));
        let outcome = running.wait();
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("SIGKILL"), "{}", outcome.stderr);
        std::fs::remove_file(&started).unwrap();
    }
}

#[test]
fn commands_that_run_at_once_all_end_with_a_killed_program() {
    let place = Place::with_input(lines(30));
    for (signal, options) in [(9, "jobs=4"), (2, "jobs=4"), (9, "jobs=3 batch=2")] {
        let started = place.path("started");
        // What a shell has started, and what that has.
        let command = "echo x >>started; sleep 1000 & sh -c 'sleep 1000; echo'; wait";
        let options = format!("{options} dir={}", place.path(""));
        let running =
            place.program(["shell", "pipe_as_args", &place.input(), &options, command]).start();
        let jobs = options[5..6].parse().expect("it begins with the jobs");
        running.until("all of them", |_| {
            let all = std::fs::read_to_string(&started).ok()?;
            (all.lines().count() == jobs).then_some(())
        });
        // A command runs a moment before the guard knows of it.
        std::thread::sleep(Duration::from_millis(300));
        running.signal(signal);
        assert_eq!(running.wait().signal, Some(signal));
        std::fs::remove_file(&started).unwrap();
    }
}

#[test]
fn a_row_that_fails_ends_the_commands_of_later_ones() {
    let place = Place::with_input(lines(30));
    let command = "case $1 in *1) until [ -e started ]; do sleep 0.01; done; exit 7 ;; esac
        touch started; sleep 1000";
    let options = format!("jobs=4 dir={}", place.path(""));
    let outcome = place.program(["shell", "pipe_as_args", &place.input(), &options, command]).run();
    let message = outcome.stderr.replace(command, "COMMAND");
    assert!(message.contains("`COMMAND` exited with code 7\n  on \"line 1\""), "{message}");
    assert_eq!(outcome.code, Some(1));
}

#[test]
fn a_batch_s_command_that_fails_at_first_gives_its_lines_once() {
    let place = Place::with_input(lines(5));
    let command = "echo $#; [ -e $# ] || { touch $#; exit 3; }";
    let options = format!("retries=1 batch=2 jobs=1 dir={}", place.path(""));
    let outcome = place.program(["shell", "pipe_as_args", &place.input(), &options, command]).run();
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "2\n2\n1\n"));
}
