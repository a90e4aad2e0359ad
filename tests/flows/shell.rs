//! Shell commands as steps: what they see, what they may do, and how they fail.

use std::time::Duration;

use gleamflow::{ErrorKind, Flow, Shell, Stderr};

use crate::harness::{assert_says, lines, many_words, same, same_error, values};

#[test]
fn a_command_sees_all_rows_in_order() {
    let text = same(|flow| {
        lines(&flow.lines(many_words(300, 3)).pipe("LC_ALL=C sort").pipe("uniq -c | sed 's/^ *//'"))
    });
    assert_eq!(text, "100 w0\n100 w1\n100 w2\n");
}

#[test]
fn neighbouring_commands_pass_bytes_straight_on() {
    let text = same(|flow| {
        lines(&flow.lines(["b", "a", "c"]).pipe("sort").pipe("tr a-z A-Z").pipe("nl -w1 -s:"))
    });
    assert_eq!(text, "1:A\n2:B\n3:C\n");
    // A single TAB-free byte stream: even what is no whole line at its end arrives.
    let bytes = same(|flow| values(&flow.lines(["x"]).pipe("printf 'no end'").pipe("cat -A")));
    assert_eq!(bytes, "\"no end\"\n");
}

#[test]
fn commands_and_lua_steps_take_turns() {
    let text = same(|flow| {
        let rows = flow
            .lines(["3 c", "1 a", "2 b"])
            .split(" ")
            .pipe("sort -k1,1n")
            .map("function(n, s) return s, n end")
            .pipe("tac")
            .numbers([2])
            .filter("function(s, n) return n > 1 end");
        values(&rows)
    });
    assert_eq!(text, "\"c\" 3\n\"b\" 2\n");
}

#[test]
fn a_command_that_stops_reading_is_no_error() {
    let text = same(|flow| lines(&flow.range(0..100_000).pipe("head -n 2")));
    assert_eq!(text, "0\n1\n");
    assert_eq!(same(|flow| lines(&flow.range(0..100_000).pipe("true"))), "");
    assert_eq!(same(|flow| lines(&flow.range(0..100_000).pipe("exec <&-; echo done"))), "done\n");
    let chain =
        same(|flow| lines(&flow.range(0..100_000).pipe("cat").pipe("head -n 1").pipe("cat")));
    assert_eq!(chain, "0\n");
}

#[test]
fn a_command_that_reads_all_before_it_writes_and_one_that_writes_much_both_end() {
    let text = same(|flow| {
        let many = flow.range(0..3).pipe("while read n; do seq 20000; done").pipe("sort -n");
        lines(&many.fold("function(x, y) return tonumber(x) + tonumber(y) end"))
    });
    assert_eq!(text, "600030000\n");
}

#[test]
fn a_command_that_fills_stderr_does_not_stop() {
    let text = same(|flow| lines(&flow.range(0..3).pipe("seq 100000 >&2; cat")));
    assert_eq!(text, "0\n1\n2\n");
}

#[test]
fn a_command_runs_also_without_rows() {
    assert_eq!(same(|flow| lines(&flow.range(0..0).pipe("echo alone"))), "alone\n");
    assert_eq!(same(|flow| lines(&flow.range(0..0).pipe("wc -l"))), "0\n");
    assert_eq!(same(|flow| lines(&flow.range(0..0).pipe_as_args("echo never"))), "");
}

#[test]
fn a_failing_command_is_named_with_its_exit_code_and_stderr() {
    let message = same_error(|flow| {
        flow.range(0..10).pipe("cat >/dev/null; echo the reason >&2; exit 3").count()
    });
    assert_says(&message, &["shell.rs:", "pipe", "exit 3", "the reason", "3"]);
    let error = gleamflow::Flow::new().range(0..1).pipe("exit 3").count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Command);
    assert_eq!(error.operator(), Some("pipe"));
}

