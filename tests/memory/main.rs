//! Memory: what the whole process tree of a flow takes, measured from outside.
//!
//! A newcomer's trap: each test starts this binary again for the flow under measure (`flows.rs`),
//! so that neither the data's making nor the comparison counts. Sizes are a tenth of the full ones
//! unless `GLEAMFLOW_FULL=1`; the limits are the same, since memory must not grow with the input.

mod data;
mod flows;
mod measure;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use data::{assert_same_bytes, digest};
use measure::{Measured, measure};

const MB: u64 = 1 << 20;

/// Measurements disturb each other, so that one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_full() -> bool {
    std::env::var_os("GLEAMFLOW_FULL").is_some_and(|value| value == "1")
}

/// So many in a full run, and a tenth otherwise.
fn scaled(full: u64) -> u64 {
    if is_full() { full } else { full / 10 }
}

/// A directory for one test's data, and its flows.
struct Bench {
    _alone: MutexGuard<'static, ()>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench { _alone: alone(), dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs a flow of `flows.rs` in a process of its own.
    fn run(&self, flow: &str, memory: &str, workers: u32, input: &Path, output: &Path) -> Measured {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "flows::run_named", "--nocapture"])
            .env("GLEAMFLOW_TEST_FLOW", flow)
            .env("GLEAMFLOW_TEST_INPUT", input)
            .env("GLEAMFLOW_TEST_OUTPUT", output)
            .env("GLEAMFLOW_MEMORY", memory)
            .env("GLEAMFLOW_WORKERS", workers.to_string())
            .env("GLEAMFLOW_TMPDIR", self.dir.path());
        let measured = measure(&mut command);
        eprintln!("{flow}, {memory}, {workers} workers: {measured}");
        assert!(measured.success, "{flow} failed:\n{}", measured.text);
        measured
    }

    /// The same with GNU sort, for comparison. Without `options` it has the memory it likes.
    fn gnu_sort(&self, options: &[&str], input: &Path, output: &Path) -> Measured {
        let mut command = std::process::Command::new("sort");
        command.env("LC_ALL", "C").env("TMPDIR", self.dir.path()).args(options);
        let measured = measure(command.arg("-o").arg(output).arg(input));
        eprintln!("sort {}: {measured}", options.join(" "));
        assert!(measured.success);
        measured
    }
}

fn assert_under(measured: &Measured, limit: u64) {
    let peak = measured.peak_pss;
    assert!(peak <= limit, "a peak of {} MiB, and {} are allowed", peak / MB, limit / MB);
}

#[test]
fn a_sort_of_twice_the_memory_keeps_to_it() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    data::random_rows(&input, scaled(10_000_000));
    bench.gnu_sort(&["-s", "-t\t", "-k1,1"], &input, &expected);
    bench.gnu_sort(&["-s", "-t\t", "-k1,1", "--parallel=2", "-S256M"], &input, &expected);
    let measured = bench.run("sort", "256M", 2, &input, &output);
    assert_same_bytes(&output, &expected);
    assert_under(&measured, 320 * MB);
    let measured = bench.run("sort", "96M", 1, &input, &output);
    assert_same_bytes(&output, &expected);
    assert_under(&measured, 120 * MB);
}

#[test]
fn a_reduce_of_distinct_keys_keeps_to_its_memory() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    data::distinct_words(&input, scaled(20_000_000), "");
    let measured = bench.run("reduce", "512M", 2, &input, &output);
    assert_under(&measured, 640 * MB);
    bench.run("reduce", "8G", 2, &input, &expected);
    assert_same_bytes(&output, &expected);
    bench.gnu_sort(&[], &input, &expected);
    data::assert_same_but(&output, &expected, ",1");
}

#[test]
fn a_line_beyond_the_limit_is_an_error_with_its_place() {
    let bench = Bench::new();
    let (input, output) = (bench.path("in"), bench.path("out"));
    data::long_line(&input, scaled(300) * MB + 70 * MB);
    for flow in ["count_error", "save_lines_error"] {
        let measured = bench.run(flow, "256M", 2, &input, &output);
        let text = std::fs::read_to_string(&output).unwrap();
        let wanted = format!("a line of more than 64 MiB in {} at byte 6", input.display());
        assert!(text.contains(&wanted), "{text}");
        assert_under(&measured, 320 * MB);
    }
}

