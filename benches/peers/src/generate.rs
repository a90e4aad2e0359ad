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

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Below a limit, small numbers more often.
    fn skewed(&mut self, limit: u64) -> u64 {
        let most = self.below(limit) + 1;
        self.below(most)
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.skewed(texts.len() as u64) as usize]
    }
}

/// Rows of a random 19-byte key, an integer below ten million and 24 bytes of payload.
pub fn table(rows: u64) -> io::Result<()> {
    let mut random = Random(1);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for _ in 0..rows {
        out.write_all(&random.text::<19>())?;
        write!(out, "\t{}\t", random.below(10_000_000))?;
        out.write_all(&random.text::<24>())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Rows like those of [`table`] with a thousand keys.
pub fn few(rows: u64) -> io::Result<()> {
    let mut random = Random(6);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for _ in 0..rows {
        write!(out, "key{:03}\t{}\t", random.below(1000), random.below(10_000_000))?;
        out.write_all(&random.text::<24>())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// One side of a join: a key, a number, eight letters. Every second row has a key of the other side,
/// which has a fifth of the rows, each key once, in no order.
pub fn left(rows: u64) -> io::Result<()> {
    let mut random = Random(4);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for _ in 0..rows {
        write!(out, "user{}\t{}\t", random.below(2 * rows / 5), random.below(1_000_000))?;
        out.write_all(&random.text::<8>())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// The other side: a key and sixteen letters.
pub fn right(rows: u64) -> io::Result<()> {
    let mut random = Random(5);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for row in 0..rows {
        // A prime that divides no number of rows we use: each key comes once.
        write!(out, "user{}\t", row * 7_368_787 % rows)?;
        out.write_all(&random.text::<16>())?;
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

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/139.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (compatible; ExampleBot/2.1; https://example.org/bot.html)",
    "curl/8.14.1",
    "-",
];

/// A week of a web server's log in the combined format, ASCII and without blanks in a path.
pub fn log(lines: u64) -> io::Result<()> {
    let mut random = Random(2);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for line in 0..lines {
        let visitor = random.skewed(100_000).wrapping_mul(0x9e37_79b1) as u32;
        let [a, b, c, d] = visitor.to_be_bytes();
        let user = random.one_of(&["-", "-", "-", "ada"]);
        let second = line * 7 * 86_400 / lines;
        let (day, hour) = (18 + second / 86_400, second / 3600 % 24);
        let (minute, second) = (second / 60 % 60, second % 60);
        write!(out, "{a}.{b}.{c}.{d} - {user} ")?;
        write!(out, "[{day}/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] ")?;
        let method = random.one_of(&["GET", "GET", "GET", "POST", "HEAD"]);
        let section = random.one_of(&["news", "item", "Images", "search", "API"]);
        write!(out, "\"{method} /{section}/{}", random.skewed(5000))?;
        if random.below(3) == 0 {
            let sort = random.one_of(&["price", "date", "name"]);
            let language = random.one_of(&["en", "de", "fr", "es", "pt", "ja"]);
            write!(out, "?page={}&lang={language}&sort={sort}", random.skewed(50) + 1)?;
        }
        let status = random.one_of(&["200", "200", "200", "304", "404", "301", "500"]);
        write!(out, " HTTP/1.1\" {status} ")?;
        match status {
            "304" => out.write_all(b"-")?,
            _ => write!(out, "{}", random.skewed(60_000))?,
        }
        match random.below(2) {
            0 => out.write_all(b" \"-\"")?,
            _ => write!(out, " \"https://www.example.org/{section}/\"")?,
        }
        writeln!(out, " \"{}\"", random.one_of(AGENTS))?;
    }
    out.flush()
}

/// Orders as CSV without quotes or head: number, date, country, item, quantity, price in dollars.
pub fn orders(rows: u64) -> io::Result<()> {
    const COUNTRIES: &[&str] = &[
        "US", "DE", "FR", "GB", "JP", "IT", "ES", "NL", "SE", "PL", "BR", "CA", "AU", "CH", "AT",
        "DK", "NO", "FI", "PT", "CZ",
    ];
    const ITEMS: &[&str] = &["nut", "bolt", "washer", "hinge", "lamp", "saw", "drill", "rope"];
    let mut random = Random(3);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for row in 0..rows {
        let (month, day) = (random.below(12) + 1, random.below(28) + 1);
        let (country, item) = (random.one_of(COUNTRIES), random.one_of(ITEMS));
        let (quantity, cents) = (random.skewed(40) + 1, random.skewed(500_000) + 1);
        write!(out, "{},2026-{month:02}-{day:02},{country},{item},{quantity},", 1_000_000 + row)?;
        writeln!(out, "${}.{:02}", cents / 100, cents % 100)?;
    }
    out.flush()
}