#[test]
fn a_command_that_fails_in_the_midst_of_a_chain_is_the_one_named() {
    let message = same_error(|flow| {
        flow.range(0..10)
            .pipe("cat")
            .pipe("cat >/dev/null; echo mid >&2; exit 4")
            .pipe("cat")
            .count()
    });
    assert_says(&message, &["exit 4", "mid"]);
}

#[test]
fn a_missing_command_and_a_signal_are_errors() {
    let message = same_error(|flow| flow.range(0..1).pipe("no-such-command-here").count());
    assert_says(&message, &["no-such-command-here", "not found"]);
    let message = same_error(|flow| flow.range(0..1).pipe("kill -TERM $$").count());
    assert_says(&message, &["kill -TERM $$", "signal"]);
}

#[test]
fn arguments_are_never_pasted_into_the_command() {
    let directory = tempfile::tempdir().unwrap();
    let canary = directory.path().join("canary");
    let hostile = [
        format!("$(touch {})", canary.display()),
        format!("`touch {}`", canary.display()),
        format!("; touch {}", canary.display()),
        format!("\"; touch {}; \"", canary.display()),
        "' \" \\ $1 $@ *".to_string(),
        "-n".to_string(),
        "".to_string(),
        "  two  blanks ".to_string(),
    ];
    let text = same(|flow| lines(&flow.lines(&hostile).pipe_as_args("printf '<%s>\\n' \"$1\"")));
    let expected: String = hostile.iter().map(|word| format!("<{word}>\n")).collect();
    assert_eq!(text, expected);
    assert!(!canary.exists());
}

#[test]
fn each_column_is_an_argument_of_its_own() {
    let text = same(|flow| {
        let rows = [("a b", Some(1), true), ("", None, false)];
        lines(&flow.rows(rows).pipe_as_args("echo \"$#:$1:$2:$3\""))
    });
    assert_eq!(text, "3:a b:1:true\n3:::false\n");
    let feeds =
        same(|flow| lines(&flow.rows([("a\nb\tc", 1)]).pipe_as_args("printf %s \"$1\" | wc -c")));
    assert_eq!(feeds, "5\n");
}

#[test]
fn lines_of_a_row_s_command_come_in_the_order_of_rows() {
    let text = same(|flow| {
        lines(&flow.range(0..6).pipe_as_args("sleep 0.0$((6 - $1)); seq $1; printf \"row\\t$1\""))
    });
    let mut expected = String::new();
    for row in 0..6 {
        for line in 1..=row {
            expected += &format!("{line}\n");
        }
        expected += &format!("row\t{row}\n");
    }
    assert_eq!(text, expected);
}

#[test]
fn the_first_failing_row_s_command_is_the_one_reported() {
    let message = same_error(|flow| {
        flow.range(0..8)
            .pipe_as_args("if [ $1 -ge 3 ]; then echo \"no $1\" >&2; exit $1; fi")
            .count()
    });
    assert_says(&message, &["pipe_as_args", "no 3", "\n  on \"3\""]);
}

#[test]
fn a_nul_cannot_be_an_argument() {
    let message = same_error(|flow| flow.rows(["a\0b"]).pipe_as_args("echo").count());
    assert_says(&message, &["pipe_as_args", "NUL"]);
}

#[test]
fn frames_pass_through_a_program_with_their_types() {
    let text = same(|flow| {
        let rows = flow.rows([(1, true, Some("a\tb\n"), 0.5), (2, false, None, 1.0)]);
        values(&rows.pipe_rows("cat"))
    });
    assert_eq!(text, "1 true \"a\\tb\\n\" 0.5\n2 false nil 1.0\n");
    let lines_too = same(|flow| values(&flow.lines(["a", ""]).pipe_rows("cat")));
    assert_eq!(lines_too, "\"a\"\n\"\"\n");
}

