//! Input that is missing, unreadable, or not what it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::program::{AS_NOBODY, Place, can_be_nobody, lines};

#[test]
fn a_missing_file_is_named() {
    let place = Place::new();
    for scenario in ["read", "sort"] {
        place.program([scenario, &place.path("missing.txt")]).run().fails(
            "HERE, text_file: cannot open DIR/missing.txt: No such file or directory (os error 2)",
        );
    }
    place.program(["map", &place.path("missing.txt"), "function(x) return x end"]).run().fails(
        "HERE, text_file: cannot open DIR/missing.txt: No such file or directory (os error 2)",
    );
}

#[test]
fn a_path_below_a_regular_file_is_named() {
    let place = Place::with_input("a\n");
    place
        .program(["read", &place.path("in.txt/below")])
        .run()
        .fails("HERE, text_file: cannot open DIR/in.txt/below: Not a directory (os error 20)");
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    if !can_be_nobody() {
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let secret = place.write("secret.txt", lines(10));
    let program = place.path("program");
    fs::copy(crate::program::program_path("fault_program"), &program).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(place.temporary(), fs::Permissions::from_mode(0o777)).unwrap();
    let as_nobody = AS_NOBODY.replace("\"$@\"", "\"$program\" \"${@:2}\"");
    let denied = "HERE, text_file: cannot open DIR/secret.txt: Permission denied (os error 13)";
    // By the engine, by a worker, and for a pattern.
    for (arguments, expected) in [
        (["map", &secret, "function(x) return x end"], denied),
        (["pipe", &secret, "cat"], denied),
        (["map", &place.path("sec*.txt"), "function(x) return x end"], denied),
    ] {
        place.shell(&as_nobody, arguments).env("program", &program).run().fails(expected);
    }
}

#[test]
fn a_directory_is_no_file_but_its_files_are_hinted_at() {
    let place = Place::new();
    place.program(["read", &place.path("temporary")]).run().fails(
        "HERE, text_file: cannot open DIR/temporary: it is a directory\n\n\
         hint: DIR/temporary/* names the files in it",
    );
    place.program(["read", &place.path("temp*")]).run().fails(
        "HERE, text_file: cannot open DIR/temporary: it is a directory\n\n\
         hint: DIR/temporary/* names the files in it",
    );
}

#[test]
fn a_pattern_without_a_match_is_an_error() {
    let place = Place::with_input("a\n");
    place
        .program(["read", &place.path("*.csv")])
        .run()
        .fails("HERE, text_file: no file matches DIR/*.csv");
    place
        .program(["read_all", &place.path("*.tsv"), &place.path("*.csv")])
        .run()
        .fails("HERE, text_file: no file matches DIR/*.tsv, DIR/*.csv");
    place.program(["read_all", &place.input(), &place.path("*.csv")]).run().prints("a\n");
    place
        .program(["read", &place.path("[")])
        .run()
        .fails("HERE, text_file: bad pattern DIR/[: invalid range pattern");
}

#[test]
fn standard_input_is_a_dash_among_the_paths() {
    let place = Place::with_input("from a file\n");
    let text = || fs::File::open(place.write("typed.txt", "typed\nin")).unwrap();
    place.program(["read", "-"]).stdin(text()).run().prints("typed\nin\n");
    place
        .program(["read_all", &place.input(), "-", &place.input()])
        .stdin(text())
        .run()
        .prints("from a file\ntyped\nin\nfrom a file\n");
    // What the shell has read of it before is no part of it.
    place
        .shell("printf 'first\\nsecond\\nthird\\n' | { read -r first; \"$@\"; }", ["sort", "-"])
        .run()
        .prints("second\nthird\n");
    place
        .program(["read_all", "-", "-"])
        .stdin(text())
        .run()
        .fails(
            "HERE, text_file: standard input has been read already\n\n\
             hint: it can be read once: attach several sinks and `run`, or save what came to a file",
        );
}

#[test]
fn a_compressed_standard_input_is_refused() {
    let place = Place::new();
    let file = place.write("in.bz2", b"BZh91AY&SY\n\n\n");
    place.program(["read", "-"]).stdin(fs::File::open(file).unwrap()).run().fails(
        "HERE, text_file: cannot read standard input as text: it is a bzip2 file\n\n\
         hint: `bzcat |` before the program gives it the text",
    );
}

#[test]
fn a_row_too_long_is_named_with_file_and_offset() {
    let place = Place::with_input(format!("short\n{}\nshort\n", "x".repeat(5000)));
    let expected = "HERE, text_file: a line of more than 4 KiB in DIR/in.txt at byte 6\n\n\
         hint: is it text with line feeds? if such rows are meant, raise the limit with `max_row`";
    for workers in [1, 2] {
        place
            .program(["map", &place.input(), "function(x) return x end"])
            .env("FAULT_MAX_ROW", "4096")
            .workers(workers)
            .run()
            .fails(expected);
    }
    let outcome = place.program(["read", &place.input()]).env("FAULT_MAX_ROW", "4096").run();
    outcome.fails(expected);
    let outcome = place.program(["read", &place.input()]).env("FAULT_MAX_ROW", "5000").run();
    assert_eq!((outcome.code, outcome.stdout.len()), (Some(0), 5013));
}

#[test]
fn a_row_that_a_step_or_a_command_makes_too_long_is_refused() {
    let place = Place::with_input("short\n");
    place
        .program(["map", &place.input(), "function(x)\n  return x:rep(1000)\nend"])
        .env("FAULT_MAX_ROW", "4096")
        .run()
        .fails(
            "HERE, map: a row is larger than `max_row` allows\n  on DIR/in.txt, line 1: \"short\"",
        );
    place
        .program(["pipe", &place.input(), "tr -d '\\n'; head -c 5000 /dev/zero | tr '\\0' y"])
        .env("FAULT_MAX_ROW", "4096")
        .run()
        .fails(
            "HERE, pipe: a command wrote a line of more than 4 KiB\n\n\
             hint: `max_row` sets the longest row",
        );
}

#[test]
fn a_format_wants_as_many_columns_as_it_has_directives() {
    let place = Place::with_input("ok\nbad\n");
    let row = |columns: &str, format: &str| {
        let lua =
            format!("function(x)\n  if x == 'bad' then return {columns} end\n  return 'a', 1\nend");
        place.program(["format", &place.input(), &lua, format]).run()
    };
    let refused = |columns: &str, format: &str, expected: &str| {
        row(columns, format).fails(&format!("HERE, save_text_to: {expected}"));
    };
    let few = "the format has 2 directives, the row 1 column\n  on DIR/in.txt, line 2: \"b\"";
    refused("'b'", "%s,%d", few);
    let many =
        "the format has 2 directives, the row 3 columns\n  on DIR/in.txt, line 2: \"b\", 2, 3";
    refused("'b', 2, 3", "%s,%d", many);
    let word =
        "column 2: %d takes an integer, not \"word\"\n  on DIR/in.txt, line 2: \"b\", \"word\"";
    refused("'b', 'word'", "%s,%d", word);
    let half = "column 2: %d takes an integer, not 1.5\n  on DIR/in.txt, line 2: \"b\", 1.5";
    refused("'b', 1.5", "%s,%d", half);
    refused(
        "'b', {}",
        "%s,%s",
        "column 2: a table has no text form\n  on DIR/in.txt, line 2: \"b\", {}",
    );
    let outcome = row("'b'", "%s,%d");
    assert_eq!(outcome.text(), "a,1\n");
}

#[test]
fn a_format_that_cannot_be_is_found_before_anything_starts() {
    let place = Place::with_input("a\n");
    let witness = place.path("started");
    let lua = format!("function(x) io.open('{witness}', 'w') return x end");
    for (format, expected) in [
        ("%y", "format \"%y\": unknown directive `%y` at position 1 of the format"),
        ("%", "format \"%\": the format ends within the directive `%` at position 1"),
        ("%-", "format \"%-\": the format ends within the directive `%-` at position 1"),
        ("text", "format \"text\": the format has no directive, but a row has at least one column"),
    ] {
        place
            .program(["format", &place.input(), &lua, format])
            .run()
            .fails(&format!("HERE, save_text_to: {expected}"));
    }
    assert_eq!(place.names(), ["in.txt"]);
}

#[test]
fn a_format_for_lines_names_the_input() {
    let place = Place::with_input("ok\nbad\n");
    place.program(["plain_format", &place.input(), "%s,%d"]).run().fails(
        "HERE, save_text_to: the format has 2 directives, the row 1 column\n  \
         on DIR/in.txt, line 1: \"ok\"",
    );
}

#[test]
fn a_reader_that_panics_is_an_error() {
    let place = Place::new();
    let outcome = place.program(["panicking_reader"]).run();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("by the reader's own will"), "{outcome:?}");
    assert!(outcome.stderr.ends_with("Error: HERE, reader: the reader panicked\n"), "{outcome:?}");
}
