//! What a run tells of itself: rows where they are seen, whatever does the work.
//!
//! A newcomer's trap: rows and their bytes are functions of the input and the flow, as results are;
//! times, tasks and memory are not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gleamflow::{Agg, ErrorKind, Flow, Join, OnError, Report, Result, Shell, Sort};

use crate::harness::{lines, same, same_for_each_split, without_hanging};

/// `operator: rows in → rows out`, a line each.
fn rows(flow: &Flow) -> Result<Vec<u8>> {
    let report = flow.report().expect("a terminal has run");
    let shown = |rows: Option<u64>| rows.map_or_else(|| "–".to_owned(), |rows| rows.to_string());
    let step = |step: &gleamflow::StepReport| {
        format!("{}: {} → {}\n", step.operator, shown(step.rows_in), shown(step.rows_out))
    };
    Ok(report.steps.iter().map(step).collect::<String>().into_bytes())
}

const TEXT: [&str; 4] = ["the quick fox", "", "the end", "of the fox"];

#[test]
fn rows_are_known_where_they_leave_a_loop() {
    let told = same(|flow| {
        let words = flow.lines(TEXT).flat_map("function(line) return line:gmatch('%w+') end");
        let pairs = words.filter("function(word) return word ~= 'of' end");
        let counts =
            pairs.map("function(w) return w, 1 end").reduce("function(x, y) return x + y end");
        lines(&counts.sort(Sort::by(2).descending()).limit(3))?;
        rows(&flow)
    });
    let expected = "\
lines: – → 4
flat_map: 4 → –
filter: – → –
map: – → –
reduce: – → 4
sort: 4 → 3
limit: – → –
save_lines_to: 3 → –
";
    assert_eq!(told, expected);
}

#[test]
fn native_steps_and_exchanges_tell_all_their_rows() {
    let told = same(|flow| {
        let numbers = flow.lines(["a 1", "b 2", "a 3", "c 4"]).fields().numbers([2]);
        let sums = numbers.select([1, 2]).aggregate([1], [Agg::sum(2)]);
        let joined = sums.join(&numbers, Join::inner(1));
        lines(&joined.distinct())?;
        rows(&flow)
    });
    let expected = "\
lines: – → 4
fields: 4 → 4
numbers: 4 → 4
select: 4 → 4
aggregate: 4 → 3
join: 7 → 4
distinct: 4 → 4
save_lines_to: 4 → –
";
    assert_eq!(told, expected);
}

#[test]
fn commands_and_stages_of_the_engine_tell_their_rows() {
    let told = same(|flow| {
        let all = flow.lines(TEXT).pipe("grep -v quick").union(&flow.lines(["x", "y"]));
        let some = all.skip(1).limit(9).round_robin(2).pipe_as_args("echo \"$1\"; echo");
        lines(&some.scan("function(before, line) return line end"))?;
        rows(&flow)
    });
    let expected = "\
lines: – → 4
pipe: 4 → 3
lines: – → 2
union: 5 → 5
skip: 5 → 4
limit: 4 → 4
round_robin: 4 → 4
pipe_as_args: 4 → 8
scan: 8 → 8
save_lines_to: 8 → –
";
    assert_eq!(told, expected);
}

#[test]
fn what_two_read_is_told_once() {
    let told = same(|flow| {
        let place = tempfile::tempdir().unwrap();
        let doubled = flow.range(0..100).map("function(x) return 2 * x end");
        doubled.to_lines_file(place.path().join("all"));
        doubled.skip(93).to_lines_file(place.path().join("few"));
        let report = flow.run()?;
        assert_eq!(Some(&report), flow.report().as_ref());
        rows(&flow)
    });
    let expected = "\
range: – → 100
map: 100 → 100
skip: 100 → 7
to_lines_file: 100 → –
to_lines_file: 7 → –
";
    assert_eq!(told, expected);
}

#[test]
fn no_rows_are_a_number_and_unseen_ones_are_none() {
    let told = same(|flow| {
        lines(&flow.lines([""; 0]).pipe("cat").sort(1))?;
        rows(&flow)
    });
    assert_eq!(told, "lines: – → 0\npipe: 0 → 0\nsort: – → 0\nsave_lines_to: 0 → –\n");
}

