//! What user code may ask for beside its rows: a call at the end of its task, and counters.

use gleamflow::{ErrorKind, Flow};

use crate::harness::{assert_says, same, same_error, same_for_each_split, values};

const PAIRS: &str = "(function()
    local batch = {}
    at_end(function()
        if #batch > 0 then emit(unpack(batch)) end
    end)
    return function(x)
        batch[#batch + 1] = x
        if #batch == 2 then
            local a, b = unpack(batch)
            batch = {}
            return a, b
        end
    end
end)()";

#[test]
fn a_batcher_emits_its_rest_at_the_end_of_its_task() {
    let [text, _] =
        same_for_each_split(|flow| values(&flow.lines(["a", "b", "c", "d", "e"]).map(PAIRS)));
    assert_eq!(text, "\"a\" \"b\"\n\"c\" \"d\"\n\"e\"\n");
}

#[test]
fn what_a_step_emits_at_the_end_passes_all_steps_behind_it() {
    let [text, _] = same_for_each_split(|flow| {
        let rows = flow.rows([1, 2, 3]).map(PAIRS);
        let sums = rows
            .map("function(a, b) return a + (b or 10) end")
            .filter("function(s) return s > 5 end");
        let last = sums.map(PAIRS).map("function(a, b) return a, b or 'none' end");
        values(&last)
    });
    // 3 is left out; 13 is what is left of two batches.
    assert_eq!(text, "13 \"none\"\n");
    let [text, _] = same_for_each_split(|flow| {
        let last = "(function()
            local sum = 0
            at_end(function() emit('sum', sum) end)
            return function(word) sum = sum + 1 return word, 1 end
        end)()";
        values(&flow.lines(["b", "a", "b"]).map(last).reduce("function(x, y) return x + y end"))
    });
    assert_eq!(text, "\"a\" 1\n\"b\" 2\n\"sum\" 3\n");
}

#[test]
fn shared_code_may_end_too_and_has_nothing_to_emit_into() {
    let error = same_error(|flow| {
        flow.lua("at_end(function() emit(1) end)")
            .range(0..3)
            .map("function(x) return x end")
            .count()
    });
    assert_says(&error, &["lua, line 1 of", "emit: works only inside"]);
}

#[test]
fn at_end_is_refused_for_a_row_and_in_code_without_rows_of_its_own() {
    let error = Flow::new().range(0..3).map("function(x) at_end(print) return x end").count();
    assert_says(
        &error.unwrap_err().to_string(),
        &["at_end: is for the code that makes a step's function"],
    );
    let reduce = "(function() at_end(print) return function(a, b) return a + b end end)()";
    let error = Flow::new().range(0..9).map("function(x) return 'k', x end").reduce(reduce).count();
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lua);
    assert_says(&error.to_string(), &["at_end: is for `lua` and for the code of steps"]);
    let error = Flow::new().range(0..3).map("(function() at_end(3) end)()").count().unwrap_err();
    assert_says(&error.to_string(), &["at_end: expected a function, got a number"]);
}

#[test]
fn counters_are_refused_names_and_numbers_that_are_none() {
    for (call, says) in [
        ("count()", "count: expected a name, got nothing"),
        ("count('n', 'x')", "count: expected a number to add to \"n\", got a string"),
        ("count('n', 0/0)", "got NaN"),
        ("count('n' .. x)", "count: more than 10000 names"),
    ] {
        let step = format!("function(x) {call} return x end");
        let error = Flow::new().range(0..20_000).map(&step).count().unwrap_err();
        assert_says(&error.to_string(), &["map, line 1 of its function", says]);
    }
}

#[test]
fn counters_are_in_the_report_and_the_same_for_any_workers() {
    let text = same(|flow| {
        let rows = flow.range(0..500).map(
            "function(x) count('rows') count('halves', 0.5) if x % 7 == 0 then count('of seven', x) end
             return x end",
        );
        rows.count()?;
        let report = rows.flow().report().expect("there was a run");
        Ok(format!("{:?}", report.counters).into_bytes())
    });
    assert_eq!(text, "{\"halves\": Int(250), \"of seven\": Int(17892), \"rows\": Int(500)}");
}

#[test]
fn tasks_that_a_limit_does_not_need_count_nothing() {
    // The limit is satisfied within the first task.
    let text = same(|flow| {
        let rows = flow.range(0..5000).map("function(x) count('rows') return x end");
        rows.limit(2).count()?;
        let report = rows.flow().report().expect("there was a run");
        Ok(format!("{:?}", report.counters).into_bytes())
    });
    assert_eq!(text, "{}");
}

#[test]
fn counting_changes_no_row() {
    let text = same(|flow| {
        values(&flow.range(0..5).map("function(x) count('rows') count('sum', x) return x end"))
    });
    assert_eq!(text, "0\n1\n2\n3\n4\n");
}
