//! Runs a flow's body under many knobs and wants the same bytes from all of them.
//!
//! A newcomer's trap: the split size is no such knob. It says where tasks begin, which a body with
//! state of its own can see; `same` is for bodies that cannot.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use gleamflow::{Dataset, Flow, Result};
use rmpv::Value;

/// A way to run a flow that must not change its bytes.
#[derive(Clone, Copy, Debug)]
struct Knobs {
    workers: usize,
    in_process: bool,
    block: Option<usize>,
    exchange: Option<usize>,
    memory: Option<u64>,
}

/// The least that a flow with five workers accepts.
const LITTLE_MEMORY: Option<u64> = Some((64 + 5 * 32) << 20);
const SMALL_BLOCK: Option<usize> = Some(64);
const SMALL_EXCHANGE: Option<usize> = Some(64 << 10);

/// Every two values of any two knobs meet in one of these.
const KNOBS: [Knobs; 8] = {
    const fn knobs(
        workers: usize,
        in_process: bool,
        block: Option<usize>,
        exchange: Option<usize>,
        memory: Option<u64>,
    ) -> Knobs {
        Knobs { workers, in_process, block, exchange, memory }
    }
    [
        knobs(1, false, None, None, None),
        knobs(1, true, SMALL_BLOCK, SMALL_EXCHANGE, LITTLE_MEMORY),
        knobs(2, false, SMALL_BLOCK, SMALL_EXCHANGE, None),
        knobs(2, true, None, None, LITTLE_MEMORY),
        knobs(2, true, None, SMALL_EXCHANGE, None),
        knobs(5, false, SMALL_BLOCK, None, LITTLE_MEMORY),
        knobs(5, false, None, SMALL_EXCHANGE, LITTLE_MEMORY),
        knobs(5, true, SMALL_BLOCK, None, None),
    ]
};

/// The default, which makes one task of a test's little input, and one that makes several.
const SPLITS: [Option<u64>; 2] = [None, Some(40)];

impl Knobs {
    fn flow(self, split: Option<u64>) -> Flow {
        let flow = Flow::new().workers(self.workers).test_sizes(split, self.block, self.exchange);
        let flow = match self.memory {
            Some(memory) => flow.memory(memory),
            None => flow,
        };
        if self.in_process { flow.workers_in_process() } else { flow }
    }
}

/// The text that the body gives under every knob and with every split.
#[track_caller]
pub fn same(body: impl Fn(Flow) -> Result<Vec<u8>>) -> String {
    let [one_task, tasks] = same_for_each_split(body);
    assert_eq!(one_task, tasks, "one task against several");
    one_task
}

/// The texts that the body gives with the default split, and with small ones, each the same under
/// every knob. For bodies that can see where a task begins.
#[track_caller]
pub fn same_for_each_split(body: impl Fn(Flow) -> Result<Vec<u8>>) -> [String; 2] {
    SPLITS.map(|split| {
        let texts = KNOBS.map(|knobs| match body(knobs.flow(split)) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => panic!("{knobs:?}, split {split:?}: {error}"),
        });
        for (knobs, text) in KNOBS.iter().zip(&texts) {
            assert_eq!(text, &texts[0], "{knobs:?}, split {split:?}");
        }
        texts.into_iter().next().expect("there are knobs")
    })
}

/// The message of the error that the body ends in under every knob and with every split.
#[track_caller]
pub fn same_error<T, E: ToString>(body: impl Fn(Flow) -> Result<T, E>) -> String {
    let messages = SPLITS.map(|split| {
        let messages = KNOBS.map(|knobs| match body(knobs.flow(split)) {
            Ok(_) => panic!("{knobs:?}, split {split:?}: no error"),
            Err(error) => error.to_string(),
        });
        for (knobs, message) in KNOBS.iter().zip(&messages) {
            assert_eq!(message, &messages[0], "{knobs:?}, split {split:?}");
        }
        messages.into_iter().next().expect("there are knobs")
    });
    assert_eq!(messages[0], messages[1], "one task against several");
    messages.into_iter().next().expect("there are splits")
}

/// The error's message holds all of these.
#[track_caller]
pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
}

/// The rows as lines, columns joined by TAB.
pub fn lines(rows: &Dataset) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    rows.save_lines_to(&mut text)?;
    Ok(text)
}

/// The rows as lines in a format.
pub fn text(rows: &Dataset, format: &str) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    rows.save_text_to(&mut text, format)?;
    Ok(text)
}

/// The rows as their values with their types, a line each: `1 1.0 "text" b"\xff" nil [..] {..}`.
pub fn values(rows: &Dataset) -> Result<Vec<u8>> {
    let mut text = String::new();
    rows.for_each_row(|row: Vec<Value>| {
        let columns: Vec<String> = row.iter().map(show).collect();
        text.push_str(&columns.join(" "));
        text.push('\n');
    })?;
    Ok(text.into_bytes())
}

fn show(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_string(),
        Value::F64(number) => format!("{number:?}"),
        Value::String(text) => format!("{:?}", text.as_str().expect("str is UTF-8")),
        Value::Binary(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", show(key), show(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

/// So long may a test take that would else never end: much longer than it needs where others keep
/// the machine busy.
const HANGING: Duration = Duration::from_secs(300);

/// Runs a test's body on a thread of its own, which must end.
#[track_caller]
pub fn without_hanging<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (ended, end) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = body();
        let _ = ended.send(());
        result
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(HANGING) {
        panic!("still at it after {HANGING:?}");
    }
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// What a body gives, and the warnings it has led to on this thread.
pub fn warnings<T>(body: impl FnOnce() -> T) -> (T, Vec<String>) {
    struct Warnings(Arc<Mutex<Vec<String>>>);

    impl tracing::Subscriber for Warnings {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() == tracing::Level::WARN
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn event(&self, event: &tracing::Event<'_>) {
            struct Message(String);
            impl tracing::field::Visit for Message {
                fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
                    if field.name() == "message" {
                        self.0 = format!("{value:?}");
                    }
                }
            }
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    let seen = Arc::new(Mutex::new(Vec::new()));
    let result = tracing::subscriber::with_default(Warnings(seen.clone()), body);
    let warnings = seen.lock().unwrap().clone();
    (result, warnings)
}

/// `a b` as rows of two text columns.
pub fn pairs(flow: &Flow, rows: &[&str]) -> Dataset {
    flow.lines(rows).split(" ")
}

/// Enough words for many tasks, runs and blocks: `w0`, `w7`, `w14`… modulo `different`.
pub fn many_words(count: usize, different: usize) -> Vec<String> {
    (0..count).map(|i| format!("w{}", i * 7 % different)).collect()
}

/// A reader that never ends; it says so when it is dropped.
pub struct Endless {
    pub line: &'static [u8],
    pub dropped: Option<mpsc::Sender<()>>,
}

impl Endless {
    pub fn new(line: &'static [u8]) -> Endless {
        Endless { line, dropped: None }
    }
}

impl std::io::Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled + self.line.len() <= buffer.len() {
            buffer[filled..filled + self.line.len()].copy_from_slice(self.line);
            filled += self.line.len();
        }
        if filled == 0 {
            filled = buffer.len().min(self.line.len());
            buffer[..filled].copy_from_slice(&self.line[..filled]);
        }
        Ok(filled)
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped.take() {
            let _ = dropped.send(());
        }
    }
}
