//! `Agg::median`, `Agg::quantile`: the number below which a part of the numbers of a column lies.
//!
//! A newcomer's trap: nothing is sorted. In memory the number of a rank is found by selection; what
//! is larger than memory is gone through once for every 16 bits of a double, from the highest, until
//! those that begin alike fit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::chain::Chains;
use super::{Accumulate, Agg, Unfit, checked_quantile, no_part, number};
use crate::error::Failure;
use crate::op::Column;
use crate::op::group::{GroupTask, RowList};
use crate::plan::named::Arguments;
use crate::row::msgpack::{self, Value};

/// Numbers that go to a list as one row.
const ROW_NUMBERS: usize = 1024;

/// Bits by which numbers are told apart in one go.
const DIGIT_BITS: u32 = 16;

impl Agg {
    /// The median of the numbers in a column: its [`quantile`](Agg::quantile) of 0.5.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().rows([7, 1, 3, 100]);
    /// assert_eq!(rows.aggregate([], [Agg::median(1)]).collect::<f64>()?, [5.0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number.
    pub fn median(column: impl Into<Column>) -> Agg {
        Agg::of(column, &Quantile::of(0.5))
    }

    /// The exact quantile of the numbers in a column, as a float; nil if there are none. `q` is from
    /// 0 to 1. Between the numbers of two ranks it lies on the line from one to the other
    /// (`quantile_cont` or `percentile_cont` in SQL, `"linear"` in numpy): of `n` numbers, counted
    /// from 0, it is number `q · (n - 1)`.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().range(0..101);
    /// assert_eq!(rows.aggregate([], [Agg::quantile(1, 0.95)]).collect::<f64>()?, [95.0]);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    ///
    /// # Errors
    /// At a terminal: a value that is no number; a `q` that is not from 0 to 1.
    pub fn quantile(column: impl Into<Column>, q: f64) -> Agg {
        match checked_quantile(q) {
            Ok(q) => Agg::of(column, &Quantile::of(q)),
            Err(failure) => Agg::refused(failure),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Quantile {
    q: f64,
    /// The ordered bits of the numbers of each group.
    #[serde(skip)]
    numbers: Chains<u64>,
    /// How many the largest group has.
    #[serde(skip)]
    largest: u32,
    /// Those of the only group.
    #[serde(skip)]
    merged: Merged,
}

impl Quantile {
    fn of(q: f64) -> Quantile {
        Quantile { q, numbers: Chains::default(), largest: 0, merged: Merged::default() }
    }
}

/// Numbers of one group: few of them in memory, many in a list.
#[derive(Default)]
struct Merged {
    few: Vec<u64>,
    list: Option<Box<dyn RowList>>,
    /// How many are in the list.
    listed: u64,
    /// So many are few.
    most_few: usize,
}

impl Arguments for Quantile {
    const NAME: &str = "quantile";
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quantile {}", self.q)
    }
}

impl Accumulate for Quantile {
    fn begin_group(&mut self) {
        self.numbers.begin_group();
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        if let Some(number) = number::float(value)? {
            let count = self.numbers.push(group, number::ordered_bits(number));
            self.largest = self.largest.max(count);
        }
        Ok(())
    }

    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        let bytes = self.numbers.count(group) as usize * size_of::<u64>();
        msgpack::put_bin_len(out, bytes);
        self.numbers.of(group).for_each(|bits| out.extend_from_slice(&bits.to_le_bytes()));
    }

    fn begin_merging(&mut self, task: &GroupTask<'_>) {
        self.merged = Merged {
            list: Some(task.lists.list()),
            most_few: (task.lists.memory() / size_of::<u64>()).max(ROW_NUMBERS),
            ..Merged::default()
        };
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let Ok((Value::Bin(bytes), _)) = msgpack::head(part) else { return Err(no_part()) };
        self.merged.few.extend(numbers_in(bytes));
        self.merged.make_room()
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        match self.merged.quantile(self.q)? {
            Some(number) => msgpack::put_float(out, number),
            None => msgpack::put_nil(out),
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.numbers.bytes()
    }

    fn largest_part(&self) -> usize {
        self.largest as usize * size_of::<u64>()
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.largest = 0;
        self.merged.clear();
    }
}

fn numbers_in(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().map(|bits| u64::from_le_bytes(*bits))
}

impl Merged {
    /// Puts what is too much for memory into the list.
    fn make_room(&mut self) -> Result<(), Failure> {
        let most = if self.listed == 0 { self.most_few } else { ROW_NUMBERS };
        if self.few.len() > most { self.put_away() } else { Ok(()) }
    }

    #[cold]
    fn put_away(&mut self) -> Result<(), Failure> {
        let list = self.list.as_mut().expect("a task that merges has begun");
        for numbers in self.few.chunks(ROW_NUMBERS) {
            let row: Vec<u8> = numbers.iter().flat_map(|bits| bits.to_le_bytes()).collect();
            list.push(&row)?;
        }
        self.listed += self.few.len() as u64;
        self.few.clear();
        self.few.shrink_to(self.most_few);
        Ok(())
    }

    fn quantile(&mut self, q: f64) -> Result<Option<f64>, Failure> {
        if self.listed > 0 {
            self.put_away()?;
        }
        let count = self.listed + self.few.len() as u64;
        if count == 0 {
            return Ok(None);
        }
        let (rank, share) = number::rank(q, count);
        let has_next = share > 0.0;
        let (low, high) = match self.listed {
            0 => of_rank(&mut self.few, rank as usize, has_next),
            _ => {
                let low = self.listed_of_rank(rank)?;
                (low, if has_next { self.listed_of_rank(rank + 1)? } else { low })
            }
        };
        let [low, high] = [low, high].map(number::of_ordered_bits);
        // Infinite numbers are on no line.
        let number = if low == high { low } else { low + (high - low) * share };
        Ok(Some(if has_next { number } else { low }))
    }

    /// The number of a rank, from 0, among those in the list.
    fn listed_of_rank(&mut self, mut rank: u64) -> Result<u64, Failure> {
        let list = self.list.as_mut().expect("numbers have been put there");
        let mut counts = vec![0_u64; 1 << DIGIT_BITS];
        // The highest `known` bits are those of `begin`.
        let (mut known, mut begin) = (0, 0_u64);
        let is_alike = |number: u64, known: u32, begin: u64| {
            known == 0 || (number ^ begin) >> (u64::BITS - known) == 0
        };
        loop {
            let shift = u64::BITS - known - DIGIT_BITS;
            counts.fill(0);
            list.try_each(&mut |row| {
                for number in numbers_in(row).filter(|number| is_alike(*number, known, begin)) {
                    counts[(number >> shift) as usize & ((1 << DIGIT_BITS) - 1)] += 1;
                }
                Ok(())
            })
            .map_err(|failed| failed.failure)?;
            let mut digit = 0;
            while counts[digit] <= rank {
                rank -= counts[digit];
                digit += 1;
            }
            begin |= (digit as u64) << shift;
            known += DIGIT_BITS;
            if known == u64::BITS {
                return Ok(begin);
            }
            if counts[digit] <= self.most_few as u64 {
                break;
            }
        }
        let few = &mut self.few;
        list.try_each(&mut |row| {
            few.extend(numbers_in(row).filter(|number| is_alike(*number, known, begin)));
            Ok(())
        })
        .map_err(|failed| failed.failure)?;
        let (number, _) = of_rank(few, rank as usize, false);
        few.clear();
        Ok(number)
    }

    fn clear(&mut self) {
        self.few.clear();
        if self.listed > 0
            && let Some(list) = &mut self.list
        {
            list.clear();
        }
        self.listed = 0;
    }
}

/// The number of a rank, and, if it is asked for, of the next.
fn of_rank(numbers: &mut [u64], rank: usize, next: bool) -> (u64, u64) {
    let (_, number, above) = numbers.select_nth_unstable(rank);
    let number = *number;
    let above = if next { above.iter().min().copied() } else { None };
    (number, above.unwrap_or(number))
}