#[test]
fn bytes_are_those_of_the_rows_where_they_are_seen() {
    let flow = Flow::new();
    let mut text = Vec::new();
    let words = flow.lines(["a b", "c"]).flat_map("function(line) return line:gmatch('%w+') end");
    words.pipe("cat").save_text_to(&mut text, "<%s>").unwrap();
    let report = flow.report().unwrap();
    let bytes: Vec<_> = report.steps.iter().map(|step| (step.bytes_in, step.bytes_out)).collect();
    let expected = [(None, Some(6)), (Some(6), Some(6)), (Some(6), Some(6)), (Some(12), None)];
    assert_eq!(bytes, expected);
    assert_eq!(text.len(), 12);
}

#[test]
fn tasks_and_commands_tell_what_they_took_of_the_processor() {
    let flow = Flow::new().workers(2).test_sizes(Some(1 << 16), None, None);
    let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; cat";
    let heavy = "function(x) for i = 1, 1e8 do x = x + 1 end return x end";
    assert_eq!(flow.range(0..4).map(heavy).pipe(busy).count().unwrap(), 4);
    let report = flow.report().unwrap();
    let [range, map, pipe, count] = &report.steps[..] else { panic!("{report}") };
    assert!(pipe.cpu.is_some_and(|cpu| cpu > Duration::from_millis(20)), "{report}");
    assert!(map.cpu.is_some_and(|cpu| cpu > Duration::from_millis(50)), "{report}");
    assert!(map.cpu.unwrap() <= report.stages[0].cpu, "{report}");
    assert!(range.cpu.or(count.cpu).is_none(), "{report}");
    assert!(report.stages[0].cpu > Duration::from_millis(50), "{report}");
    assert_eq!((report.stages[0].tasks, &report.stages[0].steps[..]), (1, &[0, 1, 2][..]));
    let sum: Duration = report.stages.iter().map(|stage| stage.cpu).sum();
    assert_eq!(report.cpu, sum);
    assert!(report.wall >= sum / 4, "{report}");
    assert_eq!((report.workers, report.completed, count.rows_in), (2, true, Some(4)));
    assert!(report.peak_memory_bytes > 1 << 20, "{report}");
}

#[test]
fn native_steps_tell_their_own_time_and_steps_of_one_loop_do_not() {
    let flow = Flow::new().workers(2);
    let text = flow.range(0..200_000).map("function(x) return x .. ' ' .. x end");
    let numbers = text.fields().numbers([1, 2]);
    let heavy = numbers.map("function(x, y) return y end").filter("function(y) return y > 9 end");
    assert_eq!(heavy.sort(1).collect::<i64>().unwrap().len(), 199_990);
    let report = flow.report().unwrap();
    let known: Vec<bool> = report.steps.iter().map(|step| step.cpu.is_some()).collect();
    assert_eq!(known, [false, true, true, true, false, false, false, false], "{report}");
    let sum: Duration = report.steps.iter().filter_map(|step| step.cpu).sum();
    assert!(sum > Duration::ZERO && sum < report.stages[0].cpu, "{report}");
}

#[test]
fn what_goes_to_disk_is_told() {
    let flow = Flow::new().workers(2).test_sizes(None, None, Some(64 << 10));
    let rows = flow.range(0..100_000).sort(Sort::by(1).descending());
    assert_eq!(rows.collect::<i64>().unwrap().len(), 100_000);
    let spilled = flow.report().unwrap().spilled_bytes;
    assert!((300_000..10_000_000).contains(&spilled), "{spilled}");
    assert_eq!(flow.range(0..9).count().unwrap(), 9);
    assert_eq!(flow.report().unwrap().spilled_bytes, 0);
}

#[test]
fn warnings_are_in_the_report_once_each() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("a"), "x\n").unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let flow = Flow::new();
    assert_eq!(flow.text_file([path("*"), path("*.none")]).count().unwrap(), 1);
    let warnings = flow.report().unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].ends_with(".none"), "{warnings:?}");
    assert!(warnings[0].contains("report.rs:"), "{warnings:?}");
}

