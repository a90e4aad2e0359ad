//! Disks that are full, and writers that take no more.

use std::fs;

use crate::program::{Place, lines};

/// About 14 MB in an order that no sort leaves as it is.
fn large() -> String {
    let mut number = 1_u64;
    let mut text = String::new();
    for _ in 0..400_000 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(&format!("{number:020} some text\n"));
    }
    text
}

const SAME: &str = "function(x) return x end";

#[test]
fn a_full_disk_leaves_no_half_of_a_saved_file() {
    let place = Place::with_input(lines(100_000));
    let to = place.path("out.txt");
    let limited = r#"ulimit -f 100; exec "$@""#;
    let expected = "HERE, save_text: cannot write DIR/out.txt: File too large (os error 27)";
    for text in [None, Some("before")] {
        if let Some(text) = text {
            place.write("out.txt", text);
        }
        place.shell(limited, ["save", &place.input(), &to]).run().fails(expected);
        place.shell(limited, ["save_mapped", &place.input(), SAME, &to]).run().fails(expected);
        assert_eq!(fs::read_to_string(&to).ok().as_deref(), text);
    }
    assert_eq!(place.names(), ["in.txt", "out.txt"]);
}

#[test]
fn a_failed_step_leaves_no_half_of_a_saved_file() {
    let place = Place::with_input(lines(100_000));
    let to = place.path("out.txt");
    let lua = "function(x) if x == 'line 100000' then error('boom', 0) end return x end";
    let expected = "HERE, map, line 1 of its function: boom\n  \
        on DIR/in.txt, line 100000: \"line 100000\"";
    place.program(["save_mapped", &place.input(), lua, &to]).run().fails(expected);
    assert_eq!(place.names(), ["in.txt"]);
    place.write("out.txt", "before");
    place.program(["save_mapped", &place.input(), lua, &to]).run().fails(expected);
    assert_eq!(fs::read_to_string(&to).unwrap(), "before");
    assert_eq!(place.names(), ["in.txt", "out.txt"]);
}

#[test]
fn a_full_disk_under_the_callers_own_file_is_an_error() {
    let place = Place::with_input(lines(100_000));
    place
        .shell(r#"ulimit -f 100; exec "$@""#, ["write_file", &place.input(), &place.path("out")])
        .run()
        .fails("HERE, save_text_to: cannot write the output: File too large (os error 27)");
}

#[test]
fn a_full_disk_while_spilling_is_an_error_that_names_the_next_move() {
    let place = Place::with_input(large());
    for scenario in ["sort", "distinct"] {
        let outcome = place
            .shell(r#"ulimit -f 1000; exec "$@""#, [scenario, &place.input()])
            .stdin(std::process::Stdio::null())
            .least_memory(1)
            .run();
        outcome.fails(&format!(
            "HERE, {scenario}: cannot write to a temporary file: File too large (os error 27)\n\n\
             hint: `temp_dir` or GLEAMFLOW_TMPDIR names another place"
        ));
        assert_eq!(outcome.text(), "");
    }
}

#[test]
fn a_full_disk_under_the_backlog_of_a_fork_is_an_error() {
    let place = Place::with_input(large().repeat(3));
    place
        .shell(r#"ulimit -f 1000; exec "$@""#, ["fork", &place.input(), "/dev/null"])
        .least_memory(1)
        .run()
        .fails(
            "HERE, text_file: cannot write to a temporary file: File too large (os error 27)\n\n\
             hint: `temp_dir` or GLEAMFLOW_TMPDIR names another place",
        );
}

#[test]
fn a_full_disk_leaves_the_callers_signals_as_they_were() {
    let place = Place::with_input(lines(100_000));
    let run =
        |line: &str| place.shell(line, ["main_thread_signals", &place.input(), "/dev/null"]).run();
    run(r#"exec "$@""#).prints("the same\n");
    let outcome = place
        .shell(
            r#"ulimit -f 100; exec "$@""#,
            ["main_thread_signals", &place.input(), &place.path("out.txt")],
        )
        .run();
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(1), "the same\n"));
}

#[test]
fn a_writer_that_fails_fails_the_run() {
    let place = Place::with_input(lines(100_000));
    for bytes in ["0", "5", "300000"] {
        place
            .program(["full_writer", &place.input(), bytes])
            .run()
            .fails("HERE, save_text_to: cannot write the output: no storage space");
    }
}

#[test]
fn a_full_device_is_an_error() {
    let place = Place::with_input("a\n");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    place
        .program(["read", &place.input()])
        .change(|command| {
            command.stdout(full);
        })
        .run()
        .fails(
            "HERE, save_lines_to: cannot write the output: No space left on device (os error 28)",
        );
    place
        .program(["save", &place.input(), "/dev/full"])
        .run()
        .fails("HERE, save_text: cannot write /dev/full: No space left on device (os error 28)");
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_starts() {
    let place = Place::with_input("a\n");
    let lua = format!("function(x) io.open('{}', 'w') return x end", place.path("started"));
    let save = |to: &str| place.program(["save_mapped", &place.input(), &lua, to]).run();
    save(&place.path("no/where.txt")).fails(
        "HERE, save_text: cannot write DIR/no/where.txt: there is no directory DIR/no\n\n\
         hint: make it first: mkdir -p DIR/no",
    );
    save(&place.path("temporary")).fails(
        "HERE, save_text: cannot write DIR/temporary: it names a directory\n\n\
         hint: name a file in it, such as DIR/temporary/out.txt",
    );
    assert_eq!(place.names(), ["in.txt"]);
}

#[test]
fn a_closed_writer_that_is_not_stdout_is_an_error() {
    let place = Place::with_input("a\n");
    let outcome = place.program(["closed_writer", &place.input()]).run();
    outcome.fails("HERE, save_text_to: the writer's reader has gone");
    assert_eq!(outcome.text(), "OutputClosed\n");
}
