//! Combine and reduce.

use super::*;
use crate::error::Failed;
use crate::row::layout::Mark;
use rmpv::Value;

const ADD: &str = "function(a, b) return a + b end";

/// Combined rows, sorted as text because the flush has no order.
fn combined(map_text: &str, keys: &[u32], reduce: &str, input: &str) -> String {
    let out = rows_of(combine(vec![flat_map(1, map_text)], keys, reduce), input);
    let mut rows: Vec<&str> = out.lines().collect();
    rows.sort_unstable();
    rows.join("\n")
}

fn combined_rows(rows: &str, keys: &[u32], reduce: &str) -> String {
    combined(&format!("function() return unpack_rows({rows}) end"), keys, reduce, "x\n")
}

#[test]
fn two_keys_are_the_same_whatever_they_are() {
    let rows = "{{'a','b',1,2},{'a',1,1,2},{'a','b',3,4},{1,'b',5,6},{'a','b',5,6},{1,'b',1,1}}";
    let add = "function(a, b, c, d) return a + c, b + d end";
    let expected = "\"a\"|\"b\"|9|12\n\"a\"|1|1|2\n1|\"b\"|6|7";
    assert_eq!(combined_rows(rows, &[1, 2], add), expected);
    let unequal = "{{'a','b',1},{'a','b',1,2}}";
    assert!(combined_rows(unequal, &[1, 2], add).starts_with("error: "));
}

#[test]
fn words_are_counted() {
    let steps = vec![
        flat_map(1, "function(l) return l:gmatch('%w+') end"),
        map(2, "function(w) return w, 1 end"),
    ];
    let out = rows_of(combine(steps, &[1], ADD), "a b a\nb a\n");
    let mut rows: Vec<&str> = out.lines().collect();
    rows.sort_unstable();
    assert_eq!(rows, ["\"a\"|3", "\"b\"|2"]);
}

#[test]
fn equal_keys_are_one() {
    assert_eq!(
        combined_rows(
            "{{1,1},{1.0,1},{'1',1},{-0,1},{0,1},{0/0,1},{null,1},{0/0,1},{null,1},{true,1},{5LL,1},{5,1},{2^60,1},{1152921504606846976LL,1},{1152921504606846977LL,1}}",
            &[1],
            ADD
        ),
        "\"1\"|1\n0|2\n1152921504606846977|1\n1152921504606847000|2\n1|2\n5|2\nNaN|2\nnil|2\ntrue|1"
    );
    assert_eq!(
        combined_rows("{{{1,2},1},{{1,2},1},{{a=1},1},{{a=1.0},1},{{2,1},1}}", &[1], ADD),
        "[1, 2]|2\n[2, 1]|1\n{\"a\": 1}|2"
    );
    assert_eq!(
        combined_rows("{{'a','b',1},{'ab','',1},{'a','b',1}}", &[1, 2], ADD),
        "\"a\"|\"b\"|2\n\"ab\"|\"\"|1"
    );
    // Odd keys never meet a text that looks like their bytes.
    assert_eq!(combined_rows("{{null,1},{'\\0',1}}", &[1], ADD), "\"\\0\"|1\nnil|1");
}

#[test]
fn keys_come_first() {
    assert_eq!(
        combined_rows(
            "{{1,'k',2},{10,'k',20}}",
            &[2],
            "function(a, b, c, d) return a + c, b + d end"
        ),
        "\"k\"|11|22"
    );
    assert_eq!(combined_rows("{{1,'k'},{10,'k'}}", &[2], ADD), "\"k\"|11");
    assert_eq!(
        combined_rows("{{1},{1},{2}}", &[3], ADD),
        "error: there is no column 3: the row has 1 column"
    );
}

#[test]
fn rows_of_only_a_key_give_one_row() {
    assert_eq!(
        combined_rows("{{'a'},{'b'},{'a'}}", &[1], "function() error('not called') end"),
        "\"a\"\n\"b\""
    );
}

#[test]
fn fold_has_no_key() {
    assert_eq!(combined_rows("{{1},{2},{3}}", &[], ADD), "6");
    assert_eq!(
        combined_rows("{{1,1},{2,1}}", &[], "function(a, b, c, d) return a + c, b + d end"),
        "3|2"
    );
    assert_eq!(combined_rows("{}", &[], ADD), "");
}

