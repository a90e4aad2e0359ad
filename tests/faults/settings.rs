//! Knobs that make no sense are refused before anything starts.

use crate::program::Place;

#[test]
fn a_number_of_workers_that_is_none_is_refused() {
    let place = Place::with_input("a\n");
    for text in ["many", "-1", "1.5", "99999999999999999999"] {
        place.program(["read", &place.input()]).env("GLEAMFLOW_WORKERS", text).run().fails(
            &format!("HERE, save_lines_to: GLEAMFLOW_WORKERS={text:?}: a whole number is wanted"),
        );
    }
    place
        .program(["read", &place.input()])
        .env("GLEAMFLOW_WORKERS", "0")
        .run()
        .fails("HERE, save_lines_to: a flow needs at least one worker");
}

#[test]
fn a_memory_that_is_none_is_refused() {
    let place = Place::with_input("a\n");
    for text in ["lots", "12Q", "-5"] {
        place.program(["read", &place.input()]).env("GLEAMFLOW_MEMORY", text).run().fails(
            &format!(
                "HERE, save_lines_to: GLEAMFLOW_MEMORY={text:?}: bad size {text:?}: expected a number \
                 of bytes, or one such as 512M or 2G"
            ),
        );
    }
}

#[test]
fn a_memory_that_is_too_small_is_refused_with_the_least() {
    let place = Place::with_input("a\n");
    let read = |memory: &str| {
        place.program(["read", &place.input()]).workers(2).env("GLEAMFLOW_MEMORY", memory).run()
    };
    read("127M").fails(
        "HERE, save_lines_to: a memory of 127 MiB does not suffice for 2 workers\n\n\
         hint: the least is 64 MiB + 32 MiB a worker: 128 MiB",
    );
    read("0").fails(
        "HERE, save_lines_to: a memory of 0 MiB does not suffice for 2 workers\n\n\
         hint: the least is 64 MiB + 32 MiB a worker: 128 MiB",
    );
    read("134217727").fails(
        "HERE, save_lines_to: a memory of 127 MiB does not suffice for 2 workers\n\n\
         hint: the least is 64 MiB + 32 MiB a worker: 128 MiB",
    );
    read("128M").prints("a\n");
}

#[test]
fn an_absurd_number_of_workers_is_refused_and_not_a_crash() {
    let place = Place::with_input("a\n");
    let outcome = place
        .program(["read", &place.input()])
        .env("GLEAMFLOW_WORKERS", u64::MAX.to_string())
        .run();
    outcome
        .fails("HERE, save_lines_to: 18446744073709551615 workers are too many: the most is 65536");
}

#[test]
fn a_missing_folder_for_temporary_files_is_named() {
    let place = Place::with_input("a\n");
    let hint = "\n\nhint: `temp_dir` or GLEAMFLOW_TMPDIR names it";
    let at =
        |path: &str| place.program(["sort", &place.input()]).env("GLEAMFLOW_TMPDIR", path).run();
    at(&place.path("nowhere")).fails(&format!(
        "HERE, save_text_to: the directory for temporary files: DIR/nowhere: No such file or \
         directory (os error 2){hint}"
    ));
    at(&place.input()).fails(&format!(
        "HERE, save_text_to: the directory for temporary files: DIR/in.txt is not a \
         directory{hint}"
    ));
}

#[test]
fn a_missing_folder_for_temporary_files_fails_only_what_needs_one() {
    let place = Place::with_input("a\n");
    let nowhere = place.path("nowhere");
    let same = "function(x) return x end";
    place.program(["read", &place.input()]).env("GLEAMFLOW_TMPDIR", &nowhere).run().prints("a\n");
    place
        .program(["map_pipe", &place.input(), same, "cat; echo \"${TMPDIR-none}\""])
        .env("GLEAMFLOW_TMPDIR", &nowhere)
        .change(|command| {
            command.env_remove("TMPDIR");
        })
        .run()
        .prints("a\nnone\n");
}

#[test]
fn empty_variables_count_as_unset() {
    let place = Place::with_input("b\na\n");
    let mut program = place.program(["sort", &place.input()]);
    for name in ["WORKERS", "MEMORY", "TMPDIR", "WORKER"] {
        program = program.env(&format!("GLEAMFLOW_{name}"), "");
    }
    program.env("TMPDIR", "").run().prints("a\nb\n");
}
