//! The examples, as somebody would run them: what they print, and against `tr | sort | uniq -c`.
//!
//! A newcomer's trap: `cargo test` builds the examples, `cargo test --test examples` alone takes
//! those that are there: `cargo build --examples` makes them new.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/PROFILE/deps/THIS
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: `cargo build --examples` builds it", path.display());
    path
}

fn run(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// What other programs say about a file: `uniq -c`'s own lines.
fn counted(path: &Path) -> String {
    let script = "tr -cs A-Za-z0-9 '\\n' < \"$1\" | grep . | LC_ALL=C sort | LC_ALL=C uniq -c";
    run(Command::new("sh").args(["-c", script, "sh"]).arg(path))
}

fn check(path: &Path) {
    let expected = counted(path);
    assert!(!expected.is_empty());
    let piped = run(Command::new(example("unix_pipes")).arg(path).env("LC_ALL", "C"));
    assert!(piped == expected, "unix_pipes differs on {}", path.display());
    let reduced = run(Command::new(example("word_count")).arg(path));
    let expected: String = expected
        .lines()
        .map(|line| {
            let (count, word) = line.trim_start().split_once(' ').unwrap();
            format!("{word},{count}\n")
        })
        .collect();
    assert!(reduced == expected, "word_count differs on {}", path.display());
}

/// Text with words of every length, punctuation, empty lines, CR LF, and no newline at the end.
fn generated(bytes: usize) -> String {
    let mut text = String::new();
    let mut state: u64 = 1;
    while text.len() < bytes {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let random = state >> 33;
        text += &format!("Word{}", random % (1 + random % 5000));
        text +=
            [" ", ", ", "-", ".\n", "\r\n", "\n\n", " (x) ", "\t"][(random / 5000 % 8) as usize];
    }
    text + "end"
}

#[test]
fn the_examples_count_the_words_of_etc_passwd() {
    check(Path::new("/etc/passwd"));
}

#[test]
fn the_examples_count_etc_passwd_without_an_argument() {
    let passwd = Path::new("/etc/passwd");
    assert_eq!(run(Command::new(example("unix_pipes")).env("LC_ALL", "C")), counted(passwd));
    let reduced = run(&mut Command::new(example("word_count")));
    assert_eq!(reduced, run(Command::new(example("word_count")).arg(passwd)));
}

#[test]
fn the_examples_count_the_words_of_megabytes_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, generated(4 << 20)).unwrap();
    check(&path);
}

#[test]
fn the_examples_give_the_same_bytes_for_any_workers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, generated(3 << 20)).unwrap();
    for name in ["word_count", "unix_pipes"] {
        let with = |workers: &str| {
            run(Command::new(example(name)).arg(&path).env("GLEAMFLOW_WORKERS", workers))
        };
        let one = with("1");
        assert!(with("3") == one, "{name} differs");
    }
}

#[test]
fn an_example_on_a_missing_file_fails_with_its_name() {
    for name in ["word_count", "unix_pipes"] {
        let output = Command::new(example(name)).arg("/nowhere/text").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("text_file: cannot open /nowhere/text"), "{stderr}");
    }
}

#[test]
fn top_words_are_those_that_sort_and_head_find() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, generated(1 << 20) + " the THE fox\n the Fox, the hen").unwrap();
    let script = "tr -cs A-Za-z '\\n' < \"$1\" | tr A-Z a-z | grep . | sort | uniq -c \
        | sort -k1,1nr -k2,2 | head -n 5";
    let mut expected = Command::new("sh");
    expected.args(["-c", script, "sh"]).arg(&path).env("LC_ALL", "C");
    assert_eq!(run(Command::new(example("top_words")).arg(&path)), run(&mut expected));
}

#[test]
fn access_log_adds_up_by_status() {
    let expected = "\
200: 3 answers, 3072 bytes
304: 1 answers, 0 bytes
404: 1 answers, 0 bytes
";
    assert_eq!(run(&mut Command::new(example("access_log"))), expected);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    std::fs::write(&path, "::1 - - [x +0] \"GET / HTTP/2\" 500 70\n").unwrap();
    assert_eq!(run(Command::new(example("access_log")).arg(&path)), "500: 1 answers, 70 bytes\n");
}

