//! Steps, sources and sinks that are closures of the program.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::{Duration, Instant};

use gleamflow::{ErrorKind, Flow, Value};
use serde::{Deserialize, Serialize};

use crate::harness::{assert_says, lines, many_words, same, same_error, values, without_hanging};

#[derive(Serialize, Deserialize)]
struct Word {
    text: String,
    len: u64,
}

#[test]
fn closures_take_and_give_rows_in_order() {
    let text = same(|flow| {
        let words = flow
            .lines(many_words(500, 77))
            .map_rows(|text: String| Word { len: text.len() as u64, text });
        let kept = words.filter_rows(|word: &Word| word.len == 3);
        let doubled = kept.flat_map_rows(|word: Word| {
            [(word.text.clone(), 1u8), (word.text, 2)].into_iter().take(word.len as usize)
        });
        lines(&doubled)
    });
    let expected: String = many_words(500, 77)
        .iter()
        .filter(|word| word.len() == 3)
        .map(|word| format!("{word}\t1\n{word}\t2\n"))
        .collect();
    assert_eq!(text, expected);
}

#[test]
fn closures_stand_beside_lua_and_commands() {
    let text = same(|flow| {
        let rows = flow
            .lines(many_words(200, 31))
            .map("function(word) return word, #word end")
            .map_rows(|(word, len): (String, i64)| (len, word.to_uppercase()))
            .map("function(len, word) return word .. len end")
            .pipe("cat")
            .map_rows(|word: String| word + "!")
            .count_by([1]);
        lines(&rows)
    });
    assert!(text.starts_with("W02!\t7\n"), "{text}");
    assert_eq!(text.lines().count(), 31);
}

#[test]
fn any_value_goes_through_a_closure_unchanged() {
    let through = |closures: bool| {
        same(|flow| {
            let rows = flow.range(0..200).map(
                "function(n)
                    return n, n / 3, 'x\\255', nil, true, { n, 'two', null }, { key = n }, n .. ''
                end",
            );
            values(&if closures { rows.map_rows(|row: Vec<Value>| row) } else { rows })
        })
    };
    assert_eq!(through(true), through(false));
}

#[test]
fn a_filter_leaves_lines_as_they_are_and_columns_their_names() {
    let text = same(|flow| {
        let rows = flow.lines(["k v", "a 1", "b 22"]).split(" ").named(["key", "value"]);
        let rows = rows.filter_rows(|(_, value): &(String, String)| value.len() == 1);
        lines(&rows.select(["value"]))
    });
    assert_eq!(text, "v\n1\n");
    let plan = Flow::new().lines(["a", "b"]).filter_rows(|line: &String| line == "a");
    let plan = plan.pipe("cat").explain().unwrap();
    assert_says(&plan, &["stage 2: stage 1 → filter_rows\n", "stage 3: stage 2 → pipe \"cat\""]);
}

#[test]
fn partitions_stay_as_they_are() {
    let text = same(|flow| {
        let rows = flow.range(0..60).round_robin(3).map_rows(|n: i64| n * 10);
        lines(&rows.pipe("awk '{ n += $1 } END { print ENVIRON[\"GLEAMFLOW_PARTITION\"], n }'"))
    });
    assert_eq!(text, "0 5700\n1 5900\n2 6100\n");
}

#[test]
fn a_dataset_of_a_closure_is_computed_once() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let mapped = Flow::new().range(0..100).map_rows(move |n: i64| {
        counted.fetch_add(1, Ordering::Relaxed);
        -n
    });
    assert_eq!(mapped.union(&mapped).count().unwrap(), 200);
    assert_eq!(calls.load(Ordering::Relaxed), 100);
}

#[test]
fn the_first_failure_in_the_order_of_rows_is_the_errors() {
    let message = same_error(|flow| {
        flow.range(0..1000)
            .try_map_rows(|n: i64| if n % 300 == 299 { Err(format!("no {n}")) } else { Ok(n) })
            .map_rows(|n: i64| n)
            .count()
    });
    assert_says(&message, &["tests/flows/closures.rs:", ", try_map_rows: no 299\n  on 299"]);
    // A later closure's failure comes first if its row does.
    let message = same_error(|flow| {
        flow.range(0..1000)
            .try_map_rows(|n: i64| if n == 500 { Err("late") } else { Ok(n) })
            .try_filter_rows(|n: &i64| if *n == 499 { Err("early") } else { Ok(true) })
            .count()
    });
    assert_says(&message, &[", try_filter_rows: early\n  on 499"]);
}

