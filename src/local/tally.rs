//! What a run counts for its report.
//!
//! A newcomer's trap: what user code counts is [`Counts`] of a task, and travels behind that task's
//! rows from queue to queue until they have been taken. So a task whose rows nobody wants any more,
//! since a `limit` has enough, counts nothing, whether it has run or not.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::StepId;
use crate::local::letters::{Letters, TaskLetters};
use crate::worker::task::Counts;

/// The counts of one run.
#[derive(Default)]
pub(crate) struct Tally {
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    counts: Counts,
    /// Commands that were started again.
    #[allow(dead_code, reason = "for the report")]
    retries: BTreeMap<StepId, u64>,
}

impl Tally {
    #[allow(dead_code, reason = "commands with retries come with `Shell`")]
    /// A command of this step is started once more, since it has failed.
    pub(crate) fn retry(&self, step: StepId) {
        *self.told().retries.entry(step).or_default() += 1;
    }

    #[allow(dead_code, reason = "for `on_error` of a step of the engine's")]
    /// Rows that a step of the engine's has left out because they failed. Tasks say so in their
    /// [`Counts`].
    pub(crate) fn skip(&self, step: StepId, rows: u64) {
        *self.told().counts.skipped.entry(step).or_default() += rows;
    }

    /// Adds what tasks have counted whose turn has come.
    pub(crate) fn add(&self, counts: &Counts) {
        self.told().counts.add(counts);
    }

    /// What tasks have counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.told().counts.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("no code panics while it holds the tally")
    }
}

/// What a task has counted, behind its rows in the queues of all that read them.
pub(crate) struct Counted {
    tally: Arc<Tally>,
    counts: Counts,
    /// The rows that it has left out.
    letters: Mutex<Option<(Arc<Letters>, TaskLetters)>>,
    /// By the first of several readers.
    is_added: AtomicBool,
}

impl Counted {
    #[cfg(test)]
    pub(crate) fn new(tally: &Arc<Tally>, counts: Counts) -> Arc<Counted> {
        let (tally, letters) = (tally.clone(), Mutex::default());
        Arc::new(Counted { tally, counts, letters, is_added: AtomicBool::new(false) })
    }

    /// The same with the rows that the task has left out.
    pub(crate) fn with_letters(
        tally: &Arc<Tally>,
        counts: Counts,
        letters: &Arc<Letters>,
        of_task: TaskLetters,
    ) -> Arc<Counted> {
        let letters = Mutex::new(Some((letters.clone(), of_task)));
        let (tally, is_added) = (tally.clone(), AtomicBool::new(false));
        Arc::new(Counted { tally, counts, letters, is_added })
    }

    /// The rows have been taken.
    pub(crate) fn add(&self) {
        if !self.is_added.swap(true, Ordering::AcqRel) {
            self.tally.add(&self.counts);
            let letters = self.letters.lock().expect("no code panics while it holds this").take();
            if let Some((letters, of_task)) = letters {
                letters.keep(of_task);
            }
        }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::local::block::Block;
    use crate::local::edge::Edge;
    use crate::local::spool::Meter;
    use crate::local::steps::run_slice;
    use crate::plan::stage::Slice;
    use crate::report::Counter;
    use crate::row::layout::Layout;

    fn counts(name: &str, amount: Counter) -> Counts {
        Counts { counters: BTreeMap::from([(name.to_owned(), amount)]), ..Counts::default() }
    }

    #[test]
    fn sums_of_integers_stay_exact_and_go_on_as_doubles() {
        let tally = Tally::default();
        let sum = |amount| {
            tally.add(&counts("x", amount));
            tally.told().counts.counters["x"]
        };
        assert_eq!(sum(Counter::Int(i64::MAX - 1)), Counter::Int(i64::MAX - 1));
        assert_eq!(sum(Counter::Int(1)), Counter::Int(i64::MAX));
        assert_eq!(sum(Counter::Int(1)), Counter::Float(9_223_372_036_854_775_808.0));
        assert_eq!(sum(Counter::Float(-9e18)), Counter::Float(223_372_036_854_775_808.0));
    }

    /// What is counted of two tasks with three rows each, of which a `limit` wants some.
    fn counted_behind(take: u64) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let meter = Arc::new(Meter::new(1 << 20, 1 << 20, std::env::temp_dir()));
            let tally = Arc::new(Tally::default());
            let edge = |readers| Edge::new(1, false, readers, &meter, 0);
            let (before, behind) = (edge(1), edge(2));
            for task in ["first", "second"] {
                let bytes = Bytes::from_static(b"a\nb\nc\n");
                let block = Block { layout: Layout::Lines, partition: 0, rows: 3, bytes };
                assert!(before.writer().push(block).await.is_ok());
                let counts = counts(task, Counter::Int(1));
                before.writer().pass(&Counted::new(&tally, counts));
            }
            before.writer().settle(Ok(()));
            let slice = Slice { skip: 0, take: Some(take) };
            let mut readers = [behind.reader(0), behind.reader(1)];
            run_slice(slice, before.reader(0), behind.writer()).await;
            assert!(tally.told().counts.is_empty(), "nobody has taken the rows yet");
            for reader in &mut readers {
                while reader.next().await.unwrap().is_some() {}
            }
            let told = tally.told();
            assert!(told.counts.counters.values().all(|sum| *sum == Counter::Int(1)));
            told.counts.counters.keys().cloned().collect()
        })
    }

    #[test]
    fn tasks_behind_a_satisfied_limit_count_nothing() {
        assert!(counted_behind(2).is_empty());
        assert!(counted_behind(3).is_empty());
        assert_eq!(counted_behind(4), ["first"]);
        assert_eq!(counted_behind(6), ["first"]);
        assert_eq!(counted_behind(7), ["first", "second"]);
    }
}
