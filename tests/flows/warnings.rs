//! What a run tells its user that is no error: events of `tracing` at the level of warnings.
//!
//! A newcomer's trap: the engine has threads of its own, so the collector here is the process's and
//! hears the other tests' flows too; a test looks for its own step.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once};

use gleamflow::{Flow, Join};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            write!(self.0, "{value:?}").unwrap();
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        HEARD.lock().unwrap().push(text.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The warnings heard from now on while `run` runs that have `part` in them.
fn warnings(part: &str, run: impl FnOnce()) -> Vec<String> {
    static START: Once = Once::new();
    START.call_once(|| tracing::subscriber::set_global_default(Collector).unwrap());
    let before = HEARD.lock().unwrap().len();
    run();
    let heard = HEARD.lock().unwrap();
    heard[before..].iter().filter(|text| text.contains(part)).cloned().collect()
}

#[test]
fn pairs_over_tables_as_keys_is_warned_of_once_in_a_run() {
    let line = line!() + 4;
    let place = format!("{}:{line}, for_each: ", file!());
    let run = || {
        let rows = Flow::new().workers(2).test_sizes(Some(40), None, None).range(0..100);
        let rows = rows.for_each("function() for _ in pairs({[{}] = 1, [{}] = 2}) do end end");
        assert_eq!(rows.count().unwrap(), 100);
    };
    for _ in 0..2 {
        let heard = warnings(&place, run);
        let [warning] = &heard[..] else { panic!("{heard:?}") };
        let message = warning.strip_prefix(&place).unwrap();
        assert!(
            message.starts_with(
                "pairs: keys that are tables or functions come in an order left to chance\n\nhint: "
            ),
            "{message}"
        );
    }
}

#[test]
fn pairs_over_one_table_as_a_key_is_not_warned_of() {
    let line = line!() + 3;
    let heard = warnings(&format!("{}:{line}, ", file!()), || {
        let rows = Flow::new().range(0..10);
        let rows = rows.map("function(x) for _ in pairs({[{}] = 1, 2, a = 3}) do end return x end");
        assert_eq!(rows.count().unwrap(), 10);
    });
    assert_eq!(heard, <[String; 0]>::default());
}

#[test]
fn keys_that_are_text_on_one_side_and_numbers_on_the_other_are_warned_of() {
    let line = line!() + 4;
    let place = format!("{}:{line}, join: ", file!());
    let heard = warnings(&place, || {
        let flow = Flow::new().workers(2).test_sizes(Some(40), None, None);
        let rows = flow.lines(["1", "2"]).join(&flow.range(0..100), 1);
        assert_eq!(rows.count().unwrap(), 0);
    });
    let message = "the keys of the left side are text, those of the right side numbers: they never \
        match\n\nhint: `numbers([1])` before it makes numbers of the left side's";
    assert_eq!(heard, [format!("{place}{message}")]);
}

#[test]
fn an_outer_join_of_a_side_without_rows_says_that_its_width_is_not_known() {
    let line = line!() + 5;
    let place = format!("{}:{line}, join: ", file!());
    let run = |join: Join| {
        warnings(&place, || {
            let flow = Flow::new();
            let rows = flow.range(0..3).join(&flow.range(0..0), join);
            assert_eq!(rows.count().unwrap(), 3);
        })
    };
    let message = "the right side has no rows, so that nobody knows how many columns it has: none \
        are put out for it\n\nhint: `right_width(n)` says how many it has";
    assert_eq!(run(Join::left(1)), [format!("{place}{message}")]);
    assert_eq!(run(Join::left(1).right_width(2)), <[String; 0]>::default());
}

#[test]
fn a_pipe_whose_first_command_may_fail_unseen_is_a_warning() {
    let run = |line: &'static str| move || drop(Flow::new().lines(["a"]).pipe(line).count());
    let said = warnings("only the last command's", run("true; false | cat"));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("warnings.rs:"), "{said:?}");
    assert!(said[0].contains("of a pipe in `true; false | cat`"), "{said:?}");
    assert!(said[0].contains("\n\nhint: in a line that is one pipe"), "{said:?}");
    for line in ["cat | cat", "grep 'a|b' || true", "true; cat"] {
        assert_eq!(warnings(line, run(line)), [""; 0]);
    }
}
