//! `sort_by`, against models of a few lines.

use gleamflow::{Flow, Sort};

use crate::harness::{assert_says, lines, many_words, same, same_error, values};

#[test]
fn sort_by_is_a_sort_by_what_the_function_returns() {
    let words = many_words(500, 60);
    let length = |word: &String| word.len();
    let last = |word: &String| word.as_bytes()[word.len() - 1];
    let text = |sorted: &[String]| -> String { sorted.iter().map(|w| w.clone() + "\n").collect() };
    let mut sorted = words.clone();
    sorted.sort_by_key(length);
    let by_length = "function(word) return #word, 'more' end";
    assert_eq!(same(|flow| lines(&flow.lines(&words).sort_by(1, by_length))), text(&sorted));
    sorted = words.clone();
    sorted.sort_by_key(|word| (std::cmp::Reverse(last(word)), length(word)));
    let order = Sort::by(1).descending().then(2);
    let two = "function(word) return word:sub(-1), #word end";
    let sort = |flow: Flow| lines(&flow.lines(&words).sort_by(order.clone(), two));
    assert_eq!(same(sort), text(&sorted));
    let order = Sort::by(4).then(2).descending();
    sorted = words.clone();
    sorted.sort_by_key(|word| (length(word), std::cmp::Reverse(last(word))));
    let four = "function(word) return nil, word:sub(-1), nil, #word end";
    let sort = |flow: Flow| lines(&flow.lines(&words).sort_by(order.clone(), four));
    assert_eq!(same(sort), text(&sorted));
}

#[test]
fn sort_by_keeps_rows_whole_and_their_names() {
    let text = same(|flow| {
        let rows = flow.lines(["b 2 x", "a", "c 1"]).split(" ");
        values(&rows.sort_by(1, "function(word, n) return n end"))
    });
    assert_eq!(text, "\"a\"\n\"c\" \"1\"\n\"b\" \"2\" \"x\"\n");
    let text = same(|flow| {
        let rows = flow.rows([(1, "b"), (2, "a")]).named(["n", "word"]);
        lines(&rows.sort_by(1, "function(n, word) return word end").select(["word"]))
    });
    assert_eq!(text, "a\nb\n");
    let text = same(|flow| lines(&flow.range(0..0).sort_by(1, "function(x) return x end")));
    assert_eq!(text, "");
}

#[test]
fn sort_by_refuses_too_few_results_and_orders_by_name() {
    let error = same_error(|flow| {
        lines(&flow.range(0..3).sort_by(Sort::by(2), "function(x) if x > 0 then return x end end"))
    });
    let says = "sort_by: the function returned 0 values, and the order names result 2";
    assert_says(&error, &[says, "on 0"]);
    let error =
        same_error(|flow| lines(&flow.range(0..3).sort_by(3, "function(x) return x, x end")));
    assert_says(&error, &["the function returned 2 values, and the order names result 3"]);
    let error = same_error(|flow| {
        lines(&flow.range(0..3).named(["n"]).sort_by("n", "function(x) return x end"))
    });
    assert_says(&error, &["sort_by", "there is no column \"n\"", "hint: "]);
    let error = same_error(|flow| lines(&flow.range(0..3).sort_by(0, "function(x) return x end")));
    assert_says(&error, &["sort_by: there is no column 0"]);
    let error =
        same_error(|flow| lines(&flow.range(0..3).sort_by(1, "function(x) return print end")));
    assert_says(&error, &["sort_by", "column 1 is a function", "on 0"]);
}
