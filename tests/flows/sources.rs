//! Sources: rows come in the order of files and lines, and bytes pass as they are.

use std::io::{Cursor, Write};

use gleamflow::Flow;

use crate::harness::{assert_says, lines, many_words, same, same_error, values};

#[test]
fn text_file_gives_each_line_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, "one\ntwo\n\nthree and a longer line to pass any split\nfour").unwrap();
    let text = same(|flow| lines(&flow.text_file(&path)));
    assert_eq!(text, "one\ntwo\n\nthree and a longer line to pass any split\nfour\n");
}

#[test]
fn an_empty_line_is_one_empty_string() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, "\n\na\n\n").unwrap();
    let text = same(|flow| values(&flow.text_file(&path)));
    assert_eq!(text, "\"\"\n\"\"\n\"a\"\n\"\"\n");
}

#[test]
fn cr_nul_and_invalid_utf8_pass_through_text_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    std::fs::write(&path, b"a\r\nb\0c\r\n\xff\xfe\nlast\r").unwrap();
    let plain = same(|flow| values(&flow.text_file(&path)));
    assert_eq!(plain, "\"a\\r\"\n\"b\\0c\\r\"\nb\"\\xff\\xfe\"\n\"last\\r\"\n");
    let looked_into =
        same(|flow| values(&flow.text_file(&path).map("function(line) return line, #line end")));
    assert_eq!(looked_into, "\"a\\r\" 2\n\"b\\0c\\r\" 4\nb\"\\xff\\xfe\" 2\n\"last\\r\" 5\n");
}

#[test]
fn empty_files_give_no_rows() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b", "d"] {
        std::fs::write(directory.path().join(name), "").unwrap();
    }
    std::fs::write(directory.path().join("c"), "c\n").unwrap();
    let pattern = directory.path().join("*");
    assert_eq!(same(|flow| lines(&flow.text_file(&pattern))), "c\n");
    assert_eq!(same(|flow| lines(&flow.text_file(directory.path().join("a")))), "");
}

#[test]
fn a_glob_takes_files_in_the_order_of_their_names() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["b.txt", "a10.txt", "a9.txt", "c.log", "B.txt"] {
        std::fs::write(directory.path().join(name), format!("{name} 1\n{name} 2")).unwrap();
    }
    let pattern = directory.path().join("*.txt");
    let text = same(|flow| lines(&flow.text_file(&pattern)));
    let expected = "B.txt 1\nB.txt 2\na10.txt 1\na10.txt 2\na9.txt 1\na9.txt 2\nb.txt 1\nb.txt 2\n";
    assert_eq!(text, expected);
}

#[test]
fn several_paths_come_in_the_order_given() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["z", "a", "m"].map(|name| directory.path().join(name));
    for path in &paths {
        let name = path.file_name().unwrap().to_string_lossy();
        std::fs::write(path, format!("{name}1\n{name}2\n")).unwrap();
    }
    let twice = [&paths[0], &paths[1], &paths[0], &paths[2]];
    let text = same(|flow| lines(&flow.text_file(twice)));
    assert_eq!(text, "z1\nz2\na1\na2\nz1\nz2\nm1\nm2\n");
}

#[test]
fn files_of_the_kernel_are_read_to_their_end() {
    let text = same(|flow| lines(&flow.text_file("/proc/sys/kernel/ostype")));
    assert_eq!(text, "Linux\n");
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let message = same_error(|flow| flow.text_file("/nowhere/at all").count());
    assert_says(&message, &["sources.rs", "text_file", "/nowhere/at all"]);
}

#[test]
fn a_glob_without_a_match_is_an_error() {
    let message = same_error(|flow| flow.text_file("/nowhere/*.txt").count());
    assert_says(&message, &["text_file", "/nowhere/*.txt"]);
}

#[test]
fn a_directory_is_an_error_with_the_next_move() {
    let message = same_error(|flow| flow.text_file("/etc").count());
    assert_says(&message, &["/etc", "directory", "hint: /etc/*"]);
}

