//! Commands that are missing, fail, are killed, stopped, or write what is no row.

use std::time::Duration;

use crate::program::{Place, lines, send_signal};

const HINT: &str = "\n\nhint: is the command installed, and in PATH?";

#[test]
fn a_missing_command_is_named() {
    let place = Place::with_input("a\n");
    place.program(["pipe", &place.input(), "no-such-command -x"]).run().fails(&format!(
        "HERE, pipe: `no-such-command -x` exited with code 127\n  \
         stderr: sh: 1: no-such-command: not found{HINT}"
    ));
    place.program(["pipe_as_args", &place.input(), "no-such-command"]).run().fails(&format!(
        "HERE, pipe_as_args: `no-such-command` exited with code 127\n  \
         stderr: sh: 1: no-such-command: not found\n  on \"a\"{HINT}"
    ));
}

#[test]
fn a_file_that_is_no_program_is_named() {
    let place = Place::with_input("a\n");
    place.program(["pipe", &place.input(), &place.input()]).run().fails(
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
        outcome.fails(&format!(
            "HERE, pipe: `{command}` exited with code 3\n  stderr: one\n  stderr: two"
        ));
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
    let stderr = outcome.stderr;
    assert!(stderr.ends_with("\n  stderr: 99999\n  stderr: 100000\n"), "{stderr}");
    assert!(stderr.len() < 8000, "{}", stderr.len());
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
        .fails("HERE, pipe: `head -n 1; kill -9 $$` was killed by signal 9 (SIGKILL)");
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
