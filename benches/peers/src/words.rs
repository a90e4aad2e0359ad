//! What the dataflow peers share: words of a line, tables of counts, and how they are written.

use std::io::{self, BufWriter, Write};

use hashbrown::HashMap;

/// Word to count.
pub type Counts = HashMap<String, u64>;

/// Word to count and sum of lengths.
pub type Sums = HashMap<String, (u64, u64)>;

/// The words `[A-Za-z0-9]+` of a line.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// The words `[a-z][a-z0-9_]*` of a lower-cased line.
pub fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map(|text| text.trim_start_matches(|c: char| !c.is_ascii_alphabetic()))
        .filter(|word| !word.is_empty())
}

/// Counts one more of a word; only a new word is copied.
#[inline]
pub fn count(counts: &mut Counts, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.to_owned(), 1);
        }
    }
}

/// Writes `word,count` lines.
pub fn write<'a>(counts: impl IntoIterator<Item = (&'a [u8], u64)>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for (word, count) in counts {
        out.write_all(word)?;
        writeln!(out, ",{count}")?;
    }
    out.flush()
}
