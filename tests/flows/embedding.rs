//! Flows inside other people's programs: runtimes, threads, many at once, many in a row.

use std::process::Command;

use gleamflow::Flow;

use crate::harness::{many_words, without_hanging};

fn word_count(flow: Flow) -> String {
    let mut text = Vec::new();
    flow.lines(many_words(300, 3))
        .map("function(w) return w, 1 end")
        .reduce("function(x, y) return x + y end")
        .pipe("cat")
        .save_text_to(&mut text, "%s,%d")
        .unwrap();
    String::from_utf8(text).unwrap()
}

const COUNTED: &str = "w0,100\nw1,100\nw2,100\n";

#[test]
fn a_blocking_terminal_works_inside_a_multi_thread_runtime() {
    without_hanging(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let here = runtime.block_on(async { word_count(Flow::new()) });
        assert_eq!(here, COUNTED);
        let spawned = runtime.block_on(async {
            let tasks: Vec<_> =
                (0..4).map(|_| tokio::spawn(async { word_count(Flow::new()) })).collect();
            let mut texts = Vec::new();
            for task in tasks {
                texts.push(task.await.unwrap());
            }
            texts
        });
        assert_eq!(spawned, [COUNTED; 4]);
    });
}

#[test]
fn a_blocking_terminal_works_inside_a_current_thread_runtime() {
    without_hanging(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(async { word_count(Flow::new()) }), COUNTED);
        let in_process = runtime.block_on(async { word_count(Flow::new().workers_in_process()) });
        assert_eq!(in_process, COUNTED);
    });
}

#[test]
fn async_terminals_work_without_a_runtime_of_tokio() {
    // A hand-made executor: nothing here may ask for tokio's context.
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    without_hanging(|| {
        let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
        let mut context = std::task::Context::from_waker(&waker);
        let mut counting = Box::pin(Flow::new().range(0..1000).sort(1).pipe("cat").count_async());
        loop {
            match counting.as_mut().poll(&mut context) {
                std::task::Poll::Ready(count) => break assert_eq!(count.unwrap(), 1000),
                std::task::Poll::Pending => std::thread::park(),
            }
        }
    });
}

#[test]
fn a_flow_runs_in_a_thread_that_ends() {
    without_hanging(|| {
        for _ in 0..5 {
            assert_eq!(std::thread::spawn(|| word_count(Flow::new())).join().unwrap(), COUNTED);
        }
        // Workers that a dead thread has started serve the next one.
        assert_eq!(word_count(Flow::new()), COUNTED);
    });
}

#[test]
fn a_flow_made_in_one_thread_runs_in_another() {
    let flow = Flow::new();
    let rows = flow.range(0..10).sort(gleamflow::Sort::by(1).descending());
    let first = std::thread::spawn(move || rows.first::<i64>().unwrap()).join().unwrap();
    assert_eq!(first, Some(9));
}

#[test]
fn sixty_four_flows_run_at_once() {
    without_hanging(|| {
        let all_ready = std::sync::Barrier::new(64);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..64)
                .map(|i| {
                    let all_ready = &all_ready;
                    scope.spawn(move || {
                        all_ready.wait();
                        let flow = Flow::new().workers(1 + i % 4);
                        word_count(if i % 8 == 7 { flow.workers_in_process() } else { flow })
                    })
                })
                .collect();
            for thread in threads {
                assert_eq!(thread.join().unwrap(), COUNTED);
            }
        });
    });
}

#[test]
fn a_writer_may_run_another_flow() {
    struct Nested(Vec<u8>);
    impl std::io::Write for Nested {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let inner = Flow::new().workers(1).lines(["inner"]).map("function(x) return x end");
            inner.save_lines_to(&mut self.0).unwrap();
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let text = without_hanging(|| {
        let mut nested = Nested(Vec::new());
        let rows = Flow::new().workers(1).lines(["outer"]).map("function(x) return x end");
        rows.save_lines_to(&mut nested).unwrap();
        nested.0
    });
    assert_eq!(String::from_utf8(text).unwrap(), "inner\nouter\n");
}

#[test]
fn a_callback_that_panics_leaves_nothing_behind() {
    let panicked = std::panic::catch_unwind(|| {
        Flow::new().range(0..1000).for_each_row(|x: i64| assert!(x < 10, "on purpose")).unwrap();
    });
    assert!(panicked.is_err());
    assert_eq!(word_count(Flow::new()), COUNTED);
}

/// Descriptors and children are counted in a process where no other test runs.
fn alone(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
        .env_remove("GLEAMFLOW_WORKERS")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Open descriptors, children, threads.
fn held() -> [usize; 3] {
    let entries = |path: &str| std::fs::read_dir(path).unwrap().count();
    let children: usize = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|task| {
            let children = task.unwrap().path().join("children");
            std::fs::read_to_string(children).unwrap_or_default().split_whitespace().count()
        })
        .sum();
    [entries("/proc/self/fd"), children, entries("/proc/self/task")]
}

/// What is held settles shortly after a run: descriptors of ended children are closed by threads.
fn held_at_rest(most: [usize; 3]) -> [usize; 3] {
    for _ in 0..200 {
        let now = held();
        if now.iter().zip(&most).all(|(now, most)| now <= most) {
            return now;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    held()
}

fn flows_in_a_row(flow: impl Fn() -> Flow) {
    let count = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    let run = |i: usize| {
        let rows = flow().range(0..3).map("function(x) return x % 2, x end");
        match i % 4 {
            0 => assert_eq!(rows.count().unwrap(), 3),
            1 => assert_eq!(rows.sort(1).first::<(i64, i64)>().unwrap(), Some((0, 0))),
            2 => assert!(rows.map("function() error('on purpose') end").count().is_err()),
            _ => assert_eq!(
                rows.pipe("cat").limit(1).collect::<(String, String)>().unwrap().len(),
                1
            ),
        }
    };
    (0..40).for_each(run);
    let before = held();
    (0..count).for_each(run);
    let after = held_at_rest(before);
    for (what, (before, after)) in
        ["descriptors", "children", "threads"].iter().zip(before.iter().zip(&after))
    {
        assert!(*after <= before + 2, "{what}: {before} before and {after} after {count} flows");
    }
}

#[test]
fn thousands_of_flows_in_a_row_hold_no_more_than_a_few() {
    alone("embedding::many_flows_in_a_row");
}

#[test]
fn thousands_of_flows_in_process_hold_no_more_than_a_few() {
    alone("embedding::many_flows_in_process");
}

#[test]
#[ignore = "runs in a process of its own, as the child of another test"]
fn many_flows_in_a_row() {
    flows_in_a_row(Flow::new);
}

#[test]
#[ignore = "runs in a process of its own, as the child of another test"]
fn many_flows_in_process() {
    flows_in_a_row(|| Flow::new().workers_in_process());
}
