//! Flows that give rows while their source is still read, and sources that never end.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use gleamflow::Flow;

use crate::harness::{Endless, assert_says, lines, same, values, without_hanging};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn limit_ends_a_reader_without_end() {
    let text = without_hanging(|| {
        same(|flow| {
            lines(&flow.reader(Endless::new(b"abc\n")).map("function(x) return x, #x end").limit(3))
        })
    });
    assert_eq!(text, "abc\t3\nabc\t3\nabc\t3\n");
}

const ENDLESS: &str = "function() local i = 0 return function() i = i + 1 return i end end";

#[test]
fn limit_ends_an_iterator_without_end() {
    let text =
        without_hanging(|| same(|flow| values(&flow.range(0..1).flat_map(ENDLESS).limit(4))));
    assert_eq!(text, "1\n2\n3\n4\n");
}

#[test]
fn limit_ends_an_iterator_without_end_before_another_stage() {
    let text = without_hanging(|| {
        same(|flow| {
            let rows = flow.range(0..1).flat_map(ENDLESS).limit(4);
            lines(&rows.map("function(x) return -x end"))
        })
    });
    assert_eq!(text, "-1\n-2\n-3\n-4\n");
}

#[test]
fn limits_end_an_iterator_without_end_that_two_read() {
    let text = without_hanging(|| {
        same(|flow| {
            let rows = flow.range(0..1).flat_map(ENDLESS);
            let place = tempfile::tempdir().unwrap();
            let paths = ["a", "b"].map(|name| place.path().join(name));
            rows.map("function(x) return -x end").limit(3).to_lines_file(&paths[0]);
            rows.filter("function(x) return x % 1000 == 0 end").limit(2).to_lines_file(&paths[1]);
            flow.run()?;
            Ok(paths.map(|path| std::fs::read(path).unwrap()).concat())
        })
    });
    assert_eq!(text, "-1\n-2\n-3\n1000\n2000\n");
}

#[test]
fn limit_ends_a_command_without_end() {
    let text = without_hanging(|| same(|flow| lines(&flow.range(0..1).pipe("yes").limit(2))));
    assert_eq!(text, "y\ny\n");
    let fed = without_hanging(|| {
        same(|flow| lines(&flow.reader(Endless::new(b"a\n")).pipe("cat").pipe("head -n 2")))
    });
    assert_eq!(fed, "a\na\n");
}

#[test]
fn limit_ends_a_reader_without_end_behind_partitions() {
    let text = without_hanging(|| {
        same(|flow| {
            let rows = flow.reader(Endless::new(b"a\n")).limit(7).round_robin(3).pipe("wc -l");
            lines(&rows)
        })
    });
    assert_eq!(text, "3\n2\n2\n");
}

/// Sends one row into a flow at a time and wants it back before the next goes in.
fn echo(
    build: impl Fn(gleamflow::Dataset) -> gleamflow::Dataset + Send + 'static,
    in_process: bool,
) {
    without_hanging(move || {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let flow = Flow::new();
        let flow = if in_process { flow.workers_in_process() } else { flow };
        let rows = build(flow.reader(reader));
        runtime().block_on(async {
            let mut stream = rows.stream::<String>().unwrap();
            for row in ["first", "second", "third"] {
                writeln!(writer, "{row}").unwrap();
                assert_eq!(stream.next_row().await.unwrap().unwrap(), row);
            }
            drop(writer);
            assert!(stream.next_row().await.is_none());
        });
    });
}

#[test]
fn rows_come_out_while_the_source_is_still_read() {
    echo(|rows| rows, false);
    echo(|rows| rows.map("function(x) return x end"), false);
    echo(|rows| rows.map("function(x) return x end"), true);
    echo(|rows| rows.filter("function(x) return true end").limit(10).select([1]), false);
}

#[test]
fn rows_come_through_commands_while_the_source_is_still_read() {
    echo(|rows| rows.pipe("sed -u ''"), false);
    echo(|rows| rows.pipe("sed -u ''").pipe("sed -u ''").map("function(x) return x end"), false);
    echo(|rows| rows.pipe_as_args("echo $1"), false);
    echo(|rows| rows.pipe_rows("cat"), false);
}

#[test]
fn a_writer_gets_rows_while_the_source_is_still_read() {
    without_hanging(|| {
        let (reader, mut source) = std::io::pipe().unwrap();
        let (rows, mut sink) = std::io::pipe().unwrap();
        let thread = std::thread::spawn(move || {
            let rows = Flow::new().reader(reader).map("function(x) return x, 1 end");
            rows.save_text_to(&mut sink, "%s %d").unwrap();
        });
        let mut rows = std::io::BufRead::lines(std::io::BufReader::new(rows));
        for row in ["a", "b"] {
            writeln!(source, "{row}").unwrap();
            assert_eq!(rows.next().unwrap().unwrap(), format!("{row} 1"));
        }
        drop(source);
        assert!(rows.next().is_none());
        thread.join().unwrap();
    });
}

#[test]
fn dropping_a_stream_cancels_the_run() {
    for in_process in [false, true] {
        let (dropped, was_dropped) = mpsc::channel();
        without_hanging(move || {
            let flow = if in_process { Flow::new().workers_in_process() } else { Flow::new() };
            let reader = Endless { line: b"x\n", dropped: Some(dropped) };
            let rows = flow.reader(reader).map("function(x) return x .. x end");
            runtime().block_on(async {
                let mut stream = rows.stream::<String>().unwrap();
                assert_eq!(stream.next_row().await.unwrap().unwrap(), "xx");
            });
        });
        was_dropped.recv_timeout(Duration::from_secs(60)).expect("the reader is let go");
    }
}