#[test]
fn lines_are_rows_of_one_text_column() {
    assert_eq!(same(|flow| values(&flow.lines(["a", "", "1"]))), "\"a\"\n\"\"\n\"1\"\n");
    let invalid: [&[u8]; 2] = [b"\xff", b"\0"];
    assert_eq!(same(|flow| values(&flow.lines(invalid))), "b\"\\xff\"\n\"\\0\"\n");
}

#[test]
fn a_line_feed_within_a_line_is_an_error() {
    let message = same_error(|flow| flow.lines(["a", "b\nc"]).count());
    assert_says(&message, &["lines", "line 2 contains a line feed", "hint: `rows`"]);
}

#[test]
fn no_lines_rows_or_numbers_are_no_rows() {
    assert_eq!(same(|flow| lines(&flow.lines([""; 0]))), "");
    assert_eq!(same(|flow| lines(&flow.rows([0; 0]))), "");
    assert_eq!(same(|flow| lines(&flow.range(5..5))), "");
    assert_eq!(same(|flow| lines(&flow.range(std::ops::Range { start: 5, end: -5 }))), "");
}

#[test]
fn rows_takes_whatever_serde_serialises_to_columns() {
    #[derive(serde::Serialize)]
    struct User<'a> {
        name: &'a str,
        id: Option<u8>,
    }
    let users = || [User { name: "root", id: Some(0) }, User { name: "nobody", id: None }];
    assert_eq!(same(|flow| values(&flow.rows(users()))), "\"root\" 0\n\"nobody\" nil\n");
    assert_eq!(same(|flow| values(&flow.rows([(1, 1.0), (2, 0.5)]))), "1 1.0\n2 0.5\n");
    assert_eq!(same(|flow| values(&flow.rows(["a", "b"]))), "\"a\"\n\"b\"\n");
    assert_eq!(same(|flow| values(&flow.rows([vec![1], vec![1, 2, 3]]))), "1\n1 2 3\n");
    assert_eq!(same(|flow| values(&flow.rows([(vec![1, 2],)]))), "[1, 2]\n");
}

#[test]
fn a_row_without_columns_is_an_error() {
    let message = same_error(|flow| flow.rows([vec![1], vec![]]).count());
    assert_says(&message, &["rows", "row 2"]);
}

#[test]
fn range_counts_through_the_whole_of_64_bits() {
    assert_eq!(same(|flow| lines(&flow.range(-2..3))), "-2\n-1\n0\n1\n2\n");
    let top = same(|flow| lines(&flow.range(i64::MAX - 2..i64::MAX)));
    assert_eq!(top, "9223372036854775805\n9223372036854775806\n");
    let all = same(|flow| lines(&flow.range(i64::MIN..i64::MAX).limit(2)));
    assert_eq!(all, "-9223372036854775808\n-9223372036854775807\n");
}

#[test]
fn a_reader_gives_its_lines_in_order() {
    let words = many_words(2000, 1000).join("\n");
    let text = same(|flow| lines(&flow.reader(Cursor::new(words.clone()))));
    assert_eq!(text, words.clone() + "\n");
    let counted = same(|flow| {
        let words = flow.reader(Cursor::new(words.clone())).map("function(w) return w, 1 end");
        lines(&words.reduce("function(x, y) return x + y end").limit(3))
    });
    assert_eq!(counted, "w0\t2\nw1\t2\nw10\t2\n");
}

#[test]
fn a_reader_cuts_its_tasks_at_the_same_rows_however_it_is_read() {
    /// Gives a few bytes at a time.
    struct Dribble(Cursor<String>, usize);
    impl std::io::Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let most = self.1.min(buffer.len());
            std::io::Read::read(&mut self.0, &mut buffer[..most])
        }
    }
    let words = many_words(60, 1000).join("\n");
    let count = "function() local n = 0 return function(w) n = n + 1 return w, n end end";
    let by_task = format!("({count})()");
    let run = |flow: Flow, most| {
        let reader = Dribble(Cursor::new(words.clone()), most);
        lines(&flow.reader(reader).map(by_task.as_str()))
    };
    let at_once = crate::harness::same_for_each_split(|flow| run(flow, 1 << 20));
    for most in [1, 7, 64] {
        assert_eq!(crate::harness::same_for_each_split(|flow| run(flow, most)), at_once);
    }
}

