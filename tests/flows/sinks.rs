//! Sinks and terminals: what arrives where, once, and whole or not at all.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gleamflow::{ErrorKind, Flow};
use serde::Deserialize;

use crate::harness::{Endless, assert_says, lines, same, same_error, text, without_hanging};

/// A writer that others can look into.
#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that fails after some bytes.
struct Failing {
    left: usize,
    kind: io::ErrorKind,
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(self.kind, "no more"));
        }
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn save_text_writes_a_whole_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.txt");
    let written = same(|flow| {
        flow.range(0..100).map("function(x) return x, x / 2 end").save_text(&path, "%03d,%.1f")?;
        Ok(std::fs::read(&path).unwrap())
    });
    assert!(written.starts_with("000,0.0\n001,0.5\n"), "{written}");
    assert_eq!(written.lines().count(), 100);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn save_lines_joins_columns_by_tab() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.tsv");
    let written = same(|flow| {
        flow.rows([(Some("a"), 1.5), (None, 2.0)]).save_lines(&path)?;
        Ok(std::fs::read(&path).unwrap())
    });
    assert_eq!(written, "a\t1.5\n\t2\n");
}

#[test]
fn a_failed_run_leaves_the_old_file_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.txt");
    std::fs::write(&path, "old").unwrap();
    let late = "function(x) if x == 90 then error('late') end return x end";
    same_error(|flow| flow.range(0..100).map(late).save_text(&path, "%d"));
    same_error(|flow| flow.range(0..100).map(late).save_lines(&path));
    same_error(|flow| {
        flow.range(0..100).map(late).to_lines_file(directory.path().join("other"));
        flow.range(0..3).to_lines_file(&path);
        flow.run()
    });
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_run_of_which_one_file_cannot_be_finished_leaves_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.txt");
    std::fs::write(&path, "old").unwrap();
    let message = same_error(|flow| {
        let rows = flow.range(0..3);
        rows.to_lines_file(&path);
        rows.to_lines_file("/dev/full");
        flow.run()
    });
    assert_says(&message, &["to_lines_file: cannot write /dev/full: No space left on device"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_cannot_take_its_place_is_an_error_that_says_what_is_left() {
    /// Puts a folder where a file was to appear.
    struct InTheWay(std::path::PathBuf);
    impl Write for InTheWay {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = std::fs::create_dir(&self.0);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let paths = ["a", "b", "c"].map(|name| directory.path().join(name));
    std::fs::write(&paths[2], "old").unwrap();
    let flow = Flow::new();
    let rows = flow.range(0..3);
    for path in &paths {
        rows.to_lines_file(path);
    }
    rows.to_lines(InTheWay(paths[1].clone()));
    let message = flow.run().unwrap_err().to_string();
    let message = message.replace(directory.path().to_str().unwrap(), "DIR");
    let end = "cannot write DIR/b: Is a directory (os error 21)\n  already new: DIR/a\n  \
               still as before: DIR/c";
    assert!(message.ends_with(end), "{message}");
    assert_eq!(std::fs::read_to_string(&paths[0]).unwrap(), "0\n1\n2\n");
    assert_eq!(std::fs::read_to_string(&paths[2]).unwrap(), "old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3);
}

#[test]
fn two_sinks_with_one_file_are_refused_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("sub")).unwrap();
    std::fs::write(path("there"), "old").unwrap();
    std::fs::hard_link(path("there"), path("hard")).unwrap();
    std::os::unix::fs::symlink("there", path("soft")).unwrap();
    std::os::unix::fs::symlink("missing", path("dangling")).unwrap();
    std::os::unix::fs::symlink("sub", path("folder")).unwrap();
    let started = path("started");
    for (one, other) in [
        ("new", "new"),
        ("new", "sub/../new"),
        ("there", "hard"),
        ("there", "soft"),
        ("missing", "dangling"),
        ("sub/out", "folder/out"),
    ] {
        let message = same_error(|flow| {
            let rows = flow.range(0..3).pipe(format!("touch {}; cat", started.display()));
            rows.to_lines_file(path(one));
            rows.to_text_file(path(other), "%s");
            flow.run()
        });
        let message = message.replace(directory.path().to_str().unwrap(), "DIR");
        let expected = format!("to_text_file: cannot write DIR/{other}: tests/flows/sinks.rs:");
        assert_says(&message, &[&expected, ", to_lines_file, writes it too", "hint: "]);
        let named = message.contains(&format!("writes it too, as DIR/{one}\n"));
        assert_eq!(named, one != other, "{message}");
    }
    assert!(!started.exists());
    let flow = Flow::new();
    let rows = flow.range(0..3);
    rows.to_lines_file("/dev/null");
    rows.to_lines_file("/dev/null");
    flow.run().unwrap();
}

#[test]
fn a_file_that_cannot_be_made_is_an_error_that_names_it() {
    let message = same_error(|flow| flow.range(0..1).save_lines("/nowhere/out"));
    assert_says(&message, &["sinks.rs:", "save_lines", "/nowhere/out"]);
}

#[test]
fn several_sinks_run_together() {
    let text = same(|flow| {
        let [all, odd, sums] = [(); 3].map(|()| Shared::default());
        let numbers = flow.range(0..50);
        numbers.to_lines(all.clone());
        numbers.filter("function(x) return x % 10 == 1 end").to_text(odd.clone(), "<%d>");
        numbers.fold("function(x, y) return x + y end").to_lines(sums.clone());
        flow.run()?;
        let all = String::from_utf8(all.take()).unwrap().lines().count();
        let mut text = format!("{all}\n").into_bytes();
        text.extend(odd.take());
        text.extend(sums.take());
        Ok(text)
    });
    assert_eq!(text, "50\n<1>\n<11>\n<21>\n<31>\n<41>\n1225\n");
}

#[test]
fn a_flow_without_attached_sinks_says_how_to_attach_one() {
    let message = same_error(|flow| {
        let _ = flow.range(0..1);
        flow.run()
    });
    assert_says(&message, &["nothing is attached", "hint: `to_text_file`"]);
}

#[test]
fn sinks_are_attached_for_one_run() {
    let out = Shared::default();
    let flow = Flow::new();
    flow.range(0..2).to_lines(out.clone());
    flow.run().unwrap();
    assert!(flow.run().is_err());
    assert_eq!(out.take(), b"0\n1\n");
}

#[test]
fn a_dataset_read_twice_is_computed_once() {
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let text = same(|flow| {
        let _ = std::fs::remove_file(&seen);
        let [sorted, summed] = [(); 2].map(|()| Shared::default());
        let counted = flow.range(0..200).pipe(format!("tee -a {}", seen.display())).numbers([1]);
        counted.sort(gleamflow::Sort::by(1).descending()).limit(2).to_lines(sorted.clone());
        counted.fold("function(x, y) return x + y end").to_lines(summed.clone());
        flow.run()?;
        let mut text = sorted.take();
        text.extend(summed.take());
        let seen = std::fs::read_to_string(&seen).unwrap().lines().count();
        text.extend(format!("seen {seen}\n").bytes());
        Ok(text)
    });
    assert_eq!(text, "199\n198\n19900\nseen 200\n");
}

#[test]
fn a_lua_step_read_by_several_runs_once_for_each_row() {
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let count = format!(
        "function(x) local f = io.open('{}', 'a') f:write(x, '\\n') f:close() end",
        seen.display()
    );
    let text = same(|flow| {
        let _ = std::fs::remove_file(&seen);
        let outs = [(); 3].map(|()| Shared::default());
        let rows = flow.range(0..40).for_each(count.as_str());
        for out in &outs {
            rows.map("function(x) return x + 1 end").to_lines(out.clone());
        }
        flow.run()?;
        let texts = outs.map(|out| out.take());
        assert!(texts[0] == texts[1] && texts[1] == texts[2]);
        Ok(format!("{}\n", std::fs::read_to_string(&seen).unwrap().lines().count()).into_bytes())
    });
    assert_eq!(text, "40\n");
}

#[test]
fn a_reader_feeds_two_sinks() {
    let text = same(|flow| {
        let [one, other] = [(); 2].map(|()| Shared::default());
        let rows = flow.reader(io::Cursor::new("b\na\nc\n"));
        rows.to_lines(one.clone());
        rows.sort(1).to_lines(other.clone());
        flow.run()?;
        let mut text = one.take();
        text.extend(other.take());
        Ok(text)
    });
    assert_eq!(text, "b\na\nc\na\nb\nc\n");
}

#[test]
fn a_fork_does_not_wait_for_its_slow_branch() {
    let text = without_hanging(|| {
        same(|flow| {
            let [slow, fast] = [(); 2].map(|()| Shared::default());
            let rows = flow.range(0..20_000);
            rows.pipe("sleep 0.1; tail -n 1").to_lines(slow.clone());
            rows.fold("function(x, y) return x + y end").to_lines(fast.clone());
            flow.run()?;
            let mut text = fast.take();
            text.extend(slow.take());
            Ok(text)
        })
    });
    assert_eq!(text, "199990000\n19999\n");
}

#[test]
fn a_branch_that_reads_nothing_stops_no_other() {
    let text = without_hanging(|| {
        same(|flow| {
            let [none, some, all] = [(); 3].map(|()| Shared::default());
            let rows = flow.range(0..20_000);
            rows.limit(0).to_lines(none.clone());
            rows.pipe("true").to_lines(none.clone());
            rows.limit(2).to_lines(some.clone());
            rows.pipe("wc -l").to_lines(all.clone());
            flow.run()?;
            let mut text = none.take();
            text.extend(some.take());
            text.extend(all.take());
            Ok(text)
        })
    });
    assert_eq!(text, "0\n1\n20000\n");
}

#[test]
fn limits_on_all_branches_end_a_source_without_end() {
    let text = without_hanging(|| {
        same(|flow| {
            let [two, three] = [(); 2].map(|()| Shared::default());
            let rows = flow.reader(Endless::new(b"again\n"));
            rows.limit(2).to_lines(two.clone());
            rows.map("function(x) return x:upper() end").limit(3).to_lines(three.clone());
            flow.run()?;
            let mut text = two.take();
            text.extend(three.take());
            Ok(text)
        })
    });
    assert_eq!(text, "again\nagain\nAGAIN\nAGAIN\nAGAIN\n");
}

#[test]
fn the_same_dataset_under_two_limits_gives_both() {
    let text = same(|flow| {
        let outs = [(); 3].map(|()| Shared::default());
        let rows = flow.range(0..1000).map("function(x) return x end");
        for (out, most) in outs.iter().zip([5, 0, 900]) {
            rows.limit(most).to_lines(out.clone());
        }
        flow.run()?;
        let counts = outs.map(|out| out.take().iter().filter(|&&byte| byte == b'\n').count());
        Ok(format!("{counts:?}").into_bytes())
    });
    assert_eq!(text, "[5, 0, 900]");
}

#[test]
fn a_failure_in_one_branch_fails_the_run() {
    let message = same_error(|flow| {
        let rows = flow.range(0..100);
        rows.map("function(x) if x == 50 then error('half way') end return x end")
            .to_lines(Shared::default());
        rows.sort(1).to_lines(Shared::default());
        flow.run()
    });
    assert_says(&message, &["half way", "\n  on 50"]);
}

#[test]
fn collect_gives_tuples_structs_vectors_and_values() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Entry {
        name: String,
        id: Option<i64>,
    }
    let flow = Flow::new();
    let rows = flow.rows([("a", Some(1)), ("b", None)]);
    let tuples: Vec<(String, Option<i64>)> = rows.collect().unwrap();
    assert_eq!(tuples, [("a".into(), Some(1)), ("b".into(), None)]);
    let structs: Vec<Entry> = rows.collect().unwrap();
    assert_eq!(structs[1], Entry { name: "b".into(), id: None });
    let dynamic: Vec<Vec<rmpv::Value>> = rows.collect().unwrap();
    assert_eq!(dynamic[0], [rmpv::Value::from("a"), rmpv::Value::from(1)]);
    let scalars: Vec<String> = rows.select([1]).collect().unwrap();
    assert_eq!(scalars, ["a", "b"]);
    let vectors: Vec<Vec<i64>> = flow.rows([(1, 2), (3, 4)]).collect().unwrap();
    assert_eq!(vectors, [[1, 2], [3, 4]]);
    let map: Vec<(BTreeMap<String, i64>,)> =
        flow.range(1..2).map("function(x) return {b = 2, a = x} end").collect().unwrap();
    assert_eq!(map[0].0, BTreeMap::from([("a".into(), 1), ("b".into(), 2)]));
    let command: Vec<(String, String)> = flow.lines(["a\tb"]).pipe("cat").collect().unwrap();
    assert_eq!(command, [("a".into(), "b".into())]);
}

#[test]
fn a_row_that_the_type_cannot_take_is_an_error_that_shows_it() {
    let error = Flow::new().rows([("a", 1), ("b", 2)]).collect::<(String, bool)>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Row);
    assert_says(&error.to_string(), &["sinks.rs:", "collect", "\n  on ", "a"]);
    assert!(Flow::new().rows([("a", 1)]).collect::<(String,)>().is_err());
    assert!(Flow::new().rows([("a", 1)]).collect::<(String, i64, i64)>().is_err());
}