#[test]
fn rows_before_a_failing_one_come_out_and_behind_a_limit_nothing_fails() {
    let text = same(|flow| {
        let rows = flow.range(0..1000).try_flat_map_rows(|n: i64| match n {
            700 => Err("refused"),
            _ => Ok([n, n]),
        });
        let mut seen = Vec::new();
        let error = rows.for_each_row(|n: i64| seen.push(n)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closure);
        assert_eq!(seen, (0..700).flat_map(|n| [n, n]).collect::<Vec<_>>());
        lines(&rows.limit(1400).skip(1398))
    });
    assert_eq!(text, "699\n699\n");
}

#[test]
fn a_panic_is_an_error_with_the_closures_place_and_the_row() {
    let line = line!() + 2;
    let message = same_error(|flow| {
        flow.range(0..50).map_rows(|n: u8| if n == 33 { panic!("unlucky {n}") } else { n }).count()
    });
    let start =
        format!("tests/flows/closures.rs:{line}, map_rows: the closure panicked: unlucky 33");
    assert_eq!(message, start + "\n  on 33");
}

#[test]
fn types_that_do_not_fit_name_the_column() {
    let message = same_error(|flow| {
        flow.lines(["a 1"]).split(" ").map_rows(|(k, n): (String, i64)| (k, n + 1)).count()
    });
    assert_says(
        &message,
        &[
            ", map_rows: column 2 is the text \"1\", where a number is asked for\n  on \"a\", \"1\"",
            "hint: columns of text lines are text; `numbers(cols)` reads them",
        ],
    );
    let message = same_error(|flow| flow.range(0..3).filter_rows(|_: &(i64, i64)| true).count());
    assert_says(&message, &[", filter_rows: the type takes 2 columns, the row has 1\n  on 0"]);
    let message =
        same_error(|flow| flow.range(0..3).map_rows(|n: u64| vec![n; n as usize]).count());
    assert_says(&message, &[", map_rows: a row has at least one column\n  on 0"]);
    let message =
        same_error(|flow| flow.max_row(10).range(0..3).map_rows(|_: u64| "x".repeat(10)).count());
    assert_says(&message, &[", map_rows: a row is larger than `max_row` allows\n  on 0"]);
}

#[test]
fn closures_run_at_the_same_time_on_as_many_threads_as_workers() {
    without_hanging(|| {
        // Each of them waits for three others, in any order.
        let barrier = Arc::new(Barrier::new(4));
        let threads = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = threads.clone();
        let rows = Flow::new().workers(4).range(0..40).map_rows(move |n: i64| {
            seen.lock().unwrap().insert(format!("{:?}", std::thread::current().id()));
            barrier.wait();
            std::thread::sleep(Duration::from_millis(3));
            n
        });
        assert_eq!(rows.collect::<i64>().unwrap(), (0..40).collect::<Vec<_>>());
        assert_eq!(threads.lock().unwrap().len(), 4);
    });
}

