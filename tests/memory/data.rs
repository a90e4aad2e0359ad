//! Data made for a test, always the same, and comparisons that hold two blocks at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

const BUFFER: usize = 1 << 20;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// One-to-one, so that different numbers stay different.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn writer(path: &Path) -> BufWriter<File> {
    BufWriter::with_capacity(BUFFER, File::create(path).unwrap())
}

/// Rows of 53 bytes on average: a random key of 19 digits and letters, the row's number, a text.
pub fn random_rows(path: &Path, rows: u64) {
    let mut out = writer(path);
    let mut random = Random(1);
    for row in 0..rows {
        let (high, low) = (random.next(), random.next());
        // Some keys come twice, so that it shows whether a sort is stable.
        let high = if row % 64 == 0 { 7 } else { high };
        let low = if row % 64 == 0 { low % 1000 } else { low };
        writeln!(out, "{high:016x}{:03x}\t{row}\tpayload {:017x}", low & 0xfff, low >> 4).unwrap();
    }
    out.flush().unwrap();
}

/// Rows of so many bytes: a random key, and a text.
pub fn large_rows(path: &Path, rows: u64, bytes: usize) {
    let mut out = writer(path);
    let mut random = Random(3);
    let text = "payload ".repeat(bytes / 8);
    for _ in 0..rows {
        writeln!(out, "{:016x}\t{text}", random.next()).unwrap();
    }
    out.flush().unwrap();
}

/// Words of 12 bytes, no two alike, in no order, a line each.
pub fn distinct_words(path: &Path, words: u64, end: &str) {
    let mut out = writer(path);
    for word in 0..words {
        // One-to-one over 48 bits: an odd factor, and its high bits shifted down into the low ones.
        let mixed = word.wrapping_mul(0x9e37_79b9_7f4b) & 0xffff_ffff_ffff;
        let mixed = mixed ^ (mixed >> 24);
        writeln!(out, "{mixed:012x}{end}").unwrap();
    }
    out.flush().unwrap();
}

/// A short line, one of so many bytes, and another short one.
pub fn long_line(path: &Path, bytes: u64) {
    let mut out = writer(path);
    out.write_all(b"first\n").unwrap();
    let piece: Vec<u8> = (0..BUFFER).map(|at| b'a' + (at % 26) as u8).collect();
    let mut left = bytes as usize;
    while left > 0 {
        let now = left.min(BUFFER);
        out.write_all(&piece[..now]).unwrap();
        left -= now;
    }
    out.write_all(b"\nlast\n").unwrap();
    out.flush().unwrap();
}

/// The sums of a file made by [`hot_key_rows`].
pub struct KeySums(BTreeMap<String, u64>);

impl KeySums {
    pub fn sums(&self) -> String {
        self.0.iter().map(|(key, sum)| format!("{key}\t{sum}\n")).collect()
    }

    pub fn keys(&self) -> String {
        self.0.keys().map(|key| format!("{key}\n")).collect()
    }
}

/// Rows of a key, a number and a text; one row in so many has another key than all others.
pub fn hot_key_rows(path: &Path, rows: u64, one_in: u64) -> KeySums {
    let mut out = writer(path);
    let mut random = Random(2);
    let mut sums = BTreeMap::new();
    for row in 0..rows {
        let key = match row % one_in {
            50 => format!("key_{:04}", random.next() % 10_000),
            _ => "hot".to_owned(),
        };
        writeln!(out, "{key}\t{row}\tpayload {:016x}", random.next()).unwrap();
        *sums.entry(key).or_default() += row;
    }
    out.flush().unwrap();
    KeySums(sums)
}

/// Files of so many lines each, whose names are in the order of the lines.
pub fn cut_into_files(path: &Path, dir: &Path, lines: usize) {
    let all = std::fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = all.split_inclusive('\n').collect();
    for (number, rows) in rows.chunks(lines).enumerate() {
        std::fs::write(dir.join(format!("{number:06}")), rows.concat()).unwrap();
    }
}

fn reader(path: &Path) -> BufReader<File> {
    BufReader::with_capacity(BUFFER, File::open(path).unwrap())
}

pub fn assert_same_bytes(left: &Path, right: &Path) {
    let names = format!("{} and {}", left.display(), right.display());
    let sizes = [left, right].map(|path| std::fs::metadata(path).unwrap().len());
    assert_eq!(sizes[0], sizes[1], "the sizes of {names}");
    let (mut left, mut right) = (reader(left), reader(right));
    let (mut a, mut b) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut left_to_go = sizes[0];
    while left_to_go > 0 {
        let now = left_to_go.min(BUFFER as u64) as usize;
        left.read_exact(&mut a[..now]).unwrap();
        right.read_exact(&mut b[..now]).unwrap();
        assert!(a[..now] == b[..now], "{names} differ in the {now} bytes before {left_to_go}");
        left_to_go -= now as u64;
    }
}

/// The lines of one file are those of the other with an end.
pub fn assert_same_but(longer: &Path, shorter: &Path, end: &str) {
    let (mut longer, mut shorter) = (reader(longer).lines(), reader(shorter).lines());
    loop {
        match (longer.next(), shorter.next()) {
            (None, None) => return,
            (Some(long), Some(short)) => {
                let (long, short) = (long.unwrap(), short.unwrap());
                assert_eq!(long.strip_suffix(end), Some(&*short));
            }
            (long, short) => panic!("{long:?} against {short:?}"),
        }
    }
}

/// The size and a hash of the bytes.
pub fn digest(path: &Path) -> (u64, u64) {
    let mut file = reader(path);
    let (mut size, mut hash) = (0, 0_u64);
    loop {
        let bytes = file.fill_buf().unwrap();
        if bytes.is_empty() {
            return (size, hash);
        }
        for &byte in bytes {
            hash = (hash.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        let len = bytes.len();
        size += len as u64;
        file.consume(len);
    }
}

/// The number of lines and the sum of their hashes: the same in whatever order they stand.
pub fn rows_digest(path: &Path) -> (u64, u64) {
    let (mut rows, mut sum) = (0, 0_u64);
    let mut file = reader(path);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).unwrap() > 0 {
        let hash = line.iter().fold(0, |hash: u64, &byte| mix(hash ^ u64::from(byte)));
        sum = sum.wrapping_add(hash);
        rows += 1;
        line.clear();
    }
    (rows, sum)
}
