//! What a run tells its user that is no error: events of `tracing` at the level of warnings.
//!
//! A newcomer's trap: the engine has threads of its own, so the collector here is the process's and
//! hears the other tests' flows too; a test looks for its own step.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, Once};

use gleamflow::Flow;
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