#[test]
fn a_slow_closure_of_an_early_row_bounds_what_later_ones_do() {
    let ahead = Arc::new(AtomicU64::new(0));
    let (most, seen) = (Arc::new(AtomicU64::new(0)), ahead.clone());
    let kept = most.clone();
    let rows = Flow::new().workers(2).range(0..300_000).map_rows(move |n: i64| {
        if n == 0 {
            std::thread::sleep(Duration::from_millis(300));
            kept.store(seen.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        seen.fetch_add(1, Ordering::Relaxed);
        n
    });
    assert_eq!(rows.count().unwrap(), 300_000);
    assert!(most.load(Ordering::Relaxed) < 150_000, "{most:?} rows ahead");
}

#[test]
fn an_endless_iterator_stops_with_the_limit_and_behind_it_too() {
    without_hanging(|| {
        for workers in [1, 3] {
            let endless = Flow::new().workers(workers).range(0..1000).flat_map_rows(|n: u64| n..);
            let rows = endless.map_rows(|n: u64| (n, "text".to_string())).limit(200_000);
            assert_eq!(rows.count().unwrap(), 200_000);
        }
    });
}

#[test]
fn several_stages_of_closures_share_the_threads_and_do_not_wait_for_each_other() {
    without_hanging(|| {
        let flow = Flow::new().workers(1);
        let mut rows = flow.range(0..1000).flat_map_rows(|n: u64| [n; 1000]);
        for _ in 0..5 {
            rows = rows.map("function(n) return n end").map_rows(|n: u64| n);
        }
        assert_eq!(rows.count().unwrap(), 1_000_000);
    });
}

#[test]
fn rows_come_out_while_the_source_is_still_read() {
    without_hanging(|| {
        let (sender, numbers) = mpsc::channel::<i64>();
        let numbers = Arc::new(Mutex::new(numbers));
        let source = Flow::new().source(move || {
            let numbers = numbers.clone();
            std::iter::from_fn(move || numbers.lock().unwrap().recv().ok())
        });
        sender.send(1).unwrap();
        let mut sender = Some(sender);
        let mut seen = Vec::new();
        source
            .map_rows(|n: i64| n * 2)
            .for_each_row(|n: i64| {
                seen.push(n);
                match n {
                    2 => sender.as_ref().unwrap().send(2).unwrap(),
                    _ => sender = None,
                }
            })
            .unwrap();
        assert_eq!(seen, [2, 4]);
    });
}

#[test]
fn closures_that_nobody_waits_for_end_at_their_row() {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let rows = Flow::new().workers(2).range(0..10_000).map_rows(move |n: i64| {
        seen.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(1));
        n
    });
    assert_eq!(rows.first::<i64>().unwrap(), Some(0));
    let at_the_end = calls.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(calls.load(Ordering::Relaxed), at_the_end, "none runs behind the end");
    assert!(at_the_end < 1000, "{at_the_end}");
}

#[test]
fn a_call_without_end_is_left_behind() {
    static GO_ON: AtomicBool = AtomicBool::new(true);
    let rows = Flow::new().workers(2).range(0..10).try_map_rows(|n: i64| {
        while n == 1 && GO_ON.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if n == 0 { Err("no") } else { Ok(n) }
    });
    let begun = Instant::now();
    assert!(rows.count().unwrap_err().to_string().contains("try_map_rows: no"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    GO_ON.store(false, Ordering::Relaxed);
}

#[test]
fn a_deadline_ends_a_run_whose_closure_has_no_end() {
    static GO_ON: AtomicBool = AtomicBool::new(true);
    let flow = Flow::new().workers(2).deadline(Duration::from_millis(200));
    let rows = flow.range(0..10).map_rows(|n: i64| {
        while GO_ON.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        n
    });
    let begun = Instant::now();
    let error = rows.count().unwrap_err();
    assert_says(
        &error.to_string(),
        &["not done within 200ms\n  at work: map_rows (on 2 threads)\n"],
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    GO_ON.store(false, Ordering::Relaxed);
}

#[test]
fn the_report_has_rows_and_time_of_closures() {
    let flow = Flow::new();
    let rows = flow.range(0..100_000).map_rows(|n: u64| (0..n % 100).fold(n, |x, y| x ^ y));
    let kept = rows.filter_rows(|n: &u64| n.is_multiple_of(2));
    let count = kept.count().unwrap();
    let report = flow.report().expect("there was a run");
    let step = |operator: &str| {
        report.steps.iter().find(|step| step.operator == operator).expect("it is a step")
    };
    assert_eq!(step("map_rows").rows_in, Some(100_000));
    assert_eq!(step("filter_rows").rows_out, Some(count));
    for operator in ["map_rows", "filter_rows"] {
        assert!(step(operator).cpu.is_some_and(|cpu| !cpu.is_zero()), "{report}");
    }
    assert!(step("map_rows").cpu > step("filter_rows").cpu, "{report}");
}

#[test]
fn neighbours_are_one_stage_and_a_plan_says_that_it_stays() {
    let flow = Flow::new();
    let rows = flow.range(0..9).map_rows(|n: i64| n).filter_rows(|_: &i64| true);
    let rows = rows.flat_map_rows(|n: i64| [n]);
    let plan = rows.explain().unwrap();
    assert_says(
        &plan,
        &[
            "stage 2: stage 1 → map_rows → filter_rows → flat_map_rows\n",
            ", map_rows: a closure is part of this program, so the flow runs nowhere else\n",
        ],
    );
    let plan = flow.source(|| [1, 2]).map("function(n) return n end").explain().unwrap();
    assert_says(
        &plan,
        &[
            "stage 1: source → map\n",
            ", source: it reads what only this program has, so the flow runs nowhere else\n",
        ],
    );
    let plan = flow.lines(["x"]).map("function(line) return line end").explain().unwrap();
    assert!(!plan.contains("nowhere else"), "{plan}");
}

#[test]
fn a_source_of_the_program_gives_the_same_rows_to_each_run() {
    let text = same(|flow| {
        let source = flow.source(|| (0..700u32).map(|n| (format!("k{}", n % 13), n)));
        let sums = source.reduce("function(x, y) return x + y end");
        let first = lines(&sums)?;
        assert_eq!(lines(&sums)?, first);
        Ok(first)
    });
    assert_eq!(text.lines().next(), Some("k0\t18603"));
    assert_eq!(text.lines().count(), 13);
    let text =
        same(|flow| lines(&flow.source(|| vec![(1, "a")]).union(&flow.source(|| [(2, "b")]))));
    assert_eq!(text, "1\ta\n2\tb\n");
    assert_eq!(Flow::new().source(Vec::<i64>::new).count().unwrap(), 0);
}

#[test]
fn a_source_without_end_ends_with_the_limit() {
    struct Dropped(mpsc::Sender<()>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    without_hanging(|| {
        let (sender, dropped) = mpsc::channel();
        let source = Flow::new().source(move || {
            let guard = Dropped(sender.clone());
            (0u64..).map(move |n| (n, &guard).0)
        });
        let sum = source.limit(100_000).fold("function(x, y) return x + y end");
        assert_eq!(sum.first::<u64>().unwrap(), Some(4_999_950_000));
        dropped.recv_timeout(Duration::from_secs(60)).expect("the iterator is dropped");
    });
}

#[test]
fn a_source_that_fails_or_panics_names_the_row() {
    let message = same_error(|flow| {
        flow.try_source(|| (0..99).map(|n| if n == 60 { Err("no more") } else { Ok(n) })).count()
    });
    assert_says(&message, &["tests/flows/closures.rs:", ", try_source: row 61: no more"]);
    let message =
        same_error(|flow| flow.source(|| (0..9).inspect(|n| assert!(*n != 5, "five"))).count());
    assert_says(&message, &[", source: the iterator panicked: five"]);
    let message = same_error(|flow| flow.source(|| [vec![1], vec![]]).count());
    assert_says(&message, &[", source: row 2: a row has at least one column"]);
    let message = same_error(|flow| flow.max_row(10).source(|| ["x".repeat(10)]).count());
    assert_says(&message, &[", source: row 1: a row is larger than `max_row` allows"]);
}

#[test]
fn sinks_take_rows_in_order_and_fail_the_run() {
    let mut sums = Vec::new();
    let rows = Flow::new().range(0..5000).map_rows(|n: i64| (n, n * n));
    let result = rows.sink(|(n, square): (i64, i64)| {
        if n == 4000 {
            return Err(format!("{square} is too large"));
        }
        sums.push(n);
        Ok(())
    });
    assert_eq!(sums, (0..4000).collect::<Vec<_>>());
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.operator()), (ErrorKind::Closure, Some("sink")));
    assert_says(&error.to_string(), &[", sink: 16000000 is too large\n  on 4000, 16000000"]);

    let flow = Flow::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (odd, even) = (seen.clone(), seen.clone());
    let numbers = flow.range(0..10);
    numbers
        .filter_rows(|n: &i64| n % 2 == 1)
        .to_sink(move |n: i64| odd.lock().map(|mut seen| seen.push(n)).map_err(|_| "poisoned"));
    numbers.filter_rows(|n: &i64| n % 2 == 0).to_sink(move |n: i64| {
        even.lock().unwrap().push(n);
        if n == 8 { Err("eight") } else { Ok(()) }
    });
    let line = line!() - 4;
    let error = flow.run().unwrap_err();
    assert_says(&error.to_string(), &[&format!("{line}, to_sink: eight\n  on 8")]);
    assert!(flow.run().unwrap_err().to_string().contains("nothing is attached"));
}

#[test]
fn closures_serve_many_runs_at_once() {
    let rows = Flow::new().range(0..20_000).map_rows(|n: i64| n + 1);
    let counts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| rows.count().unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(counts, [20_000; 4]);
}
