//! Partitions: where rows go is part of the format, commands see which one they are, and all else
//! looks through them, partition 0 first.

use crate::harness::{assert_says, lines, many_words, pairs, same, same_error};

/// Puts the partition's number before each line.
const NUMBERED: &str = "sed \"s/^/$GLEAMFLOW_PARTITION of $GLEAMFLOW_PARTITIONS: /\"";

/// XXH3-64 with seed 0 over the key bytes of a text: 6, the text, 0 0.
fn partition_of(text: &str, count: u64) -> u64 {
    let mut key = vec![6];
    key.extend_from_slice(text.as_bytes());
    key.extend_from_slice(&[0, 0]);
    xxhash_rust::xxh3::xxh3_64(&key) % count
}

#[test]
fn partition_is_by_the_hash_of_the_first_column() {
    let words = many_words(40, 11);
    let text = same(|flow| lines(&flow.lines(&words).partition(3).pipe(NUMBERED)));
    let mut expected = String::new();
    for partition in 0..3 {
        for word in words.iter().filter(|word| partition_of(word, 3) == partition) {
            expected += &format!("{partition} of 3: {word}\n");
        }
    }
    assert_eq!(text, expected);
}

#[test]
fn the_partition_of_a_key_never_changes() {
    let text = same(|flow| {
        let keys = flow.rows(["a", "b", "c", "1", ""]);
        lines(&keys.partition(4).pipe(NUMBERED))
    });
    let golden = ["a", "b", "c", "1", ""].map(|key| partition_of(key, 4));
    for (key, partition) in ["a", "b", "c", "1", ""].iter().zip(golden) {
        assert!(text.contains(&format!("{partition} of 4: {key}\n")), "{key}: {text}");
    }
    assert_eq!(golden, [3, 1, 3, 0, 2]);
}

#[test]
fn equal_keys_of_different_types_meet_in_one_partition() {
    let text = same(|flow| {
        let keys = [rmpv::Value::from(7), rmpv::Value::F64(7.0), rmpv::Value::from(7u64)];
        let rows: Vec<(rmpv::Value,)> = keys.into_iter().map(|key| (key,)).collect();
        lines(
            &flow.rows(rows).partition(50).pipe("wc -l").filter("function(n) return n ~= '0' end"),
        )
    });
    assert_eq!(text, "3\n");
}

#[test]
fn partition_by_takes_other_columns() {
    let rows = ["1 a", "2 b", "3 a", "4 c", "5 b", "6 a"];
    let text = same(|flow| {
        lines(&pairs(&flow, &rows).partition_by([2], 2).pipe("cut -f2 | tr -d '\\n'; echo"))
    });
    let mut expected = String::new();
    for partition in 0..2 {
        let keys = rows.iter().map(|row| &row[2..]);
        expected.extend(keys.filter(|key| partition_of(key, 2) == partition));
        expected.push('\n');
    }
    assert_eq!(text, expected);
}

#[test]
fn round_robin_deals_rows_out_in_turn() {
    let text = same(|flow| lines(&flow.range(0..7).round_robin(3).pipe(NUMBERED)));
    let expected = "0 of 3: 0\n0 of 3: 3\n0 of 3: 6\n1 of 3: 1\n1 of 3: 4\n2 of 3: 2\n2 of 3: 5\n";
    assert_eq!(text, expected);
}

#[test]
fn an_empty_partition_runs_its_command_too() {
    let text = same(|flow| lines(&flow.range(0..1).round_robin(3).pipe("wc -l")));
    assert_eq!(text, "1\n0\n0\n");
    let none = same(|flow| lines(&flow.range(0..0).partition(2).pipe("echo begun; cat")));
    assert_eq!(none, "begun\nbegun\n");
}

#[test]
fn map_like_steps_and_pipes_keep_partitions() {
    let text = same(|flow| {
        let rows = flow
            .range(0..8)
            .round_robin(2)
            .map("function(x) return x, x end")
            .filter("function(x) return x ~= 4 end")
            .flat_map("function(x) return {x, x + 100} end")
            .pipe("tac")
            .select([1])
            .pipe_rows("cat")
            .pipe_as_args("echo $1 $GLEAMFLOW_PARTITION");
        lines(&rows.pipe(NUMBERED))
    });
    let expected = "0 of 2: 106 0\n0 of 2: 6 0\n0 of 2: 102 0\n0 of 2: 2 0\n0 of 2: 100 0\n0 of 2: 0 0\n\
                    1 of 2: 107 1\n1 of 2: 7 1\n1 of 2: 105 1\n1 of 2: 5 1\n1 of 2: 103 1\n1 of 2: 3 1\n\
                    1 of 2: 101 1\n1 of 2: 1 1\n";
    assert_eq!(text, expected);
}

