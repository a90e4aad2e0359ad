//! `branch`, against models of a few lines.

use gleamflow::Flow;

use crate::harness::{assert_says, lines, many_words, same, same_error, values};

#[test]
fn branch_parts_rows_in_two() {
    for (count, different) in [(0, 1), (1, 1), (400, 31)] {
        let words = many_words(count, different);
        let (yes, no): (Vec<&String>, Vec<&String>) =
            words.iter().partition(|word| word.len() % 2 == 0);
        let model: String = no.iter().chain(&yes).map(|word| format!("{word}\n")).collect();
        let text = same(|flow| {
            let (yes, no) = flow.lines(&words).branch("function(word) return #word % 2 == 0 end");
            lines(&no.union(&yes))
        });
        assert_eq!(text, model, "{count} words");
        let text = same(|flow| {
            lines(&flow.lines(&words).branch("function(w) return #w % 2 == 0 or nil end").1)
        });
        assert_eq!(text, no.iter().map(|word| format!("{word}\n")).collect::<String>());
    }
}

#[test]
fn branch_calls_its_function_once_for_each_row() {
    let text = same(|flow| {
        // The number of the call is the number of the row only if there is one for each.
        let counted = "(function()
            local calls = 0
            return function(x) calls = calls + 1 return calls % 2 == 0 end
        end)()";
        let one_task = flow.range(0..40).fold("function(a, b) return b end").flat_map(
            "function() local n = 0 return function() n = n + 1 if n <= 6 then return n end end end",
        );
        let (even, odd) = one_task.branch(counted);
        lines(&even.union(&odd))
    });
    assert_eq!(text, "2\n4\n6\n1\n3\n5\n");
}

#[test]
fn branches_have_rows_of_any_width_and_their_names() {
    let text = same(|flow| {
        let rows = flow.lines(["a", "b c", "d e f"]).split(" ");
        let (wide, narrow) = rows.branch("function(a, b) return b end");
        values(&wide.union(&narrow))
    });
    assert_eq!(text, "\"b\" \"c\"\n\"d\" \"e\" \"f\"\n\"a\"\n");
    let text = same(|flow| {
        let rows = flow.rows([(1, "b"), (2, "a")]).named(["n", "word"]);
        lines(&rows.branch("function(n) return n > 1 end").0.select(["word", "n"]))
    });
    assert_eq!(text, "a\t2\n");
}

#[test]
fn a_failure_behind_a_branch_names_its_row() {
    let fails = |flow: &Flow, both: bool| {
        let (odd, even) = flow.range(0..10).branch("function(x) return x % 2 == 1 end");
        let odd = odd.map("function(x) if x == 7 then error('no 7') end return x end");
        lines(&if both { odd.union(&even) } else { odd })
    };
    for both in [false, true] {
        let error = same_error(|flow| fails(&flow, both));
        assert_says(&error, &["map, line 1 of its function: no 7", "on 7"]);
    }
    let error = same_error(|flow| lines(&flow.range(0..3).branch("function(x) error('no') end").0));
    assert_says(&error, &["branch, line 1 of its function: no", "on 0"]);
}