#[test]
fn a_failed_run_has_a_report_and_one_that_cannot_begin_has_none() {
    let flow = Flow::new();
    let bad = "function(x) if x == 3 then error('three') end return x end";
    assert!(flow.range(0..9).map(bad).count().is_err());
    let report = flow.report().unwrap();
    assert!(!report.completed);
    assert_eq!(report.steps.len(), 3);
    assert!(report.to_string().starts_with("not completed, after 0."), "{report}");
    assert!(flow.text_file("/nowhere/text").count().is_err());
    assert!(flow.report().is_none());
    assert_eq!(flow.range(0..9).count().unwrap(), 9);
    assert!(flow.report().unwrap().completed);
}

#[test]
fn a_report_in_json_has_the_names_of_its_fields() {
    let flow = Flow::new().workers(1);
    flow.range(0..3).map("function(x) return x end").named(["n"]).collect::<i64>().unwrap();
    let report = serde_json::to_value(flow.report().unwrap()).unwrap();
    let keys = |value: &serde_json::Value| {
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let of_report = "completed counters cpu_seconds peak_memory_bytes spilled_bytes stages steps \
                     wall_seconds warnings workers";
    let of_step = "bytes_in bytes_out columns cpu_seconds file line operator retries rows_in \
                   rows_out skipped";
    assert_eq!(sorted(&keys(&report)), of_report);
    assert_eq!(sorted(&keys(&report["steps"][0])), of_step);
    assert_eq!(sorted(&keys(&report["stages"][0])), "cpu_seconds steps tasks");
    assert_eq!(report["steps"][2]["columns"], "n");
    assert_eq!(report["steps"][1]["rows_out"], 3);
    assert!(report["wall_seconds"].as_f64().unwrap() > 0.0);
}

fn sorted(words: &str) -> String {
    let mut words: Vec<&str> = words.split(' ').collect();
    words.sort_unstable();
    words.join(" ")
}

#[test]
fn a_stream_has_its_report_when_it_has_given_its_end() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let flow = Flow::new();
        let mut rows = flow.range(0..3).stream::<i64>().unwrap();
        while let Some(row) = rows.next_row().await {
            row.unwrap();
        }
        assert!(flow.report().unwrap().completed);
        let mut rows = flow.range(0..3).pipe("exit 3").stream::<String>().unwrap();
        assert!(rows.next_row().await.unwrap().is_err());
        assert!(!flow.report().unwrap().completed);
    });
}

#[test]
fn progress_is_told_on_the_calling_thread_while_a_run_goes_on() {
    without_hanging(|| {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("text");
        std::fs::write(&path, "line\n".repeat(100)).unwrap();
        let caller = std::thread::current().id();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let flow = Flow::new().workers(2).test_sizes(Some(50), None, None);
        let flow = flow.on_progress(move |progress| {
            assert_eq!(std::thread::current().id(), caller);
            told.lock().unwrap().push(progress.clone());
        });
        let slow = flow.text_file(&path).map("function(line) return line end").pipe("cat; sleep 1");
        assert_eq!(slow.count().unwrap(), 100);
        let seen = seen.lock().unwrap();
        assert!(seen.len() >= 4, "{seen:?}");
        assert!(seen.is_sorted_by_key(|progress| progress.rows_read), "{seen:?}");
        assert!(seen.is_sorted_by_key(|progress| progress.tasks_done), "{seen:?}");
        let last = seen.last().unwrap();
        assert_eq!((last.rows_read, last.bytes_read), (100, 500));
        assert_eq!(last.bytes_to_read, Some(500));
        assert_eq!(last.tasks_done, last.tasks_known);
        assert!(last.elapsed >= Duration::from_secs(1));
    });
}

#[test]
fn a_sum_with_a_source_of_unknown_size_is_unknown() {
    let known = Arc::new(AtomicU64::new(0));
    let told = known.clone();
    let flow = Flow::new().on_progress(move |progress| {
        told.fetch_add(progress.bytes_to_read.is_some().into(), Ordering::Relaxed);
    });
    let both = flow.text_file("/etc/passwd").union(&flow.reader(&b"x\n"[..]));
    assert!(both.count().unwrap() > 1);
    assert_eq!(known.load(Ordering::Relaxed), 0);
    let report: Report = flow.report().unwrap();
    assert_eq!(report.steps[2].rows_out, report.steps[3].rows_in);
}

