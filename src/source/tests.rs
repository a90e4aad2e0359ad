//! Tests of reading as a whole: patterns, splits, blocks and places together.

use std::fs;
use std::io::Read;

use proptest::prelude::*;

use super::identity::Identity;
use super::lines::LineReader;
use super::open::BlockReader;
use super::paths::{FileKind, InputFile, expand};
use super::split::{Piece, plan_splits};
use super::stream::{SequentialLines, Stream};
use crate::error::{ErrorKind, Failure, InputPlace};
use crate::row::layout::Rows;

const MIB: usize = 1 << 20;
const NO_LIMIT: usize = 64 * MIB;

/// Files by these names and with these contents, in a directory of their own.
fn files(contents: &[(&str, &[u8])]) -> (tempfile::TempDir, Vec<InputFile>) {
    let dir = tempfile::tempdir().unwrap();
    let write = |(name, bytes): &(&str, &[u8])| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let identity = Identity::of(&fs::File::open(&path).unwrap()).unwrap();
        InputFile { path, kind: FileKind::Regular(identity) }
    };
    let files = contents.iter().map(write).collect();
    (dir, files)
}

fn read_split(pieces: Vec<Piece>, block_bytes: usize) -> Vec<Vec<u8>> {
    let mut reader = LineReader::new(pieces, NO_LIMIT);
    let (mut blocks, mut block) = (Vec::new(), Vec::new());
    while reader.next_block(&mut block, block_bytes).unwrap() {
        assert_eq!(block.last(), Some(&b'\n'));
        blocks.push(block.clone());
    }
    assert!(!reader.next_block(&mut block, block_bytes).unwrap() && block.is_empty());
    blocks
}

fn read_all(files: &[InputFile], split_bytes: u64, block_bytes: usize) -> Vec<u8> {
    let splits = plan_splits(files, Some(split_bytes));
    splits.into_iter().flat_map(|split| read_split(split, block_bytes).concat()).collect()
}

/// What a source of these files is: their bytes, each file's last line ended.
fn lines_of(contents: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut lines = Vec::new();
    for content in contents.iter().map(AsRef::as_ref) {
        lines.extend_from_slice(content);
        if content.last().is_some_and(|last| *last != b'\n') {
            lines.push(b'\n');
        }
    }
    lines
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(b'\n'), 1 => Just(b'\r'), 1 => Just(0), 6 => any::<u8>()];
    let long_lines = prop::collection::vec(0_usize..9000, 1..6)
        .prop_map(|lengths| lengths.iter().map(|len| vec![b'x'; *len]).collect::<Vec<_>>())
        .prop_map(|lines| lines.join(&b'\n'));
    prop_oneof![prop::collection::vec(byte, 0..120), long_lines]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_line_is_read_once_and_in_order_whatever_the_splits_and_blocks(
        contents in prop::collection::vec(content(), 1..6),
        splits in 1_u64..60,
        blocks in 1_usize..60,
    ) {
        let total: usize = contents.iter().map(Vec::len).sum();
        let (split_bytes, block_bytes) = (1 + total as u64 / splits, total / blocks);
        let named: Vec<_> = contents.iter().enumerate().map(|(i, c)| (i.to_string(), c)).collect();
        let named: Vec<_> = named.iter().map(|(name, c)| (name.as_str(), c.as_slice())).collect();
        let (_dir, files) = files(&named);
        prop_assert_eq!(read_all(&files, split_bytes, block_bytes), lines_of(&contents));
    }

    #[test]
    fn every_row_knows_its_place(
        contents in prop::collection::vec(content(), 1..4),
        split_bytes in 1_u64..300,
        block_bytes in 1_usize..300,
    ) {
        let names: Vec<_> = (0..contents.len()).map(|i| i.to_string()).collect();
        let named: Vec<_> =
            names.iter().zip(&contents).map(|(n, c)| (n.as_str(), &c[..c.len().min(80)])).collect();
        let (dir, files) = files(&named);
        let mut expected = named.iter().flat_map(|(name, content)| {
            let mut lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
            lines.pop_if(|last| last.is_empty());
            let path = dir.path().join(name).display().to_string();
            lines.into_iter().enumerate().map(move |(i, line)| InputPlace {
                file: Some(path.clone()),
                line: Some(i as u64 + 1),
                row: Some(crate::row::describe::describe_line(line)),
            })
        });
        let mut block = Vec::new();
        for split in plan_splits(&files, Some(split_bytes)) {
            let mut reader = LineReader::new(split, NO_LIMIT);
            while reader.next_block(&mut block, block_bytes).unwrap() {
                for row in 0..Rows::lines(&block).count() {
                    prop_assert_eq!(reader.place(row), expected.next());
                }
            }
        }
        prop_assert_eq!(expected.next(), None);
    }

    #[test]
    fn a_long_row_fails_at_its_turn_whatever_the_splits_and_blocks(
        content in content(),
        max_row in 0_usize..40,
        split_bytes in 1_u64..300,
        block_bytes in 1_usize..300,
    ) {
        let content = &content[..content.len().min(400)];
        let mut start = 0;
        let mut expected = Ok(());
        for line in content.split(|byte| *byte == b'\n') {
            if line.len() > max_row {
                expected = Err(start);
                break;
            }
            start += line.len() + 1;
        }
        let (dir, files) = files(&[("a", content)]);
        let splits = plan_splits(&files, Some(split_bytes));
        let (mut read, mut block, mut found) = (Vec::new(), Vec::new(), Ok(()));
        'splits: for split in splits {
            let mut reader = LineReader::new(split, max_row);
            loop {
                match reader.next_block(&mut block, block_bytes) {
                    Ok(true) => read.extend_from_slice(&block),
                    Ok(false) => break,
                    Err(failure) => {
                        prop_assert!(!reader.next_block(&mut block, block_bytes).unwrap());
                        found = Err(failure);
                        break 'splits;
                    }
                }
            }
        }
        match expected {
            Ok(()) => {
                prop_assert!(found.is_ok());
                prop_assert_eq!(read, lines_of(&[content]));
            }
            Err(start) => {
                let end = format!(" in {} at byte {start}", dir.path().join("a").display());
                let failure = found.unwrap_err();
                prop_assert!(failure.message.ends_with(&end), "{}", failure.message);
                prop_assert_eq!(read, &content[..start]);
            }
        }
    }

    #[test]
    fn streams_give_the_same_lines_however_their_bytes_arrive(
        contents in prop::collection::vec(content(), 1..4),
        most_at_once in 1_usize..50,
        block_bytes in 1_usize..300,
    ) {
        let expected = lines_of(&contents);
        let mut lines = stream_lines(contents, most_at_once, NO_LIMIT);
        let (mut read, mut block) = (Vec::new(), Vec::new());
        while lines.next_block(&mut block, block_bytes).unwrap() {
            prop_assert_eq!(block.last(), Some(&b'\n'));
            read.extend_from_slice(&block);
        }
        prop_assert_eq!(read, expected);
    }
}