#[test]
fn dropping_a_stream_ends_its_commands() {
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("pid");
    let command = format!("echo $$ > {}; exec yes", pid_file.display());
    without_hanging(move || {
        runtime().block_on(async {
            let mut stream = Flow::new().range(0..1).pipe(command).stream::<String>().unwrap();
            assert_eq!(stream.next_row().await.unwrap().unwrap(), "y");
        });
        let pid = std::fs::read_to_string(pid_file).unwrap();
        while std::path::Path::new("/proc").join(pid.trim()).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

#[test]
fn a_stream_ends_with_its_failure() {
    runtime().block_on(async {
        let rows = Flow::new()
            .range(0..10)
            .map("function(x) if x == 2 then error('the third') end return x end");
        let mut stream = rows.stream::<i64>().unwrap();
        assert_eq!(stream.next_row().await.unwrap().unwrap(), 0);
        assert_eq!(stream.next_row().await.unwrap().unwrap(), 1);
        let error = stream.next_row().await.unwrap().unwrap_err();
        assert_says(&error.to_string(), &["streams.rs:", "map", "the third"]);
        assert!(stream.next_row().await.is_none());
        assert!(stream.next_row().await.is_none());
    });
}

#[test]
fn a_stream_of_a_flow_that_cannot_be_is_refused_at_once() {
    let error = Flow::new().range(0..1).map("function(").stream::<i64>().err().unwrap();
    assert_says(&error.to_string(), &["map"]);
}

#[test]
fn a_reader_of_rows_that_drags_behind_gets_them_all() {
    without_hanging(|| {
        runtime().block_on(async {
            let mut stream = Flow::new().range(0..200_000).stream::<i64>().unwrap();
            let mut next = 0;
            while let Some(row) = stream.next_row().await {
                assert_eq!(row.unwrap(), next);
                next += 1;
                if next % 50_000 == 0 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            assert_eq!(next, 200_000);
        });
    });
}

#[test]
fn a_stream_is_a_stream_of_its_rows_in_order() {
    use futures_core::Stream;
    runtime().block_on(async {
        let mut stream = Flow::new().lines(["b", "a"]).sort(1).stream::<String>().unwrap();
        let mut rows = Vec::new();
        while let Some(row) =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut stream).poll_next(context)).await
        {
            rows.push(row.unwrap());
        }
        assert_eq!(rows, ["a", "b"]);
    });
}

#[test]
fn async_twins_give_what_their_blocking_forms_give() {
    let directory = tempfile::tempdir().unwrap();
    let [formatted, plain, attached] = ["a", "b", "c"].map(|name| directory.path().join(name));
    runtime().block_on(async {
        let flow = Flow::new();
        let rows = flow.range(0..3).map("function(x) return x, x * 2 end");
        assert_eq!(rows.collect_async::<(i64, i64)>().await.unwrap(), [(0, 0), (1, 2), (2, 4)]);
        assert_eq!(rows.first_async::<(i64, i64)>().await.unwrap(), Some((0, 0)));
        assert_eq!(rows.count_async().await.unwrap(), 3);
        let mut sum = 0;
        rows.for_each_row_async(|(x, y): (i64, i64)| sum += x + y).await.unwrap();
        assert_eq!(sum, 9);
        let mut text = Vec::new();
        rows.save_text_to_async(&mut text, "%d,%d").await.unwrap();
        assert_eq!(text, b"0,0\n1,2\n2,4\n");
        let mut text = Vec::new();
        rows.save_lines_to_async(&mut text).await.unwrap();
        assert_eq!(text, b"0\t0\n1\t2\n2\t4\n");
        rows.save_text_async(&formatted, "%d;%d").await.unwrap();
        rows.save_lines_async(&plain).await.unwrap();
        rows.limit(1).to_lines_file(&attached);
        flow.run_async().await.unwrap();
    });
    assert_eq!(std::fs::read_to_string(formatted).unwrap(), "0;0\n1;2\n2;4\n");
    assert_eq!(std::fs::read_to_string(plain).unwrap(), "0\t0\n1\t2\n2\t4\n");
    assert_eq!(std::fs::read_to_string(attached).unwrap(), "0\t0\n");
}

#[test]
fn async_failures_are_errors_and_leave_no_file() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let rows = Flow::new().range(0..3).map("function() error('async') end");
        assert!(rows.collect_async::<i64>().await.is_err());
        assert!(rows.count_async().await.is_err());
        assert!(rows.save_lines_async(directory.path().join("out")).await.is_err());
    });
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn dropping_an_async_terminal_cancels_the_run() {
    let (dropped, was_dropped) = mpsc::channel();
    let reader = Endless { line: b"x\n", dropped: Some(dropped) };
    let rows = Flow::new().reader(reader).map("function(x) return x end");
    runtime().block_on(async {
        let counting = rows.count_async();
        assert!(tokio::time::timeout(Duration::from_millis(200), counting).await.is_err());
    });
    was_dropped.recv_timeout(Duration::from_secs(60)).expect("the reader is let go");
}
