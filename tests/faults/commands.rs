//! Commands that are missing, fail, are killed, stopped, or write what is no row.

use std::time::Duration;

use crate::program::{Place, lines, send_signal};

const HINT: &str = "\n\nhint: is the command installed, and in PATH?";

#[test]
fn a_missing_command_is_named() {
    let place = Place::with_input("a\n");
    let said = "sh: 1: no-such-command: not found\n";
    place.program(["pipe", &place.input(), "no-such-command -x"]).run().fails_after(
        said,
        &format!(
            "HERE, pipe: `no-such-command -x` exited with code 127\n  \
         stderr: sh: 1: no-such-command: not found{HINT}"
        ),
    );
    place.program(["pipe_as_args", &place.input(), "no-such-command"]).run().fails_after(
        said,
        &format!(
            "HERE, pipe_as_args: `no-such-command` exited with code 127\n  \
         stderr: sh: 1: no-such-command: not found\n  on \"a\"{HINT}"
        ),
    );
}

#[test]
fn a_file_that_is_no_program_is_named() {
    let place = Place::with_input("a\n");
    place.program(["pipe", &place.input(), &place.input()]).run().fails_after(
        "sh: 1: DIR/in.txt: Permission denied\n",
        "HERE, pipe: `DIR/in.txt` exited with code 126\n  \
         stderr: sh: 1: DIR/in.txt: Permission denied\n\n\
         hint: is the command executable?",
    );
}

#[test]
fn a_command_that_fails_half_way_gives_its_code_and_the_end_of_stderr() {
    let place = Place::with_input(lines(100_000));
    let command = "head -n 10; echo one >&2; echo two >&2; exit 3";
    for workers in [1, 2] {
        let outcome = place.program(["pipe", &place.input(), command]).workers(workers).run();
        outcome.fails_after(
            "one\ntwo\n",
            &format!("HERE, pipe: `{command}` exited with code 3\n  stderr: one\n  stderr: two"),
        );
    }
    let to = place.path("out.txt");
    let outcome = place
        .program(["map_pipe_map", &place.input(), "function(x) return x end", command, "print"])
        .run();
    assert!(outcome.stderr.contains("Error: HERE, pipe: `head"), "{}", outcome.stderr);
    assert!(!place.names().contains(&to));
}

#[test]
fn of_a_long_stderr_the_end_is_kept() {
    let place = Place::with_input("a\n");
    let command = "seq 100000 >&2; exit 1";
    let outcome = place.program(["pipe", &place.input(), command]).run();
    assert_eq!(outcome.code, Some(1));
    let (said, error) = outcome.stderr.split_once("Error: ").unwrap();
    assert!(error.ends_with("\n  stderr: 99999\n  stderr: 100000\n"), "{error}");
    assert!(error.len() < 8000, "{}", error.len());
    let all: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(said == all, "{} bytes of {}", said.len(), all.len());
}

#[test]
fn of_several_commands_the_one_that_failed_is_named() {
    let place = Place::with_input(lines(100_000));
    place
        .program(["pipes", &place.input(), "cat", "cat >/dev/null; exit 4"])
        .run()
        .fails("HERE, pipe: `cat >/dev/null; exit 4` exited with code 4");
    place
        .program(["pipes", &place.input(), "cat >/dev/null; exit 5", "cat"])
        .run()
        .fails("HERE, pipe: `cat >/dev/null; exit 5` exited with code 5");
}

#[test]
fn a_line_that_a_killed_command_has_half_written_is_no_row() {
    let place = Place::with_input("1\n");
    for scenario in ["pipe", "pipe_as_args"] {
        let half = "printf 'whole\nhal'; kill -9 $$";
        let outcome = place.program([scenario, &place.input(), half]).run();
        assert!(outcome.stderr.contains("was killed by signal 9"), "{}", outcome.stderr);
        assert!(matches!(outcome.text().as_str(), "" | "whole\n"), "{:?}", outcome.text());
        let whole = "printf 'whole\nwell'";
        place.program([scenario, &place.input(), whole]).run().prints("whole\nwell\n");
    }
}