#[test]
fn output_that_is_no_frames_is_an_error() {
    // A broken length, one beyond any limit, and a payload that is no MessagePack.
    for output in ["abc", "\\377\\377\\377\\377abc", "\\001\\000\\000\\000\\301"] {
        let command = format!("cat >/dev/null; printf '{output}'");
        let message = same_error(|flow| values(&flow.range(0..1).pipe_rows(&command)));
        assert_says(&message, &["shell.rs:", "pipe_rows: a command's output"]);
    }
}

#[test]
fn a_command_s_stdin_is_only_its_rows() {
    let text =
        same(|flow| lines(&flow.range(0..2).pipe("cat; echo end").pipe_as_args("cat; echo $1")));
    assert_eq!(text, "0\n1\nend\n");
}

#[test]
fn what_user_code_prints_does_not_harm_the_rows() {
    let text = same(|flow| {
        lines(&flow.range(0..3).map("function(x) io.write('') return x, io.read() end"))
    });
    assert_eq!(text.lines().count(), 3);
}

#[test]
fn a_program_without_a_shell_gets_its_words_as_they_are() {
    let text = same(|flow| {
        lines(&flow.lines(["a $HOME * b", "c"]).pipe(Shell::argv(["grep", "-F", "$HOME *"])))
    });
    assert_eq!(text, "a $HOME * b\n");
    let text = same(|flow| {
        let rows = flow.rows([("$(id)", 1), ("; x", 2)]);
        lines(&rows.pipe_as_args(Shell::argv(["printf", "<%s|%s|%s>\\n", "a  b"])))
    });
    assert_eq!(text, "<a  b|$(id)|1>\n<a  b|; x|2>\n");
    let rows = same(|flow| values(&flow.rows([(1, true)]).pipe_rows(Shell::argv(["cat"]))));
    assert_eq!(rows, "1 true\n");
}

#[test]
fn a_command_has_the_environment_and_the_folder_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("here"), "").unwrap();
    let shell = Shell::new("cat; echo $COLOUR-$HOME; ls").env("COLOUR", "red").env("HOME", "/x");
    let shell = shell.dir(folder.path());
    assert_eq!(same(|flow| lines(&flow.lines(["a"]).pipe(&shell))), "a\nred-/x\nhere\n");
    let of_rows = same(|flow| lines(&flow.lines(["a"]).pipe_as_args(&shell)));
    assert_eq!(of_rows, "red-/x\nhere\n");
}

#[test]
fn accepted_codes_and_merged_stderr_hold_in_a_chain_of_commands() {
    let text = same(|flow| {
        let found = flow.lines(["a", "b"]).pipe(Shell::new("grep x").accept([0, 1]));
        lines(&found.pipe("wc -l").pipe(Shell::new("cat; echo said >&2").stderr(Stderr::Merge)))
    });
    assert_eq!(text, "0\nsaid\n");
    let message = same_error(|flow| {
        let chain = flow.lines(["a"]).pipe("cat").pipe(Shell::new("grep x").accept([0, 2]));
        chain.pipe("cat").count()
    });
    assert_says(&message, &["shell.rs:", "pipe", "`grep x` exited with code 1", "[0, 1, 2]"]);
}

#[test]
fn each_partition_s_command_is_run_again_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let fails_once = "cat; [ $GLEAMFLOW_PARTITION = 1 ] || exit 0
        [ -e tried ] || { touch tried; exit 3; }";
    let text = same(|flow| {
        let shell = Shell::new(fails_once).dir(folder.path()).retries(1);
        let text = lines(&flow.range(0..7).round_robin(3).pipe(shell));
        std::fs::remove_file(folder.path().join("tried")).unwrap();
        text
    });
    assert_eq!(text, "0\n3\n6\n1\n4\n2\n5\n");
}

