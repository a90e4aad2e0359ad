//! `sample`, `take_sample`: some rows, by chance.
//!
//! A newcomer's trap: chance is a hash of the seed and of a row's place in the dataset, and of
//! nothing else, so the same rows come for any number of workers.

use std::fmt;
use std::panic::Location;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::dataset::Dataset;
use crate::error::{ErrorKind, Failed, Failure};
use crate::op::drop::Drop;
use crate::op::group::{Emit, GroupStep, GroupTask};
use crate::plan::chain::{KeyColumn, Step};
use crate::plan::exchange::{Cuts, Exchange, Group, Keep, Side};
use crate::plan::named::Arguments;
use crate::plan::native::Native;
use crate::row::layout::Rows;
use crate::row::msgpack;

impl Dataset {
    /// About a `fraction` of the rows, from 0 to 1, in order: each is kept or not by a hash of the
    /// seed and of its place in the dataset. One task goes through all rows in order.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows = Flow::new().range(0..10_000).sample(0.1, 7);
    /// let count = rows.count()?;
    /// assert!((900..1100).contains(&count), "{count}");
    /// assert_eq!(rows.collect::<i64>()?, rows.collect::<i64>()?);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a fraction that is not from 0 to 1.
    #[track_caller]
    pub fn sample(&self, fraction: f64, seed: u64) -> Dataset {
        self.add("sample", Location::caller(), move |plan, step, rows| {
            if !(0.0..=1.0).contains(&fraction) {
                let message = format!("a fraction of {fraction}: from 0 to 1 are possible");
                return Err(Failure::new(ErrorKind::Plan, message));
            }
            let names = rows.names().clone();
            let chance = Chance { seed, fraction: Some(fraction), rows: 0 };
            let group = Group::Step(Native::new(step, &chance));
            Ok(plan.in_order(step, rows, false, group).named(names))
        })
    }

    /// `rows` of the rows, each set of so many as likely as any other, in order; all where there are
    /// not as many.
    ///
    /// ```
    /// use gleamflow::Flow;
    ///
    /// let rows: Vec<i64> = Flow::new().range(0..1000).take_sample(3, 7).collect()?;
    /// assert_eq!(rows.len(), 3);
    /// assert!(rows.is_sorted());
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    #[track_caller]
    pub fn take_sample(&self, rows: u64, seed: u64) -> Dataset {
        self.add("take_sample", Location::caller(), move |plan, step, all| {
            let names = all.names().clone();
            let chance = Chance { seed, fraction: None, rows: 0 };
            let all = plan.in_order(step, all, false, Group::Step(Native::new(step, &chance)));
            let by = |column| vec![KeyColumn::ascending(column)];
            let least = Exchange { keep: Keep::Top(rows), cuts: Cuts::One, group: None };
            let some = plan.exchange(step, [Side::sorted(all, by(1), Keep::Top(rows))], least);
            let in_order = Exchange { keep: Keep::All, cuts: Cuts::Rows, group: None };
            let some = plan.exchange(step, [Side::sorted(some, by(2), Keep::All)], in_order);
            Ok(plan.fuse(some, Step::native(step, &Drop::new([1, 2]))).named(names))
        })
    }
}

/// Keeps each row by chance; or puts its chance and its place before its columns.
#[derive(Serialize, Deserialize)]
pub(super) struct Chance {
    seed: u64,
    fraction: Option<f64>,
    #[serde(skip)]
    rows: u64,
}

impl GroupStep for Chance {
    fn begin(&mut self, _: &GroupTask<'_>) -> Result<(), Failure> {
        self.rows = 0;
        Ok(())
    }

    fn push(&mut self, rows: Rows<'_>, out: &mut Emit<'_>) -> Result<(), Failed> {
        rows.try_each(|row| {
            self.rows += 1;
            let chance = xxh3_64_with_seed(&self.rows.to_le_bytes(), self.seed);
            match self.fraction {
                // 53 bits are all that a double tells apart.
                Some(fraction) if ((chance >> 11) as f64) < fraction * (1_u64 << 53) as f64 => out
                    .row(|out| {
                        out.extend_from_slice(row);
                        Ok(())
                    }),
                Some(_) => Ok(()),
                None => out.row(|out| {
                    msgpack::put_uint(out, chance);
                    msgpack::put_uint(out, self.rows);
                    out.extend_from_slice(row);
                    Ok(())
                }),
            }
        })
    }
}

impl Arguments for Chance {
    const NAME: &str = "sample";
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fraction {
            Some(fraction) => write!(f, "sample {fraction}"),
            None => f.write_str("number by chance"),
        }
    }
}