#[test]
fn first_count_and_for_each_row_agree_with_collect() {
    let text = same(|flow| {
        let rows = flow.range(5..300).filter("function(x) return x % 2 == 0 end");
        let mut sum = 0;
        rows.for_each_row(|x: i64| sum += x)?;
        let first: Option<i64> = rows.first()?;
        let none: Option<i64> = rows.filter("function() return false end").first()?;
        Ok(format!("{} {first:?} {none:?} {sum}", rows.count()?).into_bytes())
    });
    assert_eq!(text, "147 Some(6) None 22344");
}

#[test]
fn count_counts_rows_of_every_kind() {
    let text = same(|flow| {
        let lines = flow.lines(["a", "", "b"]);
        let counts = [
            lines.count()?,
            lines.pipe("cat; echo").count()?,
            lines.sort(1).count()?,
            lines.round_robin(2).count()?,
            lines.limit(2).count()?,
            lines.flat_map("function(x) return {x, x} end").count()?,
            lines.reduce("function() end").count()?,
        ];
        Ok(format!("{counts:?}").into_bytes())
    });
    assert_eq!(text, "[3, 4, 3, 3, 2, 6, 3]");
}

#[test]
fn first_of_a_source_without_end_returns() {
    let first: Option<String> =
        without_hanging(|| Flow::new().reader(Endless::new(b"x\n")).first().unwrap());
    assert_eq!(first.as_deref(), Some("x"));
}

