//! Renoir: closures over lines, counted where they are read (`fold_assoc`), then put together.

use std::io::{self, BufWriter, Write};

use renoir::prelude::*;

use crate::words::{Counts, Sums, count, identifiers, words as words_of, write};

fn context(workers: usize) -> StreamContext {
    let workers = workers as u64;
    StreamContext::new(RuntimeConfig::local(workers).expect("it is at least one worker"))
}

/// `word,count`.
pub fn words(file: &str, workers: usize) -> io::Result<()> {
    let context = context(workers);
    let counts = context
        .stream_file(file)
        .fold_assoc(
            Counts::new(),
            |counts, line: String| words_of(&line).for_each(|word| count(counts, word)),
            |counts, more: Counts| {
                if counts.is_empty() {
                    *counts = more;
                    return;
                }
                for (word, count) in more {
                    *counts.entry(word).or_default() += count;
                }
            },
        )
        .collect_vec();
    context.execute_blocking();
    let counts = counts.get().expect("it has run on this machine");
    write(counts.iter().flatten().map(|(word, count)| (word.as_bytes(), *count)))
}

/// `word,count,sum of lengths` of identifiers of more than 3 letters outside `#` lines.
pub fn general(file: &str, workers: usize) -> io::Result<()> {
    let context = context(workers);
    let sums = context
        .stream_file(file)
        .filter(|line: &String| !line.starts_with('#'))
        .fold_assoc(
            Sums::new(),
            |sums, mut line: String| {
                line.make_ascii_lowercase();
                for word in identifiers(&line).filter(|word| word.len() > 3) {
                    let more = word.len() as u64;
                    match sums.get_mut(word) {
                        Some((count, length)) => (*count, *length) = (*count + 1, *length + more),
                        None => {
                            sums.insert(word.to_owned(), (1, more));
                        }
                    }
                }
            },
            |sums, more: Sums| {
                if sums.is_empty() {
                    *sums = more;
                    return;
                }
                for (word, (count, length)) in more {
                    let sum = sums.entry(word).or_default();
                    *sum = (sum.0 + count, sum.1 + length);
                }
            },
        )
        .collect_vec();
    context.execute_blocking();
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    for (word, (count, length)) in sums.get().expect("it has run on this machine").iter().flatten()
    {
        writeln!(out, "{word},{count},{length}")?;
    }
    out.flush()
}
