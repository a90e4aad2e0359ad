//! Long flows, many partitions, many exchanges: what costs must grow with the work alone.

use gleamflow::{Dataset, Flow};

use crate::harness::{lines, without_hanging};

/// A flow of many operators, run on a thread with little stack.
fn on_a_small_stack(body: impl FnOnce() -> String + Send + 'static) -> String {
    std::thread::Builder::new().stack_size(512 << 10).spawn(body).unwrap().join().unwrap()
}

fn text(rows: &Dataset) -> String {
    String::from_utf8(lines(rows).unwrap()).unwrap()
}

#[test]
fn ten_thousand_operators_compile_and_run() {
    let text = on_a_small_stack(|| {
        let flow = Flow::new().workers(2);
        let mut rows = flow.rows([(1, 2), (3, 4)]);
        for _ in 0..10_000 {
            rows = rows.select([2, 1]);
        }
        assert!(rows.explain().unwrap().ends_with("in order\n"));
        text(&rows)
    });
    assert_eq!(text, "1\t2\n3\t4\n");
}

#[test]
fn a_thousand_lua_steps_run() {
    let text = on_a_small_stack(|| {
        let mut rows = Flow::new().workers(2).range(0..2);
        for _ in 0..1000 {
            rows = rows.map("function(x) return x + 1 end");
        }
        text(&rows)
    });
    assert_eq!(text, "1000\n1001\n");
}

#[test]
fn lua_and_native_steps_in_turn_do_not_overflow_a_workers_stack() {
    for in_process in [true, false] {
        let flow = Flow::new().workers(1);
        let flow = if in_process { flow.workers_in_process() } else { flow };
        let mut rows = flow.range(0..2);
        for _ in 0..300 {
            rows = rows.map("function(x) return x + 1 end").select([1]);
        }
        assert_eq!(text(&rows), "300\n301\n");
    }
}

#[test]
fn four_thousand_partitions_are_no_crowd() {
    let rows: Vec<i64> =
        without_hanging(|| Flow::new().range(0..20_000).partition(4096).sort(1).collect().unwrap());
    assert_eq!(rows.len(), 20_000);
    assert!(rows.is_sorted());
}

/// Bytes on disk of this process's files without a name.
fn unnamed_bytes() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let unnamed = open.filter(|entry| {
        std::fs::read_link(entry.path())
            .is_ok_and(|target| target.to_string_lossy().ends_with("(deleted)"))
    });
    unnamed.filter_map(|entry| Some(std::fs::metadata(entry.path()).ok()?.blocks() * 512)).sum()
}

#[test]
fn an_exchange_that_is_done_gives_its_disk_back() {
    let directory = tempfile::tempdir().unwrap();
    // Where a file system makes no holes, the disk comes back with the session's end.
    let probe = tempfile::tempfile_in(directory.path()).unwrap();
    let hole = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    if rustix::fs::fallocate(&probe, hole, 0, 4096).is_err() {
        println!("skipped: the temporary directory's file system makes no holes");
        return;
    }
    let held_after = |sorts: u32| {
        let flow = Flow::new().workers(2).temp_dir(directory.path());
        let flow = flow.test_sizes(None, None, Some(256 << 10));
        let mut rows = flow.range(0..300_000).map("function(x) return x * 7919 % 300007, x end");
        for sort in 0..sorts {
            rows = rows.sort(1 + sort % 2);
        }
        // The first row comes while the last exchange is read.
        let mut held = None;
        rows.for_each_row(|_: (i64, i64)| {
            held.get_or_insert_with(unnamed_bytes);
        })
        .unwrap();
        held.unwrap()
    };
    let (one, five) = (held_after(1), held_after(5));
    assert!(one > 1 << 20, "{one} bytes of runs are too few to tell");
    assert!(five < 2 * one, "{one} bytes with one sort, {five} with five");
}