#[test]
fn a_closed_writer_is_an_error_of_its_own_kind() {
    let error = lines_to(Failing { left: 10, kind: io::ErrorKind::BrokenPipe });
    assert_eq!(error.kind(), ErrorKind::OutputClosed);
    let error = lines_to(Failing { left: 10, kind: io::ErrorKind::StorageFull });
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_says(&error.to_string(), &["sinks.rs:", "save_lines_to", "no more"]);
}

fn lines_to(writer: Failing) -> gleamflow::Error {
    without_hanging(move || Flow::new().range(0..100_000).save_lines_to(writer).unwrap_err())
}

#[test]
fn a_failing_writer_among_several_is_the_one_named() {
    let flow = Flow::new();
    let rows = flow.range(0..1000);
    rows.to_lines(Shared::default());
    rows.to_text(Failing { left: 0, kind: io::ErrorKind::StorageFull }, "%d");
    let error = flow.run().unwrap_err();
    assert_eq!(error.operator(), Some("to_text"));
}

#[test]
fn a_writer_needs_neither_send_nor_static() {
    let text = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    struct Local<'a>(&'a std::cell::RefCell<Vec<u8>>);
    impl Write for Local<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    Flow::new().range(0..3).save_lines_to(Local(&text)).unwrap();
    assert_eq!(*text.borrow(), b"0\n1\n2\n");
}