/// Gives at most so many bytes at once.
struct Slow(std::io::Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let len = out.len().min(self.1);
        self.0.read(&mut out[..len])
    }
}

fn stream_lines(contents: Vec<Vec<u8>>, at_once: usize, max_row: usize) -> SequentialLines {
    let stream = move |(i, content)| {
        let reader = Box::new(Slow(std::io::Cursor::new(content), at_once));
        Ok(Stream::text(format!("stream {i}"), reader))
    };
    SequentialLines::new(contents.into_iter().enumerate().map(stream), max_row)
}

#[test]
fn many_small_files_are_packed_and_none_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = String::new();
    for i in 0..3000 {
        // Every seventh is empty, and every second lacks its last line feed.
        let text = if i % 7 == 0 { String::new() } else { format!("first {i}\nlast {i}") };
        let text = if i % 2 == 0 && !text.is_empty() { text + "\n" } else { text };
        fs::write(dir.path().join(format!("{i:05}")), &text).unwrap();
        expected += &text;
        if !text.is_empty() && !text.ends_with('\n') {
            expected.push('\n');
        }
    }
    let files = expand(&[dir.path().join("*")]).unwrap().files;
    assert_eq!(files.len(), 3000);
    let splits = plan_splits(&files, None);
    assert_eq!(splits.len(), 3);
    let blocks: Vec<_> = splits.into_iter().flat_map(|split| read_split(split, 4096)).collect();
    assert_eq!(String::from_utf8(blocks.concat()).unwrap(), expected);
    assert!(blocks.len() < 30, "{} blocks", blocks.len());
}

#[test]
fn a_line_over_several_splits_appears_once() {
    let mut content = b"before\n".to_vec();
    content.extend(vec![b'x'; 3 * MIB]);
    content.extend(b"\nafter\n");
    content.extend(b"abcdefg\n".repeat(MIB / 8));
    let (_dir, files) = files(&[("a", &content)]);
    let splits = plan_splits(&files, Some(MIB as u64));
    assert_eq!(splits.len(), 5);
    let read: Vec<_> = splits.into_iter().map(|split| read_split(split, 256 << 10)).collect();
    assert!(read[1].is_empty() && read[2].is_empty());
    assert_eq!(read.concat().concat(), content);
    for block in read.concat() {
        assert!(block.len() <= 256 << 10 || block.len() == 3 * MIB + 1, "{}", block.len());
    }
}

#[test]
fn a_row_that_is_too_long_is_refused_before_much_of_it_is_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long");
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let file = Identity::of(&fs::File::open(&path).unwrap()).unwrap();
    let pieces = vec![Piece { path: path.clone(), start: 0, end: MIB as u64, file }];
    let mut reader = LineReader::new(pieces, 64 * MIB);
    let mut block = Vec::new();
    let failure = reader.next_block(&mut block, 256 << 10).unwrap_err();
    let expected = format!("a line of more than 64 MiB in {} at byte 0", path.display());
    assert_eq!((failure.kind, failure.message), (ErrorKind::Row, expected));
    assert!(failure.hint.unwrap().contains("max_row"));
    assert!(block.capacity() <= 64 * MIB + (256 << 10), "{}", block.capacity());

    let stream = Stream::text("-".into(), Box::new(std::io::repeat(b'x')));
    let mut lines = SequentialLines::new(std::iter::once(Ok(stream)), 64 * MIB);
    let failure = lines.next_block(&mut block, 256 << 10).unwrap_err();
    assert_eq!(failure.message, "a line of more than 64 MiB in - at byte 0");
}

