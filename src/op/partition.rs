//! `partition`, `partition_by`, `round_robin`: several datasets side by side.

use std::panic::Location;

use crate::dataset::Dataset;
use crate::op::{Columns, partitions};

/// # Partitions
///
/// Datasets side by side, so that a command can run several times at once. Steps in Lua, on columns
/// and in the shell go on within each; what works by key, order or place looks through them, the
/// first partition's rows first, and gives one, and so does what takes the rows.
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
    ///
    /// # Errors
    /// At a terminal: a `count` that is not from 1 to 4096.
    #[track_caller]
    pub fn partition(&self, count: u32) -> Dataset {
        self.try_add(
            "partition",
            Location::caller(),
            partitions(count),
            |plan, step, rows, &count| plan.deal_by(step, rows, vec![1], count),
        )
    }

    /// [`Dataset::partition`] by the hash of the named columns, counted from 1.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().rows([(1, "a"), (2, "b"), (3, "a")]);
    /// let mut sums: Vec<(String, i64)> = rows
    ///     .partition_by([2], 2)
    ///     .pipe("awk '{ sum[$2] += $1 } END { for (key in sum) print key \"\\t\" sum[key] }'")
    ///     .numbers([2])
    ///     .collect()?;
    /// sums.sort();
    /// assert_eq!(sums, [("a".to_string(), 4), ("b".to_string(), 2)]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`Dataset::partition`]; no key columns (see [`Dataset::round_robin`]); a column that
    /// a row does not have (see [`Dataset::pad`]).
    #[track_caller]
    pub fn partition_by(&self, keys: impl Into<Columns>, count: u32) -> Dataset {
        let keys = keys.into();
        self.add("partition_by", Location::caller(), move |plan, step, rows| {
            let keys = keys.some_numbers(rows.names(), "`round_robin` deals rows out in turn")?;
            Ok(plan.deal_by(step, rows, keys, partitions(count)?))
        })
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
    ///
    /// # Errors
    /// As for [`Dataset::partition`].
    #[track_caller]
    pub fn round_robin(&self, count: u32) -> Dataset {
        self.try_add(
            "round_robin",
            Location::caller(),
            partitions(count),
            |plan, step, rows, &count| plan.deal(step, rows, count),
        )
    }
}