#[test]
fn a_reader_that_fails_is_an_error_behind_the_rows_before_it() {
    struct Broken(bool);
    impl std::io::Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("the line is dead"));
            }
            buffer[..4].copy_from_slice(b"a\nb\n");
            Ok(4)
        }
    }
    let message = same_error(|flow| flow.reader(Broken(false)).count());
    assert_says(&message, &["reader", "the line is dead"]);
    assert_eq!(same(|flow| lines(&flow.reader(Broken(false)).limit(2))), "a\nb\n");
}

#[test]
fn a_reader_that_was_used_up_says_so() {
    let rows = Flow::new().reader(Cursor::new("a\n"));
    assert_eq!(rows.count().unwrap(), 1);
    let message = rows.count().unwrap_err().to_string();
    assert_says(&message, &["reader"]);
}

#[test]
fn a_reader_is_not_used_up_by_a_run_that_could_not_begin() {
    let text = same(|flow| {
        let rows = flow.reader(Cursor::new("a\nb\n"));
        let out = crate::sinks::Shared::default();
        rows.to_lines(out.clone());
        flow.text_file("/nowhere/at all").to_lines(crate::sinks::Shared::default());
        let message = flow.run().unwrap_err().to_string();
        assert_says(&message, &["text_file", "/nowhere/at all"]);
        lines(&rows)
    });
    assert_eq!(text, "a\nb\n");
}

#[test]
fn a_file_replaced_during_a_run_is_not_mixed_with_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (path, new) = (directory.path().join("in"), directory.path().join("new"));
    std::fs::write(&path, "old\n".repeat(50_000)).unwrap();
    let flow = Flow::new().workers(2).test_sizes(Some(1000), None, None);
    let rows = flow.text_file(&path).map("function(line) return line end");
    let mut seen = 0;
    let result = rows.for_each_row(|line: String| {
        assert_eq!(line, "old");
        if seen == 0 {
            std::fs::write(&new, "new\n".repeat(50_000)).unwrap();
            std::fs::rename(&new, &path).unwrap();
        }
        seen += 1;
    });
    let message = result.unwrap_err().to_string();
    let refused = format!(
        "text_file: cannot read {}: another file has taken its place since the run began",
        path.display()
    );
    assert_says(&message, &["sources.rs", &refused, "hint: "]);
}

#[test]
fn a_file_cut_off_or_written_anew_during_a_run_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    let cut = |file: &std::fs::File| file.set_len(4);
    let write = |mut file: &std::fs::File| file.write_all("new\n".repeat(60_000).as_bytes());
    type Change<'a> = &'a dyn Fn(&std::fs::File) -> std::io::Result<()>;
    let changes: [(Change, &str); 2] = [
        (&cut, "it has become shorter than the 200000 bytes it had"),
        (&write, "it has been rewritten since the run began"),
    ];
    for (change, how) in changes {
        std::fs::write(&path, "old\n".repeat(50_000)).unwrap();
        let flow = Flow::new().workers(2).test_sizes(Some(1000), None, None);
        let rows = flow.text_file(&path).map("function(line) return line end");
        let mut seen = 0;
        let result = rows.for_each_row(|_: String| {
            if seen == 0 {
                change(&std::fs::File::options().write(true).open(&path).unwrap()).unwrap();
            }
            seen += 1;
        });
        let message = result.unwrap_err().to_string();
        assert_says(&message, &[&format!("cannot read {}: {how}", path.display())]);
    }
}