#[test]
fn one_row_is_not_folded_and_nils_are_values() {
    assert_eq!(
        combined_rows("{{'a',null}}", &[1], "function() error('not called') end"),
        "\"a\"|nil"
    );
    assert_eq!(
        combined_rows("{{'a',null},{'a',2}}", &[1], "function(a, b) return b end"),
        "\"a\"|2"
    );
    assert_eq!(
        combined_rows("{{'a',1},{'a',2}}", &[1], "function(a, b) return nil end"),
        "\"a\"|nil"
    );
    assert_eq!(
        combined_rows("{{'a',false},{'a',2}}", &[1], "function(a, b) return a end"),
        "\"a\"|false"
    );
}

#[test]
fn order_of_rows_is_kept() {
    assert_eq!(
        combined_rows(
            "{{'a','x'},{'b','p'},{'a','y'},{'b','q'},{'a','z'}}",
            &[1],
            "function(a, b) return a .. b end"
        ),
        "\"a\"|\"xyz\"\n\"b\"|\"pq\""
    );
}

#[test]
fn wrong_counts_are_errors() {
    let wrong = |wanted, got| {
        let s = if wanted == 1 { "" } else { "s" };
        format!(
            "error: the function got {wanted} value column{s} twice and returned {got}, not {wanted}"
        )
    };
    assert_eq!(combined_rows("{{1,1},{1,1}}", &[1], "function(a, b) return a, b end"), wrong(1, 2));
    assert_eq!(combined_rows("{{1,1},{1,1}}", &[1], "function(a, b) end"), wrong(1, 0));
    assert_eq!(
        combined_rows("{{1,1,1},{1,1,1}}", &[1], "function(a, b) return 1 end"),
        wrong(2, 1)
    );
    for rows in ["{{1,1},{1,1,1}}", "{{null,1},{null,1,1}}"] {
        assert_eq!(
            combined_rows(rows, &[1], ADD),
            "error: rows of one key have 1 and 2 value columns"
        );
    }
    let failed = fails(combine(vec![], &[], "function(a, b) return\n nil + 1 end"), "1\n2\n");
    assert_eq!((failed.failure.step, failed.failure.code_line), (Some(90), Some(2)));
}

#[test]
fn accumulators_own_their_tables() {
    let reuse = "function() local t, n = {}, 0 return function() n = n + 1 if n < 4 then t[1] = n return 'k', t end end end";
    assert_eq!(
        combined(reuse, &[1], "function(a, b) a[#a + 1] = b[1] return a end", "x\n"),
        "\"k\"|[1, 2, 3]"
    );
}

#[test]
fn combine_flushes_at_a_constant_size() {
    let vm = vm(combine(vec![map(1, "function(x) return tonumber(x), 1 end")], &[1], ADD));
    vm.begin_task(0).expect("begins");
    let input: String = (0..70_000).map(|n| format!("{n}\n")).collect();
    let mut count = 0;
    vm.push(0, Rows::lines(input.as_bytes()), &mut |_, _, rows| {
        count += rows;
        Ok(())
    })
    .expect("runs");
    assert_eq!(count, 65_536);
    vm.finish(0, &mut |_, _, rows| {
        count += rows;
        Ok(())
    })
    .expect("runs");
    assert_eq!(count, 70_000);
}

#[test]
fn rows_whose_keys_do_not_repeat_pass_by_in_order() {
    let numbered = "function(l) seen = (seen or 0) + 1 return l, seen end";
    let vm = vm(combine(vec![map(1, numbered)], &[1], "function(old, new) return new end"));
    // A full table of keys that come once, then each of them again, then some that repeat much.
    let input: String = (0..65_536).map(|n| format!("key {n}\n")).collect();
    let often = "key 7\nkey 8\n".repeat(200_000);
    for _ in 0..2 {
        vm.begin_task(0).expect("begins");
        let mut rows = Vec::new();
        let mut out = |_: usize, frames: &mut Vec<u8>, _: u32| {
            rows.extend(show(frames));
            Ok(())
        };
        for block in [&input, &input, &often] {
            vm.push(0, Rows::lines(block.as_bytes()), &mut out).expect("runs");
        }
        vm.finish(0, &mut out).expect("runs");
        let mut last = std::collections::HashMap::new();
        for row in &rows {
            let (key, value) = row.rsplit_once('|').expect("two columns");
            let value: u64 = value.parse().expect("a number");
            let before = last.insert(key.to_owned(), value);
            assert!(before.is_none_or(|before| before < value), "{row} after {before:?}");
        }
        assert_eq!(last.len(), 65_536);
        assert_eq!((last["\"key 5\""], last["\"key 8\""]), (65_536 + 6, 131_072 + 400_000));
        // What repeats while rows pass by is not folded; what repeats later is.
        assert_eq!(rows.len(), 65_536 + 4 * 65_536 + 2);
    }
}