#[test]
fn dead_letters_are_mended_in_a_second_run() {
    let expected = "\
first run: [(\"pear\", 1.2), (\"lime\", 0.45)]
second run: [(\"plum\", 0.8), (\"kiwi\", 1.05)]
still bad:
fig: no price
";
    assert_eq!(run(&mut Command::new(example("dead_letters"))), expected);
}

#[test]
fn several_files_come_of_one_run_or_none() {
    let directory = tempfile::tempdir().unwrap();
    let read = |name| std::fs::read_to_string(directory.path().join(name));
    let printed = run(Command::new(example("several_files")).arg(directory.path()));
    assert_eq!(printed, "");
    assert_eq!(read("errors.txt").unwrap(), "cannot open /nowhere\n");
    assert_eq!(read("levels.txt").unwrap(), "error   2\ninfo    2\nwarning 1\n");

    std::fs::remove_file(directory.path().join("errors.txt")).unwrap();
    std::fs::remove_file(directory.path().join("levels.txt")).unwrap();
    std::fs::create_dir(directory.path().join("levels.txt")).unwrap();
    let output = Command::new(example("several_files")).arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(read("errors.txt").is_err(), "half of a run");
}

#[test]
fn a_nightly_job_leaves_a_report_beside_its_result_also_when_it_fails() {
    let directory = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    let printed = run(Command::new(example("nightly_job")).arg(directory.path()));
    assert_eq!(read("users.txt"), "ann 2 2560\nbob 1 1024\n");
    assert!(printed.starts_with("completed in "), "{printed}");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let filter =
        printed.lines().map(words).find(|words| words.first().is_some_and(|word| word == "filter"));
    assert_eq!(filter.unwrap()[2..6], ["5", "3", "58", "B"]);
    let report: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(report["completed"], true);
    assert_eq!(report["steps"][0]["rows_out"], 5);

    let log = directory.path().join("log");
    std::fs::write(&log, "ann 200 512\nbob two 0\n").unwrap();
    std::fs::remove_file(directory.path().join("users.txt")).unwrap();
    let output = Command::new(example("nightly_job")).arg(directory.path()).arg(log).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(", numbers: "));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("not completed, after "));
    assert!(read("report.json").contains("\"completed\": false"));
    assert!(!directory.path().join("users.txt").exists());
}

#[test]
fn stream_rows_ends_a_flow_without_end() {
    let expected = "2\n3\n5\n7\n11\n13\n17\n19\n23\n29\n31\n37\n41\n";
    assert_eq!(run(&mut Command::new(example("stream_rows"))), expected);
}

#[test]
fn fork_and_union_puts_the_best_before_the_least() {
    let expected = "\
best  apples  100.00
least plums     7.75
least pears    12.50
";
    assert_eq!(run(&mut Command::new(example("fork_and_union"))), expected);
}

#[test]
fn a_closure_beside_lua_names_networks_and_the_line_that_is_no_address() {
    let of_log = run(&mut Command::new(example("closure_beside_lua")));
    let expected = "192.0 /shop: 2\n192.0 /: 1\n2001:db8 /: 1\n2001:db8 /shop: 1\n";
    assert_eq!(of_log, expected);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::fs::write(&path, "192.0.2.7 /\n192.0.2.700 /\n").unwrap();
    let output = Command::new(example("closure_beside_lua")).arg(path).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let cause = "map_rows: column 1: invalid IP address syntax\n  on \"192.0.2.700\", \"/\"";
    assert!(
        stderr.contains("examples/closure_beside_lua.rs:3") && stderr.contains(cause),
        "{stderr}"
    );
}

#[test]
fn command_per_row_runs_no_argument_as_a_command() {
    let with =
        |days: &[&str]| run(Command::new(example("command_per_row")).args(days).env("LC_ALL", "C"));
    assert_eq!(with(&[]), "2000-01-01: Saturday\n$(pwd): no day\n");
    assert_eq!(with(&["1970-01-01", "; echo x"]), "1970-01-01: Thursday\n; echo x: no day\n");
}

