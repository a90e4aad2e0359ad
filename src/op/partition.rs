//! `partition`, `partition_by`, `round_robin`: several datasets side by side.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failure};
use crate::op::{columns, partitions};
use crate::plan::graph::Operation;

impl Dataset {
    /// Deals rows out to `count` partitions by the hash of their first column, so that a command
    /// behind it runs once for each partition, in parallel. Rows of one key meet in one partition
    /// and keep their order.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let lines: Vec<String> = Flow::new()
    ///     .lines(["a", "b", "a", "c"])
    ///     .partition(2)
    ///     .pipe("sort | uniq -c | sed 's/^ *//'")
    ///     .collect()?;
    /// assert_eq!(lines.len(), 3);
    /// assert!(lines.contains(&"2 a".to_string()));
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn partition(&self, count: u32) -> Dataset {
        let operation =
            partitions(count).map(|count| Operation::Partition { keys: vec![1], count });
        self.try_add("partition", Location::caller(), operation)
    }

    /// [`Dataset::partition`] by the hash of the named columns, counted from 1, at least one.
    #[track_caller]
    pub fn partition_by(&self, keys: impl AsRef<[u32]>, count: u32) -> Dataset {
        let operation = columns(keys.as_ref()).and_then(|keys| {
            if keys.is_empty() {
                let failure = Failure::new(ErrorKind::Plan, "no key columns");
                return Err(failure.hint("`round_robin` deals rows out in turn"));
            }
            let count = partitions(count)?;
            Ok(Operation::Partition { keys, count })
        });
        self.try_add("partition_by", Location::caller(), operation)
    }

    /// Deals rows out to `count` partitions in turn: row `i`, from 0, goes to partition
    /// `i % count`.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<i64> = Flow::new().range(0..5).round_robin(2).collect()?;
    /// assert_eq!(rows, [0, 2, 4, 1, 3]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    #[track_caller]
    pub fn round_robin(&self, count: u32) -> Dataset {
        let operation = partitions(count).map(|count| Operation::RoundRobin { count });
        self.try_add("round_robin", Location::caller(), operation)
    }
}
