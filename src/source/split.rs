//! Cutting files into splits: the pieces that tasks read independently of each other.
//!
//! A newcomer's trap: partial results of user code can be told apart by where a split ends, so
//! the cuts depend on the sizes of the files alone, never on workers or on memory.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::paths::{FileKind, InputFile, path_bytes};

/// A split's size grows with the root of the whole: larger ones have more rows to each key that a
/// task passes on, smaller ones keep more workers busy. 10 MB make 5 splits, 1 GB makes 50.
const ROOT_BYTES: u64 = 400_000;
const SMALLEST: u64 = 1 << 20;
const LARGEST: u64 = 32 << 20;

/// Opening a file costs more than reading a short one: with more in one split, very many tiny
/// files would all be opened by one worker.
const MOST_FILES: usize = 1024;

/// A part of a file. A line belongs to the piece in which its first byte lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    #[serde(with = "path_bytes")]
    pub path: PathBuf,
    pub start: u64,
    /// Where the next piece starts. The last line of this one may reach beyond it.
    pub end: u64,
    /// The file as it was when it was found.
    pub file: Identity,
}

/// Whether some file can only be read from start to end, so that the engine must read them all.
pub(crate) fn needs_sequential(files: &[InputFile]) -> bool {
    files.iter().any(|file| !matches!(file.kind, FileKind::Regular(_)))
}

/// The pieces of each split, in the order of the files.
///
/// A file of more than one split is cut at multiples of the split size; what is left of it and
/// smaller files share a split as long as they fit. `split_bytes` is for tests only.
pub(crate) fn plan_splits(files: &[InputFile], split_bytes: Option<u64>) -> Vec<Vec<Piece>> {
    let split_bytes = split_bytes.unwrap_or_else(|| split_size(files)).max(1);
    let mut splits = Vec::new();
    let mut split = Vec::new();
    let mut used = 0;
    for InputFile { path, kind } in files {
        let FileKind::Regular(file) = *kind else { continue };
        let mut start = 0;
        while start < file.len {
            let end = file.len.min(start.saturating_add(split_bytes));
            if used + (end - start) > split_bytes || split.len() == MOST_FILES {
                splits.push(std::mem::take(&mut split));
                used = 0;
            }
            used += end - start;
            split.push(Piece { path: path.clone(), start, end, file });
            start = end;
        }
    }
    if !split.is_empty() {
        splits.push(split);
    }
    splits
}

fn split_size(files: &[InputFile]) -> u64 {
    let len = |file: &InputFile| match file.kind {
        FileKind::Regular(file) => file.len,
        FileKind::Stream | FileKind::Stdin => 0,
    };
    let total: u64 = files.iter().map(len).sum();
    total.saturating_mul(ROOT_BYTES).isqrt().clamp(SMALLEST, LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn file(name: &str, len: u64) -> InputFile {
        InputFile { path: name.into(), kind: FileKind::Regular(Identity::of_len(len)) }
    }

    fn shown(splits: &[Vec<Piece>]) -> Vec<String> {
        let piece = |p: &Piece| format!("{}:{}-{}", p.path.display(), p.start, p.end);
        splits.iter().map(|s| s.iter().map(piece).collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn large_files_are_cut_at_multiples_and_small_ones_packed_in_order() {
        let files = [file("a", 25), file("empty", 0), file("b", 4), file("c", 2), file("d", 9)];
        let splits = plan_splits(&files, Some(10));
        assert_eq!(shown(&splits), ["a:0-10", "a:10-20", "a:20-25 b:0-4", "c:0-2", "d:0-9"]);
    }

    #[test]
    fn the_split_size_grows_with_the_root_within_bounds() {
        assert_eq!(plan_splits(&[file("a", 2 * MIB)], None).len(), 2);
        assert_eq!(plan_splits(&[file("a", 10_000_000)], None).len(), 5);
        assert_eq!(plan_splits(&[file("a", 1_000_000_000)], None).len(), 50);
        assert_eq!(plan_splits(&[file("a", 6400 * MIB)], None).len(), 200);
        assert!(plan_splits(&[file("a", 0)], None).is_empty());
    }

    #[test]
    fn very_many_tiny_files_are_shared_among_splits() {
        let files: Vec<_> = (0..3000).map(|i| file(&i.to_string(), 1)).collect();
        let lengths: Vec<_> = plan_splits(&files, None).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1024, 1024, 952]);
    }

    #[test]
    fn a_piece_of_a_file_without_a_utf8_name_survives_the_way_to_a_worker() {
        use std::os::unix::ffi::OsStringExt;
        let path = std::ffi::OsString::from_vec(b"caf\xe9".to_vec()).into();
        let piece = Piece { path, start: 1, end: 2, file: Identity::of_len(3) };
        let packed = rmp_serde::to_vec(&piece).unwrap();
        assert_eq!(rmp_serde::from_slice::<Piece>(&packed).unwrap(), piece);
        let json = serde_json::to_string(&piece).unwrap();
        assert_eq!(serde_json::from_str::<Piece>(&json).unwrap(), piece);
    }

    #[test]
    fn one_stream_makes_the_whole_source_sequential() {
        let mut files = vec![file("a", 1), file("b", 1)];
        assert!(!needs_sequential(&files));
        files[1].kind = FileKind::Stream;
        assert!(needs_sequential(&files));
    }
}
