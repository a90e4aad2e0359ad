//! Plans as people read them: which steps share a stage, and where rows are exchanged.

use gleamflow::{Dataset, Flow, Join, Sort, lua};
use serde_json::Value;

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
    let (plan, notes) = text.split_at(expected.len());
    assert_eq!(plan, expected);
    assert_eq!(notes.lines().count(), 1, "{notes}");
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

/// What is said of steps, without their places.
fn said(explained: &str) -> Vec<&str> {
    let notes = explained.lines().skip_while(|line| !line.starts_with("sink")).skip(1);
    notes.map(|line| line.split_once(", ").expect("a place and an operator").1).collect()
}

#[test]
fn what_a_native_loop_does_is_recognised() {
    let flow = Flow::new();
    let lines = flow.lines(["a b"]);
    let words = lines.flat_map("function(line) return line:gmatch('%w+') end");
    let counts = |rows: &Dataset, one: &str, sum: &str| {
        let text = rows.map(one).reduce(sum).explain().unwrap();
        said(&text).join(" / ")
    };
    let (one, sum) = ("function(word) return word, 1 end", "function(a, b) return a + b end");
    let of_words = "flat_map: recognised: counts the matches of \"%w+\", by their numbers";
    assert_eq!(counts(&words, one, sum), of_words);
    assert_eq!(counts(&lines, one, sum), "map: recognised: counts lines, by their numbers");
    // Near misses.
    assert_eq!(counts(&words, one, "function(a, b) return a + b + 0 end"), "");
    assert_eq!(counts(&words, "function(word) return word, 1.5 end", sum), "");
    assert_eq!(counts(&words, "function(word) return word, #word end", sum), "");
    assert_eq!(counts(&words.filter("function(word) return word end"), one, sum), "");
    assert_eq!(counts(&lines.split(" "), one, sum), "");
    let found = |step: &str| {
        let text = lines.filter(step).map("function(x) return x end").explain().unwrap();
        said(&text).join(" / ")
    };
    assert_eq!(
        found("function(line) return line:find('a b', 1, true) end"),
        "filter: recognised: searches blocks of lines for \"a b\""
    );
    assert_eq!(found("function(line) return line:find('a b') end"), "");
    assert_eq!(found("function(line) return line:find('a', 2, true) end"), "");
}

#[test]
fn what_keeps_a_loop_from_being_compiled_is_named_with_its_line() {
    let text = Flow::new()
        .lines(["a"])
        .map(
            "function(line)
                local now = os.time()
                return (line:gsub('%a', function(c) return c .. now end))
            end",
        )
        .filter("function(line) return #line > 1 end")
        .explain()
        .unwrap();
    let expected = "map: not compiled: line 2: os.time; line 3: a function made for each row; \
                    line 3: string.gsub with a function";
    assert_eq!(said(&text), [expected]);
    let first = line!() + 1;
    let step = lua!(
        "function(line)
        return os.time()
    end"
    );
    let text = Flow::new().lines(["a"]).map(step).explain().unwrap();
    let expected = format!("map: not compiled: tests/flows/plans.rs:{}: os.time", first + 1);
    assert_eq!(said(&text), [expected]);
}

/// One flow with something of everything.
fn everything() -> Dataset {
    let flow = Flow::new();
    let names = flow.rows([("a", "Ann")]);
    flow.lines(["a\"\\b"])
        .partition_by(1, 2)
        .pipe("tr 'a\n' \"b\n\"")
        .split(" ")
        .with_table("names", &names)
        .map("function(x) seen = (seen or 0) + 1 return tables.names[x], os.time() end")
        .named(["name", "at"])
        .join(&names, Join::inner(1).broadcast())
        .sort(Sort::by("at").descending())
        .limit(3)
}

#[test]
fn json_has_what_the_text_has() {
    let json = everything().explain_json().unwrap();
    let plan: Value = serde_json::from_str(&json).unwrap();
    let stages = plan["stages"].as_array().unwrap();
    let with_table = stages.iter().find(|stage| stage["tables"][0] == "names").unwrap();
    assert_eq!(with_table["reads"][0]["partitions"], 2);
    let steps: Vec<&str> = with_table["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["run_by"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["native", "lua", "native", "native"]);
    assert!(with_table["beside"][0].is_u64());
    assert_eq!(plan["tables"][0]["name"], "names");
    assert_eq!(plan["sinks"][0]["sink"], 1);
    let command = stages.iter().flat_map(|stage| stage["steps"].as_array().unwrap());
    let command = command.into_iter().find(|step| step["run_by"] == "command").unwrap();
    assert_eq!(command["does"], "pipe \"tr 'a\\n' \\\"b\\n\\\"\"");
    assert_eq!(command["file"], "tests/flows/plans.rs");
    let notes = plan["steps"].as_array().unwrap();
    let map = notes.iter().find(|note| note["operator"] == "map").unwrap();
    assert_eq!(map["not_compiled"][0]["line"], 1);
    assert_eq!(map["not_compiled"][0]["what"], "os.time");
    assert_eq!(map["keeps_state_in"][0], "seen");
    let named = notes.iter().find(|note| note["operator"] == "named").unwrap();
    assert_eq!(named["columns"], "name, at");
    let kept = stages.iter().find(|stage| stage["keeps"].is_string()).unwrap();
    assert_eq!(kept["keeps"], "first 3");
}

#[test]
fn a_graph_has_an_arrow_for_each_way_that_rows_take() {
    let dot = everything().explain_dot().unwrap();
    let expected = r#"digraph plan {
	node [shape=box];
	s1 [label="stage 1\lforward\l"];
	s1r0 [shape=ellipse, label="rows (1)"];
	s1r0 -> s1;
	s2 [label="stage 2\lpartition by 1 into 2\l"];
	s2r0 [shape=ellipse, label="lines (1)"];
	s2r0 -> s2;
	s3 [label="stage 3\llines\l"];
	s2 -> s3 [label="2 partitions"];
	s4 [label="stage 4\lpipe \"tr 'a\\n' \\\"b\\n\\\"\"\l"];
	s3 -> s4 [label="2 partitions"];
	s5 [label="stage 5\ljoin: sort by column 1\l"];
	s1 -> s5;
	s6 [label="stage 6\lsplit \" \"\lmap\lbroadcast inner join on 1\lsort: first 3, sort by column 2 descending\l"];
	s4 -> s6 [label="2 partitions"];
	s5 -> s6 [label="all of it"];
	s1 -> s6 [label="table names"];
	s7 [label="stage 7"];
	s6 -> s7 [label="by column 2 descending"];
	sink1 [shape=ellipse, label="sink 1"];
	s7 -> sink1;
}
"#;
    assert_eq!(dot, expected);
}