#[test]
fn a_column_goes_through_jq_beside_the_others() {
    if Command::new("jq").arg("--version").output().is_err() {
        return eprintln!("skipped: jq is not installed");
    }
    let text = run(&mut Command::new(example("jq_column")));
    assert_eq!(
        text,
        "1: \"Ada\", 11.00, open\n2: \"Grace\\9H.\", 20.00, sent\n3: \"Alan\", 0.00, open\n"
    );
}

#[test]
fn word_counts_of_several_files_are_those_of_all_their_words() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["one", "two", "three", "four"].map(|name| directory.path().join(name));
    for (seed, name) in (1..).zip(&names) {
        std::fs::write(name, generated(seed * 40_000) + "\n").unwrap();
    }
    let all = directory.path().join("all");
    let text: String = names.iter().map(|name| std::fs::read_to_string(name).unwrap()).collect();
    std::fs::write(&all, text).unwrap();
    let expected = run(Command::new(example("word_count")).arg(&all));
    for name in ["word_count_files", "word_count_in_lua"] {
        let counts = run(Command::new(example(name)).args(&names).env("GLEAMFLOW_WORKERS", "2"));
        assert!(counts == expected, "{name} differs");
        let output = Command::new(example(name)).arg("/nowhere/text").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert!(stderr.contains("/nowhere/text"), "{name}: {stderr}");
    }
}

#[test]
fn word_count_sorted_is_in_the_order_of_the_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, "b a c b\nb c\n").unwrap();
    let printed = run(Command::new(example("word_count_sorted")).arg(&path).env("LC_ALL", "C"));
    assert_eq!(printed, "a: 1\nc: 2\nb: 3\n");
}

#[test]
fn join_word_counts_has_the_words_of_both_files() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["one", "other"].map(|name| directory.path().join(name));
    std::fs::write(&names[0], "b a b").unwrap();
    std::fs::write(&names[1], "c b").unwrap();
    let printed = run(Command::new(example("join_word_counts")).args(&names));
    assert_eq!(printed, "a: 1 and 0\nb: 2 and 1\nc: 0 and 1\n");
}

#[test]
fn joins_print_who_meets_whom() {
    let expected = "ann and bob: 1 rooms\nann and eve: 1 rooms\nbob and eve: 2 rooms\n";
    assert_eq!(run(&mut Command::new(example("self_join"))), expected);
    let expected = "1: Germany, 30\n2: France, 25\n3: Germany, 5\n4: nobody knows where, 9\n";
    assert_eq!(run(&mut Command::new(example("broadcast_join"))), expected);
}

#[test]
fn pi_is_the_same_number_in_every_run() {
    let with = |workers: &str| {
        run(Command::new(example("pi")).arg("300000").env("GLEAMFLOW_WORKERS", workers))
    };
    let one = with("1");
    assert!(one.starts_with("3.1"), "{one}");
    assert_eq!(with("3"), one);
}

#[test]
fn tf_idf_finds_the_words_that_set_documents_apart() {
    let expected = "\
fox: dog 2.20
fox: brown 1.10
sea: calm 1.10
sea: far 1.10
tea: tea 2.20
tea: is 1.22
";
    let printed = run(&mut Command::new(example("tf_idf")));
    assert_eq!(printed, expected);
}

#[test]
fn web_log_shows_the_most_visited_pages_and_their_p95() {
    let expected = "\
/: 3 visits, p95 0.012 s
/shop: 3 visits, p95 0.832 s
/pay: 1 visits, p95 2.500 s
";
    assert_eq!(run(&mut Command::new(example("web_log"))), expected);
}

#[test]
fn sessions_end_with_a_pause() {
    let expected = "\
ann from 200 to 300: /shop /pay
bob from 100 to 1000: / /shop
bob from 5000 to 5200: / /help
";
    assert_eq!(run(&mut Command::new(example("sessions"))), expected);
}

#[test]
fn every_example_is_short_and_named_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    for entry in std::fs::read_dir(root.join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 40, "{} has {lines} lines", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(readme.contains(&format!("`{name}`")), "README does not name {name}");
    }
}