#[test]
fn a_file_that_is_appended_to_during_a_run_is_read_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::fs::write(&path, "old\n".repeat(50_000)).unwrap();
    let flow = Flow::new().workers(2).test_sizes(Some(1000), None, None);
    let rows = flow.text_file(&path).map("function(line) return line end");
    let mut seen = 0;
    let result = rows.for_each_row(|line: String| {
        assert_eq!(line, "old");
        if seen % 10_000 == 0 {
            let mut log = std::fs::File::options().append(true).open(&path).unwrap();
            log.write_all(b"new\n").unwrap();
        }
        seen += 1;
    });
    result.unwrap();
    assert_eq!(seen, 50_000);
}

#[test]
fn the_lines_of_a_compressed_file_are_not_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.gz");
    std::fs::write(&path, b"\x1f\x8b\x08\0\0\0\0\0\0\x03a\nb\nc\n").unwrap();
    let message = same_error(|flow| flow.text_file(&path).count());
    let shown = path.display();
    let refused = format!("text_file: cannot read {shown} as text: it is a gzip file");
    let hint = format!("hint: `zcat {shown} |` before the program and `text_file(\"-\")`");
    assert_says(&message, &["sources.rs", &refused, &hint]);
    let pattern = directory.path().join("*");
    assert_says(&same_error(|flow| flow.text_file(&pattern).count()), &[&refused]);
}

#[test]
fn hidden_files_match_no_pattern_that_does_not_name_the_dot() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("seen"), "seen\n").unwrap();
    std::fs::write(directory.path().join(".hidden"), "hidden\n").unwrap();
    let read = |pattern| same(|flow| lines(&flow.text_file(directory.path().join(pattern))));
    assert_eq!(read("*"), "seen\n");
    assert_eq!(read(".h*"), "hidden\n");
}

#[test]
fn a_pattern_of_several_that_matches_nothing_is_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.txt"), "a\n").unwrap();
    let patterns = ["*.csv", "*.txt"].map(|name| directory.path().join(name));
    let (text, warnings) =
        crate::harness::warnings(|| lines(&Flow::new().text_file(&patterns[..])).unwrap());
    assert_eq!(text, b"a\n");
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let says = format!("text_file: no file matches {}", patterns[0].display());
    assert_says(warning, &["tests/flows/sources.rs:", &says]);
    let neither = ["*.csv", "*.tsv"].map(|name| directory.path().join(name));
    let message = same_error(|flow| flow.text_file(&neither[..]).count());
    let both = format!("no file matches {}, {}", neither[0].display(), neither[1].display());
    assert_says(&message, &[&both]);
}

#[test]
fn a_row_longer_than_max_row_is_refused_wherever_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in");
    let long = "x".repeat(150);
    std::fs::write(&path, format!("ok\n{long}\nmore\n")).unwrap();
    let given = ["ok", &long, "more"];
    type Make<'a> = &'a dyn Fn(&Flow) -> gleamflow::Dataset;
    let from: [(Make, &str); 6] = [
        (&|flow| flow.text_file(&path), "text_file: a line of more than 100 bytes in "),
        (&|flow| flow.lines(given), "lines: line 2 has more than 100 bytes\n"),
        (&|flow| flow.rows(given), "rows: row 2 has more than 100 bytes\n"),
        (
            &|flow| flow.reader(Cursor::new(given.join("\n"))),
            "reader: a line of more than 100 bytes in reader at byte 3",
        ),
        (
            &|flow| flow.rows([("ok", "ok"), (&long[..60], "ok")]).select([1, 1]),
            "select: a row is larger than `max_row` allows\n  on \"xxx",
        ),
        (
            &|flow| flow.lines(["o,k".into(), "a,".repeat(50)]).split(","),
            "split: a row is larger than `max_row` allows\n  on \"a,a",
        ),
    ];
    for (rows, says) in from {
        let rows = |flow: Flow| rows(&flow.max_row(100));
        assert_says(&same_error(|flow| rows(flow).count()), &["sources.rs:", says, "max_row"]);
        assert_says(&same_error(|flow| lines(&rows(flow).sort(1))), &[says]);
        assert_eq!(same(|flow| lines(&rows(flow).limit(1).select([1]))).chars().next(), Some('o'));
    }
    let longest = "x".repeat(100);
    let exact = |flow: Flow| lines(&flow.max_row(100).lines(["ok", &longest]));
    assert_eq!(same(exact), format!("ok\n{longest}\n"));
}