#[test]
fn a_run_can_be_repeated_on_the_same_datasets() {
    let text = same(|flow| {
        let rows = flow.lines(["b", "a"]).sort(1);
        let mut text = lines(&rows)?;
        text.extend(crate::harness::text(&rows.map("function(x) return x, 1 end"), "%s=%d")?);
        text.extend(lines(&rows)?);
        Ok(text)
    });
    assert_eq!(text, "a\nb\na=1\nb=1\na\nb\n");
}

#[test]
fn knobs_that_cannot_be_are_refused_with_the_least() {
    let error = Flow::new().workers(0).range(0..1).count().unwrap_err();
    assert_says(&error.to_string(), &["at least one worker"]);
    let error = Flow::new().workers(2).memory(1 << 20).range(0..1).count().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory);
    assert_says(&error.to_string(), &["hint: the least is 64 MiB + 32 MiB a worker: 128 MiB"]);
    let error = Flow::new().temp_dir("/nowhere").range(0..1).sort(1).count().unwrap_err();
    assert_says(&error.to_string(), &["/nowhere", "hint: `temp_dir`"]);
    let _ = text(&Flow::new().temp_dir("/tmp").range(0..1), "%d").unwrap();
}

#[test]
fn an_error_that_no_step_is_to_blame_for_has_the_line_of_the_terminal() {
    let rows = || Flow::new().workers(0).range(0..1);
    let says = |error: gleamflow::Error, line: u32, terminal: &str| {
        assert_eq!(error.location(), Some((file!(), line)), "{error}");
        assert_eq!(error.operator(), Some(terminal));
        let expected = format!("{}:{line}, {terminal}: a flow needs at least one worker", file!());
        assert_eq!(error.to_string(), expected);
    };
    says(rows().collect::<i64>().unwrap_err(), line!(), "collect");
    says(rows().first::<i64>().unwrap_err(), line!(), "first");
    says(rows().count().unwrap_err(), line!(), "count");
    says(rows().for_each_row(|_: i64| ()).unwrap_err(), line!(), "for_each_row");
    says(rows().stream::<i64>().err().unwrap(), line!(), "stream");
    says(rows().save_lines_to(Vec::new()).unwrap_err(), line!(), "save_lines_to");
    let rows = rows();
    rows.to_lines(Vec::new()).to_lines(Vec::new());
    says(rows.flow().run().unwrap_err(), line!(), "run");
    let error = rows.flow().run().unwrap_err();
    assert_says(&error.to_string(), &[", run: nothing is attached to this flow"]);
}

#[test]
fn latin1_in_a_string_is_an_error_that_shows_it() {
    let lines: [&[u8]; 2] = [b"cafe", b"caf\xe9"];
    let error = Flow::new().lines(lines).collect::<String>().unwrap_err().to_string();
    assert_says(&error, &["collect: column 1 is \"caf\\xe9\", bytes that are no UTF-8", "hint: "]);
}