#[test]
fn a_command_killed_by_a_signal_is_an_error_that_names_it() {
    let place = Place::with_input(lines(1000));
    place
        .program(["pipe", &place.input(), "head -n 1; kill -9 $$"])
        .run()
        .fails("HERE, pipe: `head -n 1; kill -9 $$` was killed by signal 9 (SIGKILL)\n\n\
                hint: who has killed it? the system does so when memory runs out, and says so in its \
                log (`dmesg`)");
    place.program(["pipe_as_args", &place.input(), "kill -TERM $$"]).run().fails(
        "HERE, pipe_as_args: `kill -TERM $$` was killed by signal 15 (SIGTERM)\n  on \"line 1\"",
    );
}

#[test]
fn a_failed_command_takes_its_group_with_it() {
    let place = Place::with_input("a\n");
    let left = "sleep 1000 >/dev/null 2>&1 & exit 3";
    let outcome = place.program(["pipe", &place.input(), left]).run();
    outcome.fails("HERE, pipe: `sleep 1000 >/dev/null 2>&1 & exit 3` exited with code 3");
    assert!(outcome.took < Duration::from_secs(5), "{:?}", outcome.took);
    place
        .program([
            "map_pipe",
            &place.input(),
            "function(x) error('boom', 0) end",
            "sleep 1000; cat",
        ])
        .run()
        .fails("HERE, map, line 1 of its function: boom\n  on DIR/in.txt, line 1: \"a\"");
}

#[test]
fn a_row_fails_in_pipe_as_args_with_its_columns() {
    let place = Place::with_input("1\n2\n3\n4\n5\n");
    for workers in [1, 2, 8] {
        let outcome = place
            .program([
                "pipe_as_args",
                &place.input(),
                "if [ $1 = 2 ]; then sleep 0.3; echo bad >&2; exit 3; fi; [ $1 != 4 ] && echo $1",
            ])
            .workers(workers)
            .run();
        assert!(
            outcome.stderr.ends_with("exited with code 3\n  stderr: bad\n  on \"2\"\n"),
            "{}",
            outcome.stderr
        );
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(1), "1\n"));
    }
}

#[test]
fn a_nul_cannot_be_an_argument() {
    let place = Place::with_input("ok\na\0b\n");
    place
        .program(["pipe_as_args", &place.input(), "echo $1"])
        .run()
        .fails("HERE, pipe_as_args: column 1 has a NUL in it\n  on \"a\\x00b\"");
}

#[test]
fn output_that_is_not_frames_is_refused() {
    let place = Place::with_input("a\n");
    let hint = "\n\nhint: `pipe_rows` is for programs that speak frames; `pipe` takes lines";
    place
        .program(["pipe_rows", &place.input(), "cat >/dev/null; echo some text"])
        .run()
        .fails(&format!("HERE, pipe_rows: a command's output is not frames: a row of 1701670771 bytes is longer than the limit of 67108864{hint}"));
    place
        .program(["pipe_rows", &place.input(), "cat; printf '\\5\\0\\0\\0'"])
        .run()
        .fails("HERE, pipe_rows: a command's output ends within a frame");
}

#[test]
fn a_command_that_reads_no_more_is_no_failure() {
    let place = Place::with_input(lines(1_000_000));
    place.program(["pipe", &place.input(), "head -n 1"]).run().prints("line 1\n");
    place.program(["pipe", &place.input(), "exec <&-; echo x"]).run().prints("x\n");
    place.program(["pipe", &place.input(), "true"]).run().prints("");
    place.program(["pipes", &place.input(), "cat", "head -n 2"]).run().prints("line 1\nline 2\n");
    place
        .program(["pipes", &place.input(), "cat; yes", "head -n 2"])
        .run()
        .prints("line 1\nline 2\n");
}

#[test]
fn a_stopped_command_goes_on_when_it_is_continued() {
    let place = Place::with_input(lines(200_000));
    let started = place.path("started");
    let command =
        format!("head -n 10; echo $$ >{started}.new; mv {started}.new {started}; sleep 1; cat");
    let running = place.program(["pipe", &place.input(), &command]).start();
    running.until_file(&started);
    let pid: i32 = std::fs::read_to_string(&started).unwrap().trim().parse().unwrap();
    send_signal(-pid, 19);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!running.processes().is_empty());
    send_signal(-pid, 18);
    let outcome = running.wait();
    // `head` may take more from the pipe than it writes.
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(outcome.text().ends_with("line 200000\n"));
}