#[test]
fn a_row_of_a_command_is_too_long_or_not_however_reads_fall() {
    let long = "printf '%0150d\\n' 0";
    let halves = "printf %075d 0; sleep 0.02; printf '%075d\\n' 0";
    for command in [
        format!("printf 'ok\\n'; {long}; printf 'more\\n'"),
        "printf 'ok\\n%0150d\\nmore\\n' 0".to_owned(),
        format!("printf 'ok\\n'; sleep 0.02; {long}"),
        format!("printf 'ok\\n'; {halves}"),
        format!("printf 'ok\\n'; sleep 0.02; {halves}"),
        "printf 'ok\\n%0150d' 0".to_owned(),
    ] {
        let command = format!("cat > /dev/null; {command}");
        let rows = || Flow::new().workers(1).max_row(100).lines(["go"]).pipe(command.as_str());
        let message = rows().count().unwrap_err().to_string();
        let says = "pipe: a command wrote a line of more than 100 bytes\n\nhint: `max_row`";
        assert_says(&message, &["sources.rs:", says]);
        assert_eq!(rows().limit(1).collect::<String>().unwrap(), ["ok"], "{command}");
    }
    // A frame of one text, then the length of one of 150 bytes.
    let (ok, long) = ("printf '\\003\\0\\0\\0\\242ok'", "printf '\\226\\0\\0\\0'");
    for command in [
        format!("{ok}; {long}"),
        format!("{{ {ok}; {long}; }} | cat"),
        format!("{ok}; sleep 0.02; {long}; sleep 0.02; {ok}"),
        format!("{{ {ok}; {long}; {ok}; }} | dd bs=1 status=none"),
    ] {
        let command = format!("cat > /dev/null; {command}");
        let rows = || Flow::new().workers(1).max_row(100).lines(["go"]).pipe_rows(command.as_str());
        let message = rows().count().unwrap_err().to_string();
        assert_says(
            &message,
            &["pipe_rows: ", "a row of 150 bytes is longer than the limit of 100"],
        );
        assert_eq!(rows().limit(1).collect::<String>().unwrap(), ["ok"], "{command}");
    }
}

#[test]
fn many_rows_of_an_iterator_are_the_same_rows_in_every_run() {
    // More than the knobs' little memory takes.
    let text = "text ".repeat(50);
    let expected: String = (0..400).map(|i| format!("{i}\t{text}\n")).collect();
    let read = same(|flow| {
        let rows = flow.rows((0..400).map(|i| (i, &text)));
        assert_eq!(rows.count()?, 400);
        assert_eq!(rows.first::<(u64, String)>()?, Some((0, text.clone())));
        assert!(rows.explain()?.starts_with("stage 1: rows (400)"));
        lines(&rows.filter("function(i) return i >= 0 end"))
    });
    assert!(read == expected);
    let read = same(|flow| {
        let rows = flow.lines((0..400).map(|i| format!("{i}\t{text}")));
        assert_eq!(rows.count()?, 400);
        assert!(rows.explain()?.starts_with("stage 1: lines (400)"));
        lines(&rows.pipe("cat"))
    });
    assert!(read == expected);
}

#[test]
fn rows_that_find_no_room_on_a_disk_say_where_it_was_looked_for() {
    let flow = Flow::new().temp_dir("/nowhere").test_sizes(None, None, Some(1000));
    let error = flow.lines(vec!["too much for memory"; 1000]).count().unwrap_err();
    assert_says(&error.to_string(), &["lines: cannot create a temporary file in /nowhere", "hint"]);
}
