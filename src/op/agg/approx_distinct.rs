//! `Agg::approx_distinct`: about how many different values a column has, in 4 KiB.
//!
//! A newcomer's trap: a HyperLogLog sketch keeps, for each value of some bits of a hash, the longest
//! run of zeros among the others; a value that is there twice changes nothing, so it does not matter
//! in which pieces values come. (P. Flajolet and others, "HyperLogLog" (2007); the estimate is that
//! of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6.)

use std::fmt;

use serde::{Deserialize, Serialize};

use super::chain::Chains;
use super::{Accumulate, Agg, Unfit, no_part, number};
use crate::error::Failure;
use crate::op::Column;
use crate::plan::named::Arguments;
use crate::row::key;
use crate::row::msgpack::{self, Value};

/// Bits of a hash that choose a register.
const BITS: u32 = 12;
const REGISTERS: usize = 1 << BITS;

/// The highest that a register may be.
const MOST: usize = (u64::BITS - BITS + 1) as usize;

/// Registers that a group has one by one; with more it has all.
const FEW: u32 = 24;

/// Bytes of a register that is sent by itself.
const ONE_BYTES: usize = 3;

impl Agg {
    /// About how many different values a column has; nil is none. The error is 1.6 % as a rule, and
    /// hardly ever more than 5 %; the count of few values is all but exact. Takes 4 KiB of memory for
    /// a key.
    ///
    /// ```
    /// use gleamflow::{Agg, Flow};
    ///
    /// let rows = Flow::new().range(0..10_000);
    /// let about = rows.aggregate([], [Agg::approx_distinct(1)]).collect::<i64>()?;
    /// assert!((about[0] - 10_000).abs() < 500);
    /// # Ok::<(), gleamflow::Error>(())
    /// ```
    pub fn approx_distinct(column: impl Into<Column>) -> Agg {
        Agg::of(column, &ApproxDistinct::default())
    }
}

#[derive(Default, Serialize, Deserialize)]
pub(super) struct ApproxDistinct {
    /// Registers of groups that have few: which, and what is in it.
    #[serde(skip)]
    few: Chains<(u16, u8)>,
    /// Which of `all` a group has, from 1; 0 is none.
    #[serde(skip)]
    numbers: Vec<u32>,
    #[serde(skip)]
    all: Vec<u8>,
    #[serde(skip)]
    key: Vec<u8>,
}

impl ApproxDistinct {
    #[inline]
    fn see(&mut self, group: usize, register: u16, rank: u8) {
        if let Some(registers) = self.all_of(group) {
            let known = &mut registers[usize::from(register)];
            *known = rank.max(*known);
            return;
        }
        match self.few.find(group, |(other, _)| *other == register) {
            Some((_, known)) => *known = rank.max(*known),
            None => {
                if self.few.push(group, (register, rank)) > FEW {
                    self.have_all(group);
                }
            }
        }
    }

    fn all_of(&mut self, group: usize) -> Option<&mut [u8]> {
        let before = self.numbers[group].checked_sub(1)?;
        Some(&mut self.all[before as usize * REGISTERS..][..REGISTERS])
    }

    #[cold]
    fn have_all(&mut self, group: usize) {
        let from = self.all.len();
        self.all.resize(from + REGISTERS, 0);
        for (register, rank) in self.few.of(group) {
            self.all[from + usize::from(register)] = rank;
        }
        self.few.clear_group(group);
        self.numbers[group] = (self.all.len() / REGISTERS) as u32;
    }

    /// How many registers of the only group are how high.
    fn heights(&mut self) -> [u32; MOST + 1] {
        let mut heights = [0; MOST + 1];
        match self.all_of(0) {
            Some(registers) => {
                registers.iter().for_each(|rank| heights[usize::from(*rank).min(MOST)] += 1);
            }
            None => {
                self.few.of(0).for_each(|(_, rank)| heights[usize::from(rank).min(MOST)] += 1);
                heights[0] = REGISTERS as u32 - self.few.count(0);
            }
        }
        heights
    }
}

impl Arguments for ApproxDistinct {
    const NAME: &str = "approx_distinct";
}

impl fmt::Display for ApproxDistinct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("approx_distinct")
    }
}

impl Accumulate for ApproxDistinct {
    fn begin_group(&mut self) {
        self.few.begin_group();
        self.numbers.push(0);
    }

    fn add(&mut self, group: usize, value: &[u8]) -> Result<(), Unfit> {
        if number::is_nil(value) {
            return Ok(());
        }
        self.key.clear();
        key::append(&mut self.key, value)?;
        let hash = key::hash(&self.key);
        let register = (hash >> (u64::BITS - BITS)) as u16;
        // A bit behind the others ends the run.
        let others = hash << BITS | 1 << (BITS - 1);
        self.see(group, register, others.leading_zeros() as u8 + 1);
        Ok(())
    }

    /// A part is all registers as bytes, or those of a few.
    fn put_part(&self, group: usize, out: &mut Vec<u8>) {
        match self.numbers[group].checked_sub(1) {
            Some(before) => {
                msgpack::put_bin(out, &self.all[before as usize * REGISTERS..][..REGISTERS]);
            }
            None => {
                msgpack::put_bin_len(out, self.few.count(group) as usize * ONE_BYTES);
                for (register, rank) in self.few.of(group) {
                    out.extend_from_slice(&register.to_le_bytes());
                    out.push(rank);
                }
            }
        }
    }

    fn merge(&mut self, part: &[u8]) -> Result<(), Failure> {
        let Ok((Value::Bin(bytes), _)) = msgpack::head(part) else { return Err(no_part()) };
        if bytes.len() == REGISTERS {
            if self.numbers[0] == 0 {
                self.have_all(0);
            }
            let known = self.all_of(0).ok_or_else(no_part)?;
            known.iter_mut().zip(bytes).for_each(|(known, rank)| *known = (*known).max(*rank));
            return Ok(());
        }
        for &[low, high, rank] in bytes.as_chunks().0 {
            let register = u16::from_le_bytes([low, high]);
            if usize::from(register) >= REGISTERS {
                return Err(no_part());
            }
            self.see(0, register, rank);
        }
        Ok(())
    }

    fn put_result(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        msgpack::put_uint(out, estimate(&self.heights()));
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.few.bytes() + size_of_val(&self.numbers[..]) + self.all.len()
    }

    fn clear(&mut self) {
        self.few.clear();
        self.numbers.clear();
        self.all.clear();
    }
}

/// About how many values there are, by how many registers are how high.
fn estimate(heights: &[u32; MOST + 1]) -> u64 {
    let registers = REGISTERS as f64;
    let mut sum = registers * tau(1.0 - f64::from(heights[MOST]) / registers);
    for height in heights[1..MOST].iter().rev() {
        sum = 0.5 * (sum + f64::from(*height));
    }
    sum += registers * sigma(f64::from(heights[0]) / registers);
    let values = registers * registers / (2.0 * std::f64::consts::LN_2 * sum);
    values.round() as u64
}

fn sigma(share: f64) -> f64 {
    if share == 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

fn tau(share: f64) -> f64 {
    if share == 0.0 || share == 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
