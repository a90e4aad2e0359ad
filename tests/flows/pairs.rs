//! Datasets side by side and in one order, against models of a few lines.

use gleamflow::{Flow, Sort};

use crate::harness::{assert_says, lines, many_words, same, same_error};

#[test]
fn zip_pairs_rows_that_stand_at_the_same_place() {
    let words = many_words(300, 90);
    let text = same(|flow| {
        let numbers = flow.range(0..300).map("function(x) return x, x * x end");
        lines(&flow.lines(&words).zip(&numbers))
    });
    let model: String = (0..300).map(|i| format!("{}\t{i}\t{}\n", words[i], i * i)).collect();
    assert_eq!(text, model);
    assert_eq!(same(|flow| lines(&flow.range(0..0).zip(&flow.lines::<&str>([])))), "");
}

#[test]
fn zip_of_a_dataset_with_what_came_of_it() {
    let text = same(|flow| {
        let rows = flow.range(0..500);
        let sorted = rows.sort(Sort::by(1).descending());
        lines(&rows.zip(&sorted).map("function(a, b) return a + b end").distinct())
    });
    assert_eq!(text, "499\n");
}

#[test]
fn zip_looks_through_partitions() {
    let text = same(|flow| {
        let rows = flow.range(0..4).round_robin(2);
        lines(&rows.zip(&flow.lines(["a", "b", "c", "d"]).round_robin(3)))
    });
    assert_eq!(text, "0\ta\n2\td\n1\tb\n3\tc\n");
}

#[test]
fn zip_of_datasets_of_unequal_lengths() {
    let message = same_error(|flow| lines(&flow.range(0..7).zip(&flow.range(0..5))));
    assert_says(
        &message,
        &["zip: the second dataset ends after 5 rows, and the first one goes on", ".longest()"],
    );
    let text = same(|flow| lines(&flow.range(0..3).zip(&flow.rows([(1, "a")])).longest()));
    assert_eq!(text, "0\t1\ta\n1\t\t\n2\t\t\n");
    let text = same(|flow| lines(&flow.rows([(1, "a")]).zip(&flow.range(0..3)).longest()));
    assert_eq!(text, "1\ta\t0\n\t\t1\n\t\t2\n");
    // Behind a limit nobody asks.
    assert_eq!(
        same(|flow| lines(&flow.range(0..7).zip(&flow.range(0..5)).limit(2))),
        "0\t0\n1\t1\n"
    );
}

#[test]
fn zip_of_uneven_rows_is_refused() {
    let message = same_error(|flow| {
        let uneven = flow.lines(["a b", "c d e"]).fields();
        lines(&uneven.zip(&flow.range(0..2)))
    });
    assert_says(&message, &["zip: the first dataset has rows of 2 and of 3 columns", "`pad(3)`"]);
}

#[test]
fn zipped_names_stand_behind_one_another() {
    let rows = Flow::new().rows([(1, 2)]).named(["a", "b"]);
    let both = rows.zip(&rows.rename("a", "c").rename("b", "d"));
    assert_eq!(both.select(["d", "a"]).collect::<(i64, i64)>().unwrap(), [(2, 1)]);
}

#[test]
fn merge_sorted_is_a_union_that_is_sorted() {
    let (one, other) = (many_words(200, 40), many_words(90, 55));
    for order in [Sort::by(1), Sort::by(1).descending()] {
        let merged = same(|flow| {
            let numbered = |words: &[String], from| {
                flow.lines(words)
                    .zip(&flow.range(from..from + words.len() as i64))
                    .sort(order.clone())
            };
            lines(&numbered(&one, 0).merge_sorted(&numbered(&other, 1000), order.clone()))
        });
        let mut model: Vec<(&String, usize)> =
            one.iter().zip(0..).chain(other.iter().zip(1000..)).collect();
        model.sort_by(|a, b| match order == Sort::by(1) {
            true => a.0.cmp(b.0),
            false => b.0.cmp(a.0),
        });
        let model: String = model.iter().map(|(word, i)| format!("{word}\t{i}\n")).collect();
        assert_eq!(merged, model, "{order:?}");
    }
}

#[test]
fn rows_are_counted_from_one_and_go_backwards() {
    let words = many_words(300, 90);
    let text = same(|flow| lines(&flow.lines(&words).with_index()));
    let model: String = words.iter().zip(1..).map(|(word, i)| format!("{word}\t{i}\n")).collect();
    assert_eq!(text, model);
    let text =
        same(|flow| lines(&flow.lines(&words).round_robin(3).with_index().reverse().limit(2)));
    assert_eq!(text, format!("{}\t300\n{}\t299\n", words[299], words[296]));
    assert_eq!(same(|flow| lines(&flow.range(0..0).with_index().reverse())), "");
}

#[test]
fn samples_depend_on_place_and_seed_alone() {
    let kept = |seed| {
        same(|flow| {
            let rows = flow.range(0..2000).map("function(x) return x, 'x' end");
            lines(&rows.sample(0.25, seed).select([1]))
        })
    };
    let rows = kept(1);
    assert!((400..600).contains(&rows.lines().count()), "{}", rows.lines().count());
    assert_ne!(rows, kept(2));
    assert_eq!(same(|flow| lines(&flow.range(0..20).sample(0.0, 1))), "");
    assert_eq!(same(|flow| lines(&flow.range(0..20).sample(1.0, 1))).lines().count(), 20);
    for fraction in [-0.1, 1.5, f64::NAN] {
        let error = Flow::new().range(0..1).sample(fraction, 1).count().unwrap_err();
        assert_says(&error.to_string(), &["sample: a fraction of", "from 0 to 1"]);
    }
}

#[test]
fn take_sample_takes_so_many_in_order() {
    let taken = |rows, seed| same(|flow| lines(&flow.range(0..2000).take_sample(rows, seed)));
    let rows: Vec<u32> = taken(50, 1).lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(rows.len(), 50);
    assert!(rows.is_sorted());
    // From everywhere: about as many below the middle as above it.
    assert!((15..=35).contains(&rows.iter().filter(|row| **row < 1000).count()), "{rows:?}");
    assert_ne!(taken(50, 1), taken(50, 2));
    assert_eq!(taken(5000, 1).lines().count(), 2000);
    assert_eq!(taken(0, 1), "");
}