#[test]
fn what_a_command_cannot_have_is_refused_before_anything_runs() {
    let error = |shell: Shell| {
        let error = Flow::new().range(0..1).pipe(shell).count().unwrap_err();
        assert_eq!((error.kind(), error.operator()), (ErrorKind::Plan, Some("pipe")));
        error.to_string()
    };
    assert_says(&error(Shell::argv([""; 0])), &["at least one word"]);
    assert_says(&error(Shell::argv(["a\0b"])), &["NUL"]);
    assert_says(&error(Shell::new("a\0b")), &["NUL"]);
    assert_says(&error(Shell::new("cat").env("A=B", "x")), &["\"A=B\" cannot be a variable"]);
    assert_says(&error(Shell::new("cat").env("", "x")), &["\"\" cannot be a variable"]);
    assert_says(&error(Shell::new("cat").dir("a\0b")), &["folder"]);
    assert_says(&error(Shell::new("cat").accept([])), &["no exit code", "accept([0])"]);
    assert_says(&error(Shell::new("cat").timeout(Duration::ZERO)), &["no time"]);
}

#[test]
fn each_command_of_a_line_that_is_one_pipe_counts() {
    let message = same_error(|flow| lines(&flow.lines(["a"]).pipe("false | cat")));
    assert_says(&message, &["shell.rs:", "pipe: `false` of `false | cat` exited with code 1"]);
    let message = same_error(|flow| lines(&flow.lines(["a"]).pipe("grep x | wc -l")));
    assert_says(&message, &["`grep x` of `grep x | wc -l` exited with code 1", "accept([0, 1])"]);
    let found = Shell::new("grep x | wc -l").accept([0, 1]);
    assert_eq!(same(|flow| lines(&flow.lines(["a"]).pipe(&found))), "0\n");
    let message = same_error(|flow| lines(&flow.lines(["a"]).pipe_as_args("false | echo $1")));
    assert_says(&message, &["pipe_as_args: `false` of `false | echo $1` exited with code 1"]);
    let message =
        same_error(|flow| lines(&flow.range(0..9).pipe_rows("cat | { cat; exit 4; } | cat")));
    assert_says(
        &message,
        &["`{ cat; exit 4; }` of `cat | { cat; exit 4; } | cat` exited with code 4"],
    );
}

#[test]
fn a_command_that_meets_the_end_of_the_next_one_has_not_failed() {
    assert_eq!(same(|flow| lines(&flow.range(0..0).pipe("yes | head -n 1"))), "y\n");
    assert_eq!(same(|flow| lines(&flow.range(0..200_000).pipe("cat | head -n 1"))), "0\n");
    let of_rows = same(|flow| lines(&flow.range(0..3).pipe_as_args("yes $1 | head -n 1")));
    assert_eq!(of_rows, "0\n1\n2\n");
}

#[test]
fn a_pipe_within_a_line_sees_what_the_line_has() {
    let text = same(|flow| {
        let rows = flow.rows([("a b", 1), ("c", 2)]);
        lines(&rows.pipe_as_args(
            "printf '%s|%s\\n' \"$1\" \"$2\" | while IFS='|' read x y; do echo \"$y $x $# $0\"; done",
        ))
    });
    assert_eq!(text, "1 a b 2 sh\n2 c 2 sh\n");
    let shell = Shell::new("cat | (cat; echo $K; pwd) | cat").env("K", "v").dir("/usr");
    assert_eq!(same(|flow| lines(&flow.lines(["a"]).pipe(&shell))), "a\nv\n/usr\n");
    let merged = Shell::new("{ cat; echo one >&2; } | tr a-z A-Z").stderr(Stderr::Merge);
    let text = same(|flow| lines(&flow.lines(["a"]).pipe(&merged).sort(1)));
    assert_eq!(text, "A\none\n");
}

#[test]
fn in_a_line_of_several_commands_the_shell_s_own_rules_hold() {
    for line in ["true; false | cat", "cat >/dev/null; false | cat && true", "(false | cat)"] {
        assert_eq!(same(|flow| lines(&flow.lines(["a"]).pipe(line))), "", "{line}");
    }
    // What looks into a pipe's exit code sees what it always has.
    let line = "if yes | grep -q y; then echo found; fi; cat";
    assert_eq!(same(|flow| lines(&flow.lines(["a"]).pipe(line))), "found\na\n");
}