#[test]
fn a_program_stopped_as_a_whole_goes_on_when_it_is_continued() {
    let place = Place::with_input(lines(200_000));
    let started = place.path("started");
    let lua = format!(
        "function(x) if x == 'line 10' then io.open('{started}', 'w'):close() end return x end"
    );
    let running = place.program(["map_pipe", &place.input(), &lua, "cat"]).start();
    running.until_file(&started);
    running.signal_group(19);
    std::thread::sleep(Duration::from_millis(300));
    running.signal_group(18);
    running.wait().prints(&lines(200_000));
}

#[test]
fn what_a_command_says_is_seen_while_it_runs() {
    let place = Place::with_input("a\n");
    let gate = place.path("gate");
    let says = format!("printf 'he' >&2; echo llo >&2; until [ -e {gate} ]; do sleep 0.01; done");
    for (scenario, command) in [
        ("pipe", format!("{says}; printf 'no end' >&2; cat")),
        ("pipe_rows", format!("{says}; printf 'no end' >&2; cat")),
        ("pipe_as_args", format!("{says}; printf 'no end' >&2; echo $1")),
    ] {
        let running = place.program([scenario, &place.input(), &command]).start();
        running.until("message", |running| (running.stderr() == "hello\n").then_some(()));
        place.write("gate", "");
        let outcome = running.wait();
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "a\n"), "{scenario}");
        assert_eq!(outcome.stderr, "hello\nno end\n", "{scenario}");
        std::fs::remove_file(&gate).unwrap();
    }
}

#[test]
fn what_commands_say_at_once_comes_in_whole_lines() {
    let place = Place::with_input(lines(40));
    let says = "for i in 1 2 3 4 5; do printf '<' >&2; printf '%s' \"$1\" >&2; echo '>' >&2; done";
    let outcome = place.program(["pipe_as_args", &place.input(), says]).workers(8).run();
    assert_eq!(outcome.code, Some(0));
    let mut said: Vec<&str> = outcome.stderr.lines().collect();
    said.sort_unstable();
    let mut expected: Vec<String> =
        (1..=40).flat_map(|number| vec![format!("<line {number}>"); 5]).collect();
    expected.sort_unstable();
    assert_eq!(said, expected);
}

#[test]
fn a_closed_stderr_does_not_stop_a_command_that_says_much() {
    let place = Place::with_input("a\n");
    let outcome =
        place.shell(r#"exec "$@" 2>&-"#, ["pipe", &place.input(), "seq 100000 >&2; cat"]).run();
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "a\n"));
}

#[test]
fn what_a_command_leaves_running_ends_with_it() {
    let place = Place::with_input("a\n");
    for (scenario, command) in [
        ("pipe", "cat; sleep 1000 >/dev/null 2>&1 &"),
        ("pipe_rows", "cat; sleep 1000 >/dev/null 2>&1 &"),
        ("pipe_as_args", "echo $1; sleep 1000 >/dev/null 2>&1 &"),
    ] {
        // In the background, a shell reads nothing of its own stdin.
        let command = command.replace("cat;", "cat <&0;");
        place.program([scenario, &place.input(), &command]).run().prints("a\n");
    }
}

#[test]
fn a_session_of_its_own_outlives_its_command() {
    let place = Place::with_input("a\n");
    let (started, survived) = (place.path("started"), place.path("survived"));
    let command = format!(
        "setsid sh -c 'touch {started}; sleep 1; touch {survived}' >/dev/null 2>&1 & \
         until [ -e {started} ]; do sleep 0.01; done; cat"
    );
    let running = place.program(["pipe", &place.input(), &command]).start();
    running.until_file(&survived);
    running.wait().prints("a\n");
}

#[test]
fn a_command_that_is_ended_can_clean_up() {
    let place = Place::with_input("a\n");
    let (started, cleaned) = (place.path("started"), place.path("cleaned"));
    for (scenario, command) in [
        (
            "map_pipe",
            format!("trap 'touch {cleaned}; exit' TERM; touch {started}; cat; sleep 1000"),
        ),
        // Not the shell, but what it has started.
        (
            "map_pipe",
            format!(
                "sh -c \"trap 'sleep 0.2; touch {cleaned}; exit' TERM; touch {started}; sleep 1000 & wait\" | cat"
            ),
        ),
    ] {
        let fails =
            format!("function(x) while not io.open('{started}') do end error('boom', 0) end");
        place
            .program([scenario, &place.input(), &fails, &command])
            .run()
            .fails("HERE, map, line 1 of its function: boom\n  on DIR/in.txt, line 1: \"a\"");
        std::fs::remove_file(&cleaned).expect("the command has cleaned up");
        std::fs::remove_file(&started).unwrap();
    }
}

