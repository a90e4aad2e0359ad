//! Inputs from a fixed seed: the same bytes on every machine.

use std::io::{self, BufWriter, Write};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn text<const N: usize>(&mut self) -> [u8; N] {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
        let mut bits = 0;
        std::array::from_fn(|at| {
            if at % 12 == 0 {
                bits = self.next();
            }
            let letter = LETTERS[(bits & 31) as usize];
            bits >>= 5;
            letter
        })
    }
}

/// Rows of a random 19-byte key, an integer below ten million and 24 bytes of payload.
pub fn table(rows: u64) -> io::Result<()> {
    let mut random = Random(1);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for _ in 0..rows {
        out.write_all(&random.text::<19>())?;
        write!(out, "\t{}\t", random.next() % 10_000_000)?;
        out.write_all(&random.text::<24>())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Lines of 12 bytes in no order: each key once, then every second one again.
pub fn keys(distinct: u64) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for (step, rows) in [(1, distinct), (2, distinct / 2)] {
        for row in 0..rows {
            // An odd factor and a xor-shift are one-to-one on 40 bits, so keys don't meet.
            let mut key = (row * step).wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0xff_ffff_ffff;
            key ^= key >> 17;
            writeln!(out, "k-{key:010x}")?;
        }
    }
    out.flush()
}
