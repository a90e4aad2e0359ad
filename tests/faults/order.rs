//! Failures have a place in the order of rows: the first is reported, whoever finds one first.

use crate::program::{Place, lines};

/// 40 rows in about 20 splits; row 5 fails late, row 35 at once.
fn place() -> Place {
    Place::with_input(lines(40))
}

const BOTH: &str = "function(x)
  if x == 'line 5' then os.execute('sleep 0.4') error('the first') end
  if x == 'line 35' then error('the second') end
  return x
end";

const FIRST: &str = "line 2 of its function: the first\n  on DIR/in.txt, line 5: \"line 5\"";

#[test]
fn of_two_failing_rows_the_first_in_row_order_is_reported() {
    let place = place();
    for workers in [1, 2, 8] {
        let run = |arguments: [&str; 3]| place.program(arguments).workers(workers).split(16).run();
        for scenario in ["map", "for_each", "filter"] {
            run([scenario, &place.input(), BOTH]).fails(&format!("HERE, {scenario}, {FIRST}"));
        }
        let outcome = run(["map", &place.input(), BOTH]);
        assert_eq!(outcome.text(), lines(4));
    }
}

#[test]
fn the_first_in_row_order_is_reported_before_a_pipe() {
    let place = place();
    for workers in [1, 2, 8] {
        for command in ["cat", "sort", "sleep 1; cat"] {
            place
                .program(["map_pipe", &place.input(), BOTH, command])
                .workers(workers)
                .split(16)
                .run()
                .fails(&format!("HERE, map, {FIRST}"));
        }
    }
}

#[test]
fn the_first_in_row_order_is_reported_behind_a_pipe() {
    let place = place();
    let behind = "HERE, map, line 2 of its function: the first\n  on \"line 5\"";
    for workers in [1, 2, 8] {
        place
            .program(["pipe_map", &place.input(), "cat", BOTH])
            .workers(workers)
            .split(16)
            .run()
            .fails(behind);
    }
}

#[test]
fn the_first_in_row_order_is_reported_across_a_pipe() {
    let place = place();
    let later = "function(x) if x == 'line 35' then error('the second') end return x end";
    let earlier =
        "function(x) if x == 'line 5' then os.execute('sleep 0.4') error('the first', 0) end end";
    for workers in [1, 2, 8] {
        place
            .program(["map_pipe_map", &place.input(), later, "cat", earlier])
            .workers(workers)
            .split(16)
            .run()
            .fails("HERE, for_each, line 1 of its function: the first\n  on \"line 5\"");
    }
}

#[test]
fn the_first_in_row_order_is_reported_before_an_exchange() {
    let place = place();
    let lua = BOTH.replace("return x", "return 'k', 1");
    for workers in [1, 2, 8] {
        place
            .program(["reduce", &place.input(), &lua, "function(a, b) return a + b end"])
            .workers(workers)
            .split(16)
            .run()
            .fails(&format!("HERE, map, {FIRST}"));
    }
}

#[test]
fn a_row_that_cannot_be_formatted_has_its_place_in_the_order_too() {
    let place = place();
    let lua = "function(x)
  if x == 'line 5' then os.execute('sleep 0.4') return x, 'many', 'columns' end
  if x == 'line 35' then error('the second') end
  return x
end";
    for workers in [1, 2, 8] {
        let outcome = place.program(["map", &place.input(), lua]).workers(workers).split(16).run();
        outcome.fails(
            "HERE, save_text_to: the format has 1 directive, the row 3 columns\n  \
             on DIR/in.txt, line 5: \"line 5\", \"many\", \"columns\"",
        );
        assert_eq!(outcome.text(), lines(4));
    }
}

const LATE: &str = "function(x) if x == 'line 35' then error('nobody asked') end return x end";

#[test]
fn a_failure_behind_a_satisfied_limit_is_not_reported() {
    let place = place();
    for workers in [1, 2, 8] {
        for split in [16, 100_000] {
            place
                .program(["map_limit", &place.input(), LATE, "34"])
                .workers(workers)
                .split(split)
                .run()
                .prints(&lines(34));
        }
        let outcome = place
            .program(["map_limit", &place.input(), LATE, "35"])
            .workers(workers)
            .split(16)
            .run();
        outcome.fails(
            "HERE, map, line 1 of its function: nobody asked\n  on DIR/in.txt, line 35: \"line 35\"",
        );
        assert_eq!(outcome.text(), lines(34));
    }
}

#[test]
fn a_failure_behind_head_is_not_reported() {
    let place = place();
    for workers in [1, 2, 8] {
        for command in ["head -n 3", "sleep 0.3; head -n 3"] {
            place
                .program(["map_pipe", &place.input(), LATE, command])
                .workers(workers)
                .split(16)
                .run()
                .prints(&lines(3));
        }
    }
}

#[test]
fn a_failure_behind_a_closed_stdout_is_not_reported() {
    let place = Place::with_input(lines(200_000));
    let lua = "function(x) if x == 'line 200000' then error('nobody asked') end return x end";
    for workers in [1, 2] {
        place
            .shell(r#"set -o pipefail; "$@" | head -n 1"#, ["map", &place.input(), lua])
            .workers(workers)
            .run()
            .prints("line 1\n");
    }
}