fn reduced(
    keys: u32,
    text: &str,
    blocks: &[(Vec<Vec<Value>>, &[u8])],
) -> Result<Vec<String>, Failed> {
    let vm = vm(segment(
        Head::Groups(Group::Lua(LuaGroup::new("reduce", (1..=keys).collect(), code(5, text)))),
        vec![map(6, "function(...) return ... end")],
    ));
    vm.begin_task(0).expect("begins");
    let mut all = Vec::new();
    for (rows, starts) in blocks {
        let frames: Vec<u8> = rows.iter().flat_map(|row| frame(row)).collect();
        // Which side a row is of is nothing to the fold.
        let marks: Vec<Mark> = starts.iter().map(|start| Mark::new(*start == 1, 5)).collect();
        let rows = Rows { layout: Layout::Frames, bytes: &frames, marks: &marks };
        vm.push(0, rows, &mut |_, frames, _| {
            all.extend(show(frames));
            Ok(())
        })?;
    }
    vm.finish(0, &mut |_, frames, _| {
        all.extend(show(frames));
        Ok(())
    })?;
    Ok(all)
}

fn row(values: &[&str]) -> Vec<Value> {
    values
        .iter()
        .map(|&text| match text.parse::<i64>() {
            Ok(n) => Value::from(n),
            Err(_) if text == "nil" => Value::Nil,
            Err(_) => Value::from(text),
        })
        .collect()
}

#[test]
fn groups_go_on_over_blocks() {
    let blocks = [
        (vec![row(&["a", "1"]), row(&["a", "2"]), row(&["b", "5"])], &[1, 0, 1][..]),
        (vec![row(&["b", "6"]), row(&["c", "nil"])], &[0, 1]),
        (vec![], &[]),
        (vec![row(&["d", "1"])], &[1]),
    ];
    assert_eq!(
        reduced(1, ADD, &blocks).expect("runs"),
        ["\"a\"|3", "\"b\"|11", "\"c\"|nil", "\"d\"|1"]
    );
}

#[test]
fn groups_of_all_widths() {
    let only_key = [(vec![row(&["a"]), row(&["a"]), row(&["b"])], &[1, 0, 1][..])];
    assert_eq!(reduced(1, ADD, &only_key).expect("runs"), ["\"a\"", "\"b\""]);
    let two = [(
        vec![row(&["a", "x", "1", "2"]), row(&["a", "x", "3", "4"]), row(&["a", "y", "1", "1"])],
        &[1, 0, 1][..],
    )];
    let add = "function(a, b, c, d) return a + c, b + d end";
    assert_eq!(reduced(2, add, &two).expect("runs"), ["\"a\"|\"x\"|4|6", "\"a\"|\"y\"|1|1"]);
    let fold = [(vec![row(&["1"]), row(&["2"]), row(&["3"])], &[1, 0, 0][..])];
    assert_eq!(reduced(0, ADD, &fold).expect("runs"), ["6"]);
    let unequal = [(vec![row(&["a", "1"]), row(&["a", "1", "2"])], &[1, 0][..])];
    let failed = reduced(1, ADD, &unequal).expect_err("unequal");
    assert_eq!(failed.failure.message, "rows of one key have 1 and 2 value columns");
    assert_eq!((failed.failure.step, failed.row), (Some(5), Some(1)));
    assert_eq!(failed.failure.input.and_then(|input| input.row).as_deref(), Some("\"a\", 1, 2"));
}