#[test]
fn a_long_line_passes_where_it_may() {
    let bench = Bench::new();
    let (input, output) = (bench.path("in"), bench.path("out"));
    let long = scaled(300) * MB;
    data::long_line(&input, long);
    let measured = bench.run("count_long", "2G", 2, &input, &output);
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "3");
    // The line once, and room to grow by doubling.
    assert_under(&measured, 3 * long + 100 * MB);
    let measured = bench.run("save_lines_long", "2G", 2, &input, &output);
    assert_same_bytes(&output, &input);
    // In the worker and in the engine.
    assert_under(&measured, 4 * long + 100 * MB);
}

/// Runs a flow with 128 MB, as one worker and as two, and returns the digest of its output.
fn with_128_mb(bench: &Bench, flow: &str, input: &Path) -> (u64, u64) {
    let mut digests = Vec::new();
    for workers in [1, 2] {
        let output = bench.path("out");
        let measured = bench.run(flow, "128M", workers, input, &output);
        assert_under(&measured, 160 * MB);
        digests.push(digest(&output));
    }
    assert_eq!(digests[0], digests[1]);
    digests[0]
}

#[test]
fn a_hot_key_of_a_join_waits_on_disk() {
    let bench = Bench::new();
    let input = bench.path("in");
    // The right rows of it take 400 MB in a full run, and are gone through for each left one.
    let rows = scaled(1_000_000);
    std::fs::write(&input, rows.to_string()).unwrap();
    with_128_mb(&bench, "hot_join", &input);
    let sum: u64 = (0..3 * rows).map(|pair| pair / rows + 10 * (pair % rows)).sum();
    assert_eq!(std::fs::read_to_string(bench.path("out")).unwrap(), format!("hot\t{sum}\n"));
}

#[test]
fn the_rows_of_one_key_pass_by_a_function() {
    let bench = Bench::new();
    let input = bench.path("in");
    let rows = scaled(20_000_000);
    std::fs::write(&input, rows.to_string()).unwrap();
    with_128_mb(&bench, "one_group", &input);
    let text = format!("key\t{rows}\t{}\n", rows * (rows - 1) / 2);
    assert_eq!(std::fs::read_to_string(bench.path("out")).unwrap(), text);
}

#[test]
fn exact_aggregates_of_very_many_values_keep_to_their_memory() {
    let bench = Bench::new();
    let input = bench.path("in");
    let rows = scaled(5_000_000);
    std::fs::write(&input, rows.to_string()).unwrap();
    with_128_mb(&bench, "large_aggregates", &input);
    // Each number comes twice, but for 0, which is the mode.
    let text = format!("{}\t{}\t0\n", (rows / 2 - 1) / 2, rows / 2);
    assert_eq!(std::fs::read_to_string(bench.path("out")).unwrap(), text);
}

#[test]
fn rows_that_multiply_before_a_slow_command_wait_on_disk() {
    let bench = Bench::new();
    let input = bench.path("in");
    let rows = scaled(20_000);
    data::random_rows(&input, rows);
    with_128_mb(&bench, "expand_into_slow_pipe", &input);
    assert_eq!(std::fs::read_to_string(bench.path("out")).unwrap(), (1000 * rows).to_string());
}

#[test]
fn rows_of_an_iterator_wait_on_disk_and_not_in_the_program() {
    let bench = Bench::new();
    let input = bench.path("in");
    // 464 MiB in a full run.
    let rows = scaled(1_200_000);
    std::fs::write(&input, rows.to_string()).unwrap();
    with_128_mb(&bench, "rows_of_an_iterator", &input);
    let numbers: String = (0..rows).map(|row| format!("{row}\n")).collect();
    assert!(std::fs::read_to_string(bench.path("out")).unwrap() == numbers);
}

#[test]
fn a_slow_reader_of_a_fork_leaves_its_rows_on_disk() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(20_000_000));
    with_128_mb(&bench, "fork", &input);
    assert_same_bytes(&bench.path("out"), &input);
    assert_same_bytes(&bench.path("out.slow"), &input);
}

#[test]
fn partitions_that_are_read_one_after_another_wait_on_disk() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(10_000_000));
    with_128_mb(&bench, "partitions", &input);
    assert_eq!(data::rows_digest(&bench.path("out")), data::rows_digest(&input));
}

#[test]
fn a_thousand_partitions_cost_no_more() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(2_000_000));
    with_128_mb(&bench, "thousand_partitions", &input);
    assert_eq!(data::rows_digest(&bench.path("out")), data::rows_digest(&input));
}

#[test]
fn rows_behind_a_slow_first_task_wait() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(20_000_000));
    with_128_mb(&bench, "slow_first", &input);
    assert_same_bytes(&bench.path("out"), &input);
}