#[test]
fn rows_left_out_are_counted_at_their_step() {
    let told = same(|flow| {
        let numbers = flow.lines(["1", "two", "3", "four", "5", "6"]).numbers([1]);
        let odd = "function(x) if x == 5 then error('five') end return x end";
        let kept = numbers.on_error(OnError::skip()).map(odd).on_error(OnError::skip());
        lines(&kept)?;
        let report = flow.report().unwrap();
        let skipped = report.steps.iter().map(|step| format!("{} left out\n", step.skipped));
        let skipped: String = skipped.collect();
        Ok([rows(&flow)?, skipped.into_bytes()].concat())
    });
    let expected = "\
lines: – → 6
numbers: 6 → 4
map: 4 → 3
save_lines_to: 3 → –
0 left out
2 left out
1 left out
0 left out
";
    assert_eq!(told, expected);
}

#[test]
fn counters_are_sums_in_the_order_of_tasks_whatever_does_the_work() {
    let told = same_for_each_split(|flow| {
        let counting = "function(x) count('rows') count('sum', x / 10) return x end";
        lines(&flow.range(0..50).map(counting).scan("function(a, x) return a + x end"))?;
        Ok(format!("{:?}", flow.report().unwrap().counters).into_bytes())
    });
    let [one_task, tasks] = told;
    assert!(one_task.starts_with("{\"rows\": Int(50), \"sum\": Float(122.5"), "{one_task}");
    assert!(tasks.starts_with("{\"rows\": Int(50), \"sum\": Float(122."), "{tasks}");
}

#[test]
fn tasks_behind_a_satisfied_limit_are_not_counted() {
    let counted = |rows| {
        same(|flow| {
            let flow = flow.test_sizes(Some(80), None, None);
            let counting = "function(x) count('rows') return x end";
            lines(&flow.range(0..1000).map(counting).limit(rows))?;
            Ok(format!("{:?}", flow.report().unwrap().counters.get("rows")).into_bytes())
        })
    };
    // Tasks of ten rows each, of which all but the last were taken to their end.
    assert_eq!(counted(5), "None");
    assert_eq!(counted(35), "Some(Int(30))");
}

#[test]
fn retries_are_counted_at_their_step() {
    let place = tempfile::tempdir().unwrap();
    let once = "if [ -e again-$1 ]; then echo $1; else touch again-$1; exit 1; fi";
    let flow = Flow::new();
    let shell = Shell::new(once).dir(place.path()).retries(1);
    assert_eq!(flow.range(0..3).pipe_as_args(shell).count().unwrap(), 3);
    let report = flow.report().unwrap();
    let retries: Vec<u64> = report.steps.iter().map(|step| step.retries).collect();
    assert_eq!(retries, [0, 3, 0], "{report}");
    assert!(report.to_string().lines().nth(2).unwrap().ends_with("  retries"), "{report}");
}

#[test]
fn closures_tables_and_columns_through_a_command_tell_their_rows() {
    let told = same(|flow| {
        let names = flow.lines(["a x", "b y"]).fields();
        let all = flow.lines(["a 1", "b 2", "c 3"]).fields().with_table("names", &names);
        let looked_up = all.map(
            "function(key, n)
                local name = tables.names[key]
                if name then return key, n end
            end",
        );
        let columns = looked_up.pipe_columns([2], "cat");
        let twice = columns.flat_map_rows(|row: (String, String)| [row.clone(), row]);
        lines(&twice.filter_rows(|(key, _): &(String, String)| key == "b"))?;
        rows(&flow)
    });
    let expected = "\
lines: – → 2
fields: 2 → 2
lines: – → 3
fields: 3 → 3
with_table: – → –
map: 3 → 2
pipe_columns: 2 → 2
flat_map_rows: 2 → –
filter_rows: – → 2
save_lines_to: 2 → –
";
    assert_eq!(told, expected);
}

#[test]
fn a_deadline_does_not_wait_for_a_closure_that_does_not_return() {
    without_hanging(|| {
        let flow = Flow::new().deadline(Duration::from_millis(200));
        let begun = std::time::Instant::now();
        let slow = flow.range(0..3).map_rows(|x: u64| {
            std::thread::sleep(Duration::from_secs(30));
            x
        });
        let error = slow.count().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    });
}
