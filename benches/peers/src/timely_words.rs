//! timely: each worker reads its part of the file, counts words in an operator of its own, and
//! sends its counts to the worker that a word's hash names.

use std::fs::File;
use std::hash::BuildHasher;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::DefaultHashBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;

use crate::words::{Counts, count, words as words_of, write};

/// The worker's operators run after this many lines.
const BATCH_LINES: usize = 1024;

/// `word,count`.
pub fn words(file: &str, workers: usize) -> io::Result<()> {
    let file = file.to_owned();
    let hasher = DefaultHashBuilder::default();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&answers);
    let threads = timely::execute(timely::Config::process(workers), move |worker| {
        let (hasher, answers) = (hasher.clone(), Arc::clone(&told));
        let mut input = InputHandle::new();
        worker.dataflow::<u64, _, _>(|scope| {
            input
                .to_stream(scope)
                .unary_frontier(Pipeline, "count here", |_, _| {
                    let (mut counts, mut capability) = (Counts::new(), None);
                    move |(input, frontier), output| {
                        input.for_each_time(|time, batches| {
                            capability.get_or_insert_with(|| time.retain(output.output_index()));
                            for lines in batches {
                                let lines: &mut Vec<String> = lines;
                                for line in lines.drain(..) {
                                    words_of(&line).for_each(|word| count(&mut counts, word));
                                }
                            }
                        });
                        if frontier.is_empty()
                            && let Some(capability) = capability.take()
                        {
                            output.session(&capability).give_iterator(counts.drain());
                        }
                    }
                })
                .container::<Vec<(String, u64)>>()
                .sink(
                    Exchange::new(move |(word, _): &(String, u64)| hasher.hash_one(word)),
                    "count all",
                    {
                        let mut counts = Counts::new();
                        move |(input, frontier)| {
                            input.for_each(|_, batch| {
                                for (word, count) in batch.drain(..) {
                                    *counts.entry(word).or_default() += count;
                                }
                            });
                            if frontier.is_empty() && !counts.is_empty() {
                                let counts = std::mem::take(&mut counts);
                                answers.lock().unwrap_or_else(PoisonError::into_inner).push(counts);
                            }
                        }
                    },
                );
        });
        let lines = part(&file, worker.index() as u64, worker.peers() as u64);
        for (nth, line) in lines.expect("the file can be opened").enumerate() {
            input.send(line.expect("the file can be read and is UTF-8"));
            if nth % BATCH_LINES == 0 {
                worker.step();
            }
        }
    })
    .map_err(io::Error::other)?;
    for worker in threads.join() {
        worker.map_err(io::Error::other)?;
    }
    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    write(answers.iter().flatten().map(|(word, count)| (word.as_bytes(), *count)))
}

/// The lines that begin in the worker's part of the file.
fn part(path: &str, index: u64, of: u64) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let (begin, end) = (length * index / of, length * (index + 1) / of);
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut at = begin;
    if begin > 0 {
        // The byte before may end a line; else this goes past the line of the part before.
        reader.seek(SeekFrom::Start(begin - 1))?;
        at = begin - 1 + reader.skip_until(b'\n')? as u64;
    }
    Ok(std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(read) => {
                at += read as u64;
                Some(Ok(line))
            }
            Err(error) => Some(Err(error)),
        }
    }))
}
