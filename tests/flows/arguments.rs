//! `pipe_as_args` with several commands at once, and several rows for each.

use std::sync::mpsc;

use gleamflow::{ErrorKind, Flow, Shell};

use crate::harness::{assert_says, lines, many_words, same, same_error, without_hanging};

/// The columns that a command got, in brackets.
const SHOW: &str = "printf '[%s]' \"$@\"; echo";

#[test]
fn a_batch_is_so_many_rows_and_the_last_one_what_is_left() {
    let text = same(|flow| lines(&flow.range(0..7).pipe_as_args(Shell::new(SHOW).batch(3))));
    assert_eq!(text, "[0][1][2]\n[3][4][5]\n[6]\n");
    let text = same(|flow| {
        let rows = flow.rows([("a b", 1), ("", 2), ("$x", 3)]);
        lines(&rows.pipe_as_args(Shell::new(SHOW).batch(2)))
    });
    assert_eq!(text, "[a b][1][][2]\n[$x][3]\n");
    let text = same(|flow| lines(&flow.range(0..0).pipe_as_args(Shell::new(SHOW).batch(2))));
    assert_eq!(text, "");
}

#[test]
fn a_batch_is_of_one_partition() {
    let text = same(|flow| {
        let rows = flow.range(0..9).round_robin(2);
        lines(&rows.pipe_as_args(Shell::new(SHOW).batch(2)))
    });
    assert_eq!(text, "[0][2]\n[4][6]\n[8]\n[1][3]\n[5][7]\n");
}

#[test]
fn any_number_of_jobs_gives_the_same_rows_in_order() {
    let words = many_words(40, 40);
    for jobs in [1, 3, 64, usize::MAX] {
        let text = same(|flow| {
            let echo = Shell::argv(["printf", "%s\\n"]).jobs(jobs);
            lines(&flow.lines(&words).pipe_as_args(echo))
        });
        assert_eq!(text, words.join("\n") + "\n", "{jobs} jobs");
    }
}

#[test]
fn so_many_jobs_run_at_once_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let command = "touch run.$1; sleep 0.2; ls run.* | wc -l; rm run.$1";
    let counts = |jobs: usize| -> Vec<usize> {
        let command = Shell::new(command).dir(folder.path()).jobs(jobs);
        let rows = Flow::new().workers(2).range(0..12).pipe_as_args(command);
        let counts = rows.map("function(n) return tonumber(n) end").collect();
        counts.unwrap()
    };
    assert_eq!(counts(1), [1; 12]);
    let counts = counts(4);
    assert!(counts.iter().all(|count| *count <= 4), "{counts:?}");
    assert!(counts.contains(&4), "{counts:?}");
}

#[test]
fn a_slow_first_command_does_not_keep_the_others_from_running() {
    without_hanging(|| {
        let folder = tempfile::tempdir().unwrap();
        // The first one waits for the fourth, for which one job is left.
        let waits = "touch $1; while [ $1 = 0 ] && ! [ -e 3 ]; do sleep 0.01; done; echo $1";
        let command = Shell::new(waits).dir(folder.path()).jobs(2);
        let rows = Flow::new().range(0..6).pipe_as_args(command);
        assert_eq!(rows.collect::<String>().unwrap(), ["0", "1", "2", "3", "4", "5"]);
    });
}

#[test]
fn much_that_later_commands_write_waits_for_the_first() {
    without_hanging(|| {
        let writes = "[ $1 != 0 ] || sleep 0.3; head -c 5000000 /dev/zero | tr '\\0' \"$1\"; echo";
        let rows = Flow::new().range(0..8).pipe_as_args(Shell::new(writes).jobs(4));
        let firsts = rows.map("function(line) return line:sub(1, 1), #line end");
        let expected: Vec<_> = (0..8).map(|n| (n.to_string(), 5_000_000)).collect();
        assert_eq!(firsts.collect::<(String, usize)>().unwrap(), expected);
    });
}

#[test]
fn rows_of_a_slow_source_come_out_of_their_commands_before_it_goes_on() {
    without_hanging(|| {
        let (sender, numbers) = mpsc::channel::<i64>();
        let numbers = std::sync::Mutex::new(Some(numbers));
        let source = Flow::new().source(move || numbers.lock().unwrap().take().unwrap());
        (0..3).for_each(|n| sender.send(n).unwrap());
        let mut sender = Some(sender);
        let mut seen = Vec::new();
        source
            .pipe_as_args(Shell::argv(["echo"]).batch(2))
            .for_each_row(|row: String| {
                seen.push(row);
                sender = None;
            })
            .unwrap();
        assert_eq!(seen, ["0 1", "2"]);
    });
}

