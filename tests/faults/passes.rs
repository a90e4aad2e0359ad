//! What looks like a fault and is none: it is processed, and nothing is said.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};

use crate::program::{Place, lines};

const SAME: &str = "function(x) return x end";

#[test]
fn any_bytes_pass() {
    for text in [
        &b"\xff\xfe invalid \x80\n\xc3\x28\n"[..],
        b"nul \0 in it\n\0\n",
        b"cr\r\nlf\r\n\r\n",
        b"no newline at the end",
        b"\n\n\n",
        b"one\n\nno newline",
        b"",
        b"\xef\xbb\xbfbom\n",
    ] {
        let place = Place::with_input(text);
        let mut expected = text.to_vec();
        if !text.is_empty() && !text.ends_with(b"\n") {
            expected.push(b'\n');
        }
        for outcome in [
            place.program(["read", &place.input()]).run(),
            place.program(["map", &place.input(), SAME]).run(),
            place.program(["map", &place.input(), SAME]).split(3).run(),
            place.program(["pipe", &place.input(), "cat"]).run(),
            place.program(["map_pipe", &place.input(), SAME, "cat"]).run(),
            place.program(["pipe_rows", &place.input(), "cat"]).run(),
            place.program(["map", &place.input(), SAME]).threads().run(),
        ] {
            assert_eq!(outcome.stderr, "");
            assert_eq!((outcome.code, &outcome.stdout), (Some(0), &expected));
        }
    }
}

#[test]
fn a_last_line_without_a_newline_does_not_run_into_the_next_file() {
    let place = Place::new();
    place.write("a.txt", "a");
    place.write("b.txt", "");
    place.write("c.txt", "c\n");
    place.write("d.txt", "d");
    place.program(["read", &place.path("*.txt")]).run().prints("a\nc\nd\n");
    place.program(["map", &place.path("*.txt"), SAME]).run().prints("a\nc\nd\n");
}

#[test]
fn a_hundred_thousand_files_are_read_in_the_order_of_their_names() {
    let place = Place::new();
    let directory = place.path("files");
    fs::create_dir(&directory).unwrap();
    let mut expected = String::new();
    for number in 0..100_000 {
        let line = format!("{number:06}\n");
        fs::write(format!("{directory}/{number:06}.txt"), &line).unwrap();
        expected.push_str(&line);
    }
    let outcome = place.program(["map", &format!("{directory}/*.txt"), SAME]).workers(2).run();
    outcome.prints(&expected);
    let shell = r#"ulimit -n 64; exec "$@""#;
    place.shell(shell, ["sort", &format!("{directory}/*.txt")]).workers(2).run().prints(&expected);
}

#[test]
fn a_stdout_closed_by_head_is_success() {
    let place = Place::with_input(lines(500_000));
    let numbered = "function(x) return x end";
    for arguments in [
        ["map", &place.input(), numbered],
        ["pipe", &place.input(), "cat; yes"],
        ["sort", &place.input(), ""],
    ] {
        let arguments = arguments.map(str::to_owned);
        let line = r#""$@" | head -n 1; echo "${PIPESTATUS[@]}""#;
        let outcome = match arguments[2].as_str() {
            "" => place.shell(line, [&arguments[0], &arguments[1]]).run(),
            third => place.shell(line, [&arguments[0], &arguments[1], third]).run(),
        };
        outcome.prints("line 1\n0 0\n");
    }
}

#[test]
fn a_stdout_that_was_closed_before_the_start_is_success() {
    let place = Place::with_input(lines(10));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let outcome = place
        .program(["read", &place.input()])
        .change(|command| {
            command.stdout(writer);
        })
        .run();
    outcome.prints("");
}

#[test]
fn the_first_rows_come_out_while_the_source_is_still_read() {
    let place = Place::new();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (output, program_out) = std::io::pipe().unwrap();
    let running = place
        .program(["map", "/dev/stdin", SAME])
        .stdin(reader)
        .change(|command| {
            command.stdout(program_out);
        })
        .start();
    let mut output = BufReader::new(output);
    for line in ["one\n", "two\n"] {
        std::io::Write::write_all(&mut writer, line.as_bytes()).unwrap();
        let mut read = String::new();
        output.read_line(&mut read).unwrap();
        assert_eq!(read, line);
    }
    drop(writer);
    let outcome = running.wait();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    drop(output);
}

#[test]
fn what_user_code_prints_goes_to_stderr_and_no_row_is_harmed() {
    let place = Place::with_input(lines(3));
    let prints = [
        ("print(x)", "line 1\nline 2\nline 3\n"),
        ("io.write(x, '\\n')", "line 1\nline 2\nline 3\n"),
        ("io.stdout:write(x, '\\n')", "line 1\nline 2\nline 3\n"),
        ("io.stderr:write(x, '\\n')", "line 1\nline 2\nline 3\n"),
        ("os.execute('echo x')", "x\nx\nx\n"),
        ("os.execute('echo x >&2')", "x\nx\nx\n"),
        ("local p = io.popen('cat', 'w') p:write('x\\n') p:close()", "x\nx\nx\n"),
        ("io.stdout:setvbuf('full') io.write('x')", "xxx"),
        ("io.stdout:close()", ""),
        ("io.output('/dev/null') io.write('x')", ""),
    ];
    for (code, expected) in prints {
        let lua = format!("function(x) {code} return x end");
        let outcome = place.program(["map", &place.input(), &lua]).workers(1).run();
        assert_eq!(outcome.text(), lines(3), "{code}");
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), expected), "{code}");
    }
}

#[test]
fn user_code_that_reads_stdin_gets_nothing() {
    let place = Place::with_input("a\n");
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, b"not for the step\n").unwrap();
    let reads = "function(x) return tostring(io.read()) .. tostring(io.stdin:read('*a')) .. \
        tostring(os.execute('read y')) .. io.popen('cat'):read('*a') end";
    place
        .program(["map", &place.input(), reads])
        .stdin(reader.try_clone().unwrap())
        .run()
        .prints("nil256\n");
    drop(writer);
    let mut left = String::new();
    File::from(std::os::fd::OwnedFd::from(reader)).read_to_string(&mut left).unwrap();
    assert_eq!(left, "not for the step\n");
}

#[test]
fn commands_do_not_see_the_programs_files_and_pipes() {
    let place = Place::with_input("a\n");
    let list = "ls /proc/self/fd | tr '\\n' ' '";
    // What this test itself was started with is passed on, and nothing else.
    let mut plain = std::process::Command::new("sh");
    plain.args(["-c", &format!("{list}; echo")]);
    let expected = place.command(plain).run().text();
    let lua = format!("function(x) return (io.popen([[{list}]]):read('*a')) end");
    place.program(["map", &place.input(), &lua]).run().prints(&expected);
    place.program(["pipe", &place.input(), list]).run().prints(&expected);
}