#[test]
fn a_command_that_does_not_end_when_it_is_asked_to_is_killed() {
    let place = Place::with_input("a\n");
    let started = place.path("started");
    let command = format!("trap '' TERM; touch {started}; sleep 1000; sleep 1000");
    let fails = format!("function(x) while not io.open('{started}') do end error('boom', 0) end");
    let outcome = place.program(["map_pipe", &place.input(), &fails, &command]).run();
    outcome.fails("HERE, map, line 1 of its function: boom\n  on DIR/in.txt, line 1: \"a\"");
    assert!(outcome.took >= Duration::from_secs(2), "{:?}", outcome.took);
}

#[test]
fn temporary_files_of_commands_go_with_the_run() {
    let place = Place::with_input("a\n");
    let leaves = "cat >/dev/null; mktemp; echo x >\"$TMPDIR/a file\"";
    for (scenario, command) in [
        ("pipe", leaves.to_owned()),
        ("pipe_as_args", leaves.to_owned()),
        ("pipe_rows", format!("({leaves}) >&2")),
    ] {
        let outcome = place.program([scenario, &place.input(), &command]).run();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let temporary = format!("{}{}", outcome.text(), outcome.stderr);
        let folder = place.temporary().join("gleamflow-");
        let normal = temporary.replace("DIR", &place.path(""));
        assert!(
            normal.replace("//", "/").starts_with(folder.to_str().unwrap()),
            "{temporary} is not in {folder:?}"
        );
    }
    // All commands of a run share it.
    let to = place.path("shared");
    place
        .program(["pipes", &place.input(), "echo x >$TMPDIR/x; cat", "read a; cat $TMPDIR/x"])
        .run()
        .prints("x\n");
    assert!(!place.names().contains(&to));
}

#[test]
fn temporary_files_of_commands_go_with_a_killed_program() {
    let place = Place::with_input("a\n");
    let started = place.path("started");
    let command = format!("mktemp; mktemp -d; touch {started}; sleep 1000; cat");
    let running = place.program(["pipe", &place.input(), &command]).start();
    running.until_file(&started);
    running.signal(9);
    assert_eq!(running.wait().signal, Some(9));
}

#[test]
fn a_grep_that_finds_nothing_is_told_how_to_be_no_error() {
    let place = Place::with_input("a\n");
    place.program(["pipe", &place.input(), "grep x"]).run().fails(
        "HERE, pipe: `grep x` exited with code 1\n\n\
         hint: grep exits with 1 when no line matches; where that is fine: \
         `Shell::new(…).accept([0, 1])`",
    );
    place.program(["pipe", &place.input(), "grep x || [ $? = 1 ]"]).run().prints("");
    place.program(["pipe", &place.input(), "grep x no-such-file || [ $? = 1 ]"]).run().fails_after(
        "grep: no-such-file: No such file or directory\n",
        "HERE, pipe: `grep x no-such-file || [ $? = 1 ]` exited with code 1\n  \
             stderr: grep: no-such-file: No such file or directory",
    );
}

#[test]
fn a_program_that_ignores_the_end_of_children_can_run_commands() {
    let place = Place::with_input("a\n");
    let ignoring = r#"exec env --ignore-signal=CHLD "$@""#;
    place
        .shell(ignoring, ["signals_after_pipe", &place.input(), "cat"])
        .run()
        .prints("a\nthe same\n");
    let failing = "cat; exit 3";
    let outcome = place.shell(ignoring, ["signals_after_pipe", &place.input(), failing]).run();
    outcome.fails("HERE, pipe: `cat; exit 3` exited with code 3");
    assert_eq!(outcome.text(), "a\nthe same\n");
    place
        .shell(
            ignoring,
            ["map_pipe_as_args", &place.input(), "function(x) return x end", "echo $1"],
        )
        .run()
        .prints("a\n");
}
