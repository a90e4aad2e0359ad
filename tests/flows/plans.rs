//! Plans as people read them: which steps share a stage, and where rows are exchanged.

use gleamflow::{Flow, Sort};

#[test]
fn neighbouring_lua_steps_share_a_stage() {
    let text = Flow::new()
        .lines(["a b"])
        .flat_map("function(line) return line:gmatch('%w+') end")
        .map("function(word) return word, 1 end")
        .reduce("function(x, y) return x + y end")
        .filter("function(word, n) return n > 1 end")
        .explain()
        .unwrap();
    let expected = "\
stage 1: lines (1) → flat_map → map → reduce: combine, sort by column 1
stage 2: merge of stage 1 by column 1 → reduce → filter
sink 1: stage 2, in order
";
    assert_eq!(text, expected);
}

#[test]
fn neighbouring_commands_share_a_stage() {
    let text = Flow::new()
        .text_file(["/etc/passwd", "/etc/gr*"])
        .pipe("sort")
        .pipe("uniq -c")
        .split(" ")
        .numbers([1])
        .select([2, 1])
        .explain()
        .unwrap();
    let expected = "\
stage 1: text_file \"/etc/passwd\", \"/etc/gr*\" → forward
stage 2: stage 1 → pipe \"sort\" → pipe \"uniq -c\"
stage 3: stage 2 → split \" \" → numbers 1 → select 2, 1
sink 1: stage 3, in order
";
    assert_eq!(text, expected);
}

#[test]
fn partitions_and_orders_are_named() {
    let text = Flow::new()
        .range(0..10)
        .partition_by([1, 2], 4)
        .pipe("cat")
        .sort(Sort::by(2).numeric().descending().then(1))
        .distinct()
        .limit(5)
        .round_robin(2)
        .pipe_as_args("echo $1")
        .pipe_rows("cat")
        .fold("function(x, y) return x + y end")
        .explain()
        .unwrap();
    let expected = "\
stage 1: range 0..10 → partition by 1, 2 into 4
stage 2: stage 1 (4 partitions) → lines
stage 3: stage 2 (4 partitions) → pipe \"cat\"
stage 4: stage 3 (4 partitions) → sort: sort by column 2 as numbers descending, column 1
stage 5: merge of stage 4 by column 2 as numbers descending, column 1 → distinct: combine, sort by the whole row
stage 6: merge of stage 5 by the whole row, first of each
stage 7: stage 6 → limit 5
stage 8: stage 7 → round_robin 2
stage 9: stage 8 (2 partitions) → pipe_as_args \"echo $1\"
stage 10: stage 9 (2 partitions)
stage 11: stage 10 (2 partitions) → pipe_rows \"cat\"
stage 12: stage 11 (2 partitions) → fold: combine, sort by nothing (one group)
stage 13: merge of stage 12 by nothing (one group) → fold
sink 1: stage 13, in order
";
    assert_eq!(text, expected);
}

#[test]
fn explain_says_what_is_wrong_with_the_flow() {
    let error = Flow::new().range(0..1).sort(0).explain().unwrap_err();
    assert_eq!(error.operator(), Some("sort"));
    let error = Flow::new().range(0..1).map("function(").explain().unwrap_err();
    assert_eq!(error.operator(), Some("map"));
}

#[test]
fn a_step_that_keeps_state_in_globals_is_named_with_them() {
    let text = Flow::new()
        .lua("seen = {}")
        .lua("total = 0 function add(x) total = total + x return total end")
        .range(0..9)
        .filter("function(x) if seen[x] then return false end seen[x] = true return true end")
        .map("function(x) local y = x * 2 return math.floor(y), add(y) end")
        .map("function(k) local first = k ~= last last = k n = (n or 0) + 1 return first, n end")
        .explain()
        .unwrap();
    let kept: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("sink"))
        .skip(1)
        .map(|line| line.split_once(", ").expect("a place and an operator").1)
        .collect();
    let expected = [
        "lua: keeps state per task (total)",
        "filter: keeps state per task (seen)",
        "map: keeps state per task (last, n)",
    ];
    assert_eq!(kept, expected);
    assert!(text.contains("tests/flows/plans.rs:"), "{text}");
}