#[test]
fn a_stream_gives_each_line_as_soon_as_it_is_read() {
    let mut lines = stream_lines(vec![b"a\n\nbc\r\nd".to_vec(), b"e".to_vec()], 1, NO_LIMIT);
    let mut block = Vec::new();
    let mut seen = Vec::new();
    while lines.next_block(&mut block, 1000).unwrap() {
        let text = String::from_utf8(block.clone()).unwrap();
        seen.push(text);
    }
    assert_eq!(seen, ["a\n", "\n", "bc\r\n", "d\n", "e\n"]);
}

#[test]
fn a_long_row_of_a_stream_fails_behind_the_rows_before_it() {
    for at_once in [1, 3, 100] {
        let mut lines = stream_lines(vec![b"ab\nabcd\nab\n".to_vec()], at_once, 3);
        let mut block = Vec::new();
        assert!(lines.next_block(&mut block, 100).unwrap());
        assert_eq!(block, b"ab\n");
        let failure = lines.next_block(&mut block, 100).unwrap_err();
        assert_eq!(failure.message, "a line of more than 3 bytes in stream 0 at byte 3");
        assert!(!lines.next_block(&mut block, 100).unwrap());
    }
}

#[test]
fn a_file_that_became_shorter_or_vanished_is_an_error_behind_the_lines_before_it() {
    let (_dir, files) = files(&[("a", b"one\ntwo\n"), ("b", b"three\n")]);
    let pieces = plan_splits(&files, None).remove(0);
    let read = || -> (String, Failure) {
        let mut reader = LineReader::new(pieces.clone(), NO_LIMIT);
        let mut block = Vec::new();
        assert!(reader.next_block(&mut block, 1000).unwrap());
        let lines = String::from_utf8(block.clone()).unwrap();
        (lines, reader.next_block(&mut block, 1000).unwrap_err())
    };
    fs::write(&files[1].path, "thr").unwrap();
    let (lines, failure) = read();
    assert_eq!((lines.as_str(), failure.kind), ("one\ntwo\n", ErrorKind::Input));
    let path = files[1].path.display();
    let expected = format!("cannot read {path}: it has become shorter than the 6 bytes it had");
    assert_eq!(failure.message, expected);

    fs::write(&files[0].path, "one\ntwo\nappended later\n").unwrap();
    fs::remove_file(&files[1].path).unwrap();
    let (lines, failure) = read();
    assert_eq!((lines.as_str(), failure.kind), ("one\ntwo\n", ErrorKind::Input));
    let path = files[1].path.display();
    let expected = format!("cannot open {path}: No such file or directory (os error 2)");
    assert_eq!(failure.message, expected);
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_is_an_error_that_names_it() {
    let (_dir, files) = files(&[("a", &b"some words\n".repeat(100_000))]);
    let pieces = plan_splits(&files, None).remove(0);
    let mut reader = LineReader::new(pieces, NO_LIMIT);
    let mut block = Vec::new();
    assert!(reader.next_block(&mut block, 1000).unwrap());
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    let file = fs::File::options().write(true).open(&files[0].path).unwrap();
    file.set_modified(later).unwrap();
    let failure = loop {
        match reader.next_block(&mut block, 1 << 20) {
            Ok(more) => assert!(more, "the file was read to its end"),
            Err(failure) => break failure,
        }
    };
    let path = files[0].path.display();
    let expected = format!("cannot read {path}: it has been rewritten since the run began");
    assert_eq!(failure.message, expected);
}

#[test]
fn a_compressed_stream_is_refused_however_its_bytes_arrive() {
    let content = b"\x1f\x8b\x08\0\nmore\n".to_vec();
    for at_once in [1, 2, 100] {
        let mut lines = stream_lines(vec![b"text\n".to_vec(), content.clone()], at_once, NO_LIMIT);
        let mut block = Vec::new();
        assert!(lines.next_block(&mut block, 100).unwrap());
        let failure = lines.next_block(&mut block, 100).unwrap_err();
        assert_eq!(failure.message, "cannot read stream 1 as text: it is a gzip file");
        assert!(!lines.next_block(&mut block, 100).unwrap());
    }
}

#[test]
fn a_file_of_proc_is_read_whole() {
    let files = expand(&["/proc/self/status".into()]).unwrap().files;
    let mut lines = SequentialLines::new(files.into_iter().map(|f| Stream::open(&f)), NO_LIMIT);
    let (mut read, mut block) = (Vec::new(), Vec::new());
    while lines.next_block(&mut block, 100).unwrap() {
        read.extend_from_slice(&block);
    }
    assert!(read.starts_with(b"Name:") && Rows::lines(&read).count() > 20);
}