#[test]
fn sinks_and_limit_look_through_partitions_0_first() {
    assert_eq!(same(|flow| lines(&flow.range(0..6).round_robin(2))), "0\n2\n4\n1\n3\n5\n");
    assert_eq!(same(|flow| lines(&flow.range(0..6).round_robin(2).limit(4))), "0\n2\n4\n1\n");
    let one_command = same(|flow| lines(&flow.range(0..6).round_robin(2).limit(4).pipe("tac")));
    assert_eq!(one_command, "1\n4\n2\n0\n");
}

#[test]
fn keyed_operators_look_through_partitions_0_first() {
    let dealt = "function(k, v) return v, k, v end";
    let rows = ["a 1", "b 2", "a 3", "b 4", "a 5", "a 6"];
    let sorted = same(|flow| lines(&pairs(&flow, &rows).map(dealt).round_robin(2).sort(2)));
    assert_eq!(sorted, "1\ta\t1\n3\ta\t3\n5\ta\t5\n6\ta\t6\n2\tb\t2\n4\tb\t4\n");
    let reduced = same(|flow| {
        lines(&pairs(&flow, &rows).round_robin(2).reduce("function(x, y) return x .. y end"))
    });
    assert_eq!(reduced, "a\t1356\nb\t24\n");
    let folded = same(|flow| {
        let values = pairs(&flow, &rows).select([2]);
        lines(&values.round_robin(2).fold("function(x, y) return x .. y end"))
    });
    assert_eq!(folded, "135246\n");
    let distinct = same(|flow| lines(&flow.range(0..6).round_robin(3).distinct().pipe("tac")));
    assert_eq!(distinct, "5\n4\n3\n2\n1\n0\n");
}

#[test]
fn a_new_partitioning_looks_through_the_one_before() {
    let text = same(|flow| lines(&flow.range(0..8).round_robin(2).round_robin(2).pipe(NUMBERED)));
    // 0 2 4 6 1 3 5 7, dealt again.
    let expected =
        "0 of 2: 0\n0 of 2: 4\n0 of 2: 1\n0 of 2: 5\n1 of 2: 2\n1 of 2: 6\n1 of 2: 3\n1 of 2: 7\n";
    assert_eq!(text, expected);
    let one = same(|flow| lines(&flow.range(0..4).round_robin(2).partition(1).pipe(NUMBERED)));
    assert_eq!(one, "0 of 1: 0\n0 of 1: 2\n0 of 1: 1\n0 of 1: 3\n");
}

#[test]
fn without_partitions_a_command_is_alone() {
    let text = same(|flow| lines(&flow.range(0..2).pipe(NUMBERED)));
    assert_eq!(text, "0 of 1: 0\n0 of 1: 1\n");
}

#[test]
fn partition_counts_outside_1_to_4096_are_refused() {
    for count in [0, 4097] {
        let message = same_error(|flow| flow.range(0..1).partition(count).count());
        assert_says(&message, &["partitions.rs:", "partition", "from 1 to 4096"]);
        assert!(same_error(|flow| flow.range(0..1).round_robin(count).count()).contains("4096"));
        assert!(
            same_error(|flow| flow.range(0..1).partition_by([1], count).count()).contains("4096")
        );
    }
    let message = same_error(|flow| flow.range(0..1).partition_by([0], 2).count());
    assert_says(&message, &["no column 0"]);
}

#[test]
fn more_partitions_than_workers_are_all_served() {
    let text = same(|flow| {
        lines(&flow.range(0..100).round_robin(40).pipe("wc -l").pipe("paste -sd+ | bc"))
    });
    let expected: String = (0..40).map(|i| if i < 20 { "3\n" } else { "2\n" }).collect();
    assert_eq!(text, expected);
}