#[test]
fn a_batch_ends_where_the_system_takes_no_more() {
    let long = "x".repeat(100_000);
    let counts: Vec<u64> = Flow::new()
        .lines(vec![long; 200])
        .pipe_as_args(Shell::new("echo $#").batch(1000))
        .numbers([1])
        .collect()
        .unwrap();
    assert_eq!(counts.iter().sum::<u64>(), 200);
    // At most 6 MiB, and at least 128 KiB.
    assert!(counts.len() > 2 && counts[0] >= 1, "{counts:?}");
    assert!(counts[..counts.len() - 1].iter().all(|count| *count == counts[0]), "{counts:?}");
}

#[test]
fn a_column_that_is_too_long_for_an_argument_is_named() {
    let message = same_error(|flow| {
        let rows = flow.rows([("a", "b".to_string()), ("c", "d".repeat(200_000))]);
        let mut seen = Vec::new();
        let result = rows
            .pipe_as_args(Shell::argv(["printf", "%.1s\\n"]).batch(5))
            .for_each_row(|row: String| seen.push(row));
        assert_eq!(seen, ["a", "b"]);
        result
    });
    assert_says(
        &message,
        &[
            ", pipe_as_args: column 2 has 200000 bytes, and an argument of a command at most ",
            "\n  on \"c\", \"ddddd",
            "\n\nhint: `pipe` gives a command rows of any length, on its stdin",
        ],
    );
    let wide = Flow::new().rows([vec!["x".repeat(120_000); 70]]);
    let message = wide.pipe_as_args("echo $#").count().unwrap_err().to_string();
    assert_says(
        &message,
        &["the columns take 8400", " bytes as arguments, and the system has room"],
    );
}

#[test]
fn a_failing_batch_shows_its_rows() {
    let message = same_error(|flow| {
        flow.range(0..7).pipe_as_args(Shell::new("[ $1 != 5 ] || exit 3").batch(5)).count()
    });
    assert_says(&message, &["` exited with code 3\n  on 2 rows: \"5\", \"6\""]);
    let message =
        same_error(|flow| flow.range(0..7).pipe_as_args(Shell::new("exit 3").batch(5)).count());
    assert_says(&message, &["\n  on 5 rows: \"0\", \"1\", \"2\", …"]);
}

#[test]
fn rows_before_a_failing_one_get_their_command() {
    let message = same_error(|flow| {
        let rows =
            flow.range(0..9).map("function(n) if n == 5 then error('five', 0) end return n end");
        let mut seen = Vec::new();
        let result = rows
            .pipe_as_args(Shell::argv(["echo"]).batch(3))
            .for_each_row(|row: String| seen.push(row));
        assert_eq!(seen, ["0 1 2", "3 4"]);
        result
    });
    assert_says(&message, &["five"]);
}

#[test]
fn jobs_and_batches_are_of_pipe_as_args_alone() {
    let rows = Flow::new().lines(["x"]);
    for (option, shell) in
        [("jobs", Shell::new("cat").jobs(2)), ("batch", Shell::new("cat").batch(2))]
    {
        for (operator, piped) in
            [("pipe", rows.pipe(&shell)), ("pipe_rows", rows.pipe_rows(&shell))]
        {
            let error = piped.count().unwrap_err();
            assert_eq!((error.kind(), error.operator()), (ErrorKind::Plan, Some(operator)));
            assert_says(
                &error.to_string(),
                &[
                    &format!("runs once and gets all rows: `{option}` is for `pipe_as_args`"),
                    "hint: ",
                ],
            );
        }
        assert_eq!(rows.pipe_as_args(shell).count().unwrap(), 0);
    }
    let says = |shell: Shell| rows.pipe_as_args(shell).count().unwrap_err().to_string();
    assert_says(&says(Shell::new("cat").jobs(0)), &["`jobs` is at least 1"]);
    assert_says(&says(Shell::new("cat").batch(0)), &["`batch` is at least 1"]);
}