#[test]
fn one_key_in_nearly_all_rows_is_no_special_case() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    let rows = scaled(10_000_000);
    for one_in in [100, u64::MAX] {
        let counts = data::hot_key_rows(&input, rows, one_in);
        bench.gnu_sort(&["-s", "-t\t", "-k1,1"], &input, &expected);
        let measured = bench.run("sort", "256M", 2, &input, &output);
        assert_same_bytes(&output, &expected);
        assert_under(&measured, 320 * MB);
        let measured = bench.run("sum_by_key", "256M", 2, &input, &output);
        assert_eq!(std::fs::read_to_string(&output).unwrap(), counts.sums());
        assert_under(&measured, 320 * MB);
        let measured = bench.run("distinct_keys", "256M", 2, &input, &output);
        assert_eq!(std::fs::read_to_string(&output).unwrap(), counts.keys());
        assert_under(&measured, 320 * MB);
    }
}

#[test]
fn ten_thousand_files_make_ten_thousand_runs() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    let dir = bench.path("files");
    std::fs::create_dir(&dir).unwrap();
    data::random_rows(&input, 100_000);
    data::cut_into_files(&input, &dir, 10);
    bench.gnu_sort(&["-s", "-t\t", "-k1,1"], &input, &expected);
    for flow in ["sort_files", "sort_files_apart"] {
        let measured = bench.run(flow, "128M", 2, &dir, &output);
        assert_same_bytes(&output, &expected);
        assert_under(&measured, 160 * MB);
    }
}

#[test]
fn many_small_runs_cost_the_engine_little() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    data::random_rows(&input, scaled(10_000_000) / 10);
    bench.gnu_sort(&["-s", "-t\t", "-k1,1"], &input, &expected);
    let measured = bench.run("sort_in_small_runs", "128M", 2, &input, &output);
    assert_same_bytes(&output, &expected);
    assert_under(&measured, 160 * MB);
}

#[test]
fn runs_that_travel_with_their_tasks_are_few_bytes() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    data::random_rows(&input, scaled(4_000_000));
    bench.gnu_sort(&["-s", "-t\t", "-k1,1"], &input, &expected);
    let measured = bench.run("sort_in_small_tasks", "128M", 2, &input, &output);
    assert_same_bytes(&output, &expected);
    assert_under(&measured, 160 * MB);
}

#[test]
fn rows_of_a_megabyte_are_merged_a_few_at_a_time() {
    let bench = Bench::new();
    let (input, output, expected) = (bench.path("in"), bench.path("out"), bench.path("expected"));
    data::large_rows(&input, scaled(2_000), 1 << 20);
    bench.gnu_sort(&["-s", "-t\t", "-k1,1", "-S256M"], &input, &expected);
    let measured = bench.run("sort", "160M", 2, &input, &output);
    assert_same_bytes(&output, &expected);
    assert_under(&measured, 200 * MB);
}

#[test]
fn what_a_command_writes_takes_no_more_than_its_bytes() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(10_000_000));
    with_128_mb(&bench, "fork_behind_pipe", &input);
    assert_same_bytes(&bench.path("out"), &input);
    assert_same_bytes(&bench.path("out.slow"), &input);
}

#[test]
fn large_strings_are_garbage_too() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(20_000));
    with_128_mb(&bench, "large_temporaries", &input);
}

#[test]
fn states_that_wait_for_their_next_task_hold_no_garbage() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(1_000_000));
    with_128_mb(&bench, "tables_in_three_stages", &input);
    assert_same_bytes(&bench.path("out"), &input);
}

#[test]
fn lua_garbage_is_collected_before_it_is_an_error() {
    let bench = Bench::new();
    let input = bench.path("in");
    data::random_rows(&input, scaled(2_000_000));
    with_128_mb(&bench, "garbage", &input);
    assert_eq!(data::rows_digest(&bench.path("out")), data::rows_digest(&input));
}

#[test]
fn live_lua_data_beyond_the_share_is_an_error_at_its_line() {
    let bench = Bench::new();
    let (input, output) = (bench.path("in"), bench.path("out"));
    data::random_rows(&input, 10_000);
    let measured = bench.run("hoard_error", "128M", 2, &input, &output);
    let text = std::fs::read_to_string(&output).unwrap();
    assert!(text.contains("memory") && text.contains("flows.rs:"), "{text}");
    assert_under(&measured, 160 * MB);
}
