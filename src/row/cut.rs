//! Where the columns of lines lie: between the places of a byte, or between runs of blanks.
//!
//! A newcomer's trap: places are counted from the beginning of the block, not of the line.

use super::ends::places;

/// Where the columns of one line lie.
pub(crate) trait Spans: Copy {
    fn count(self) -> usize;

    /// Where a column, from 0, begins and ends.
    fn span(self, column: usize) -> Option<(u32, u32)>;
}

impl Spans for &[(u32, u32)] {
    fn count(self) -> usize {
        self.len()
    }

    fn span(self, column: usize) -> Option<(u32, u32)> {
        self.get(column).copied()
    }
}

/// Columns that end at these places, the first of which begins at `from`; the line ends with the
/// last.
#[derive(Clone, Copy)]
pub(crate) struct Between<'a> {
    pub from: u32,
    pub ends: &'a [u32],
}

impl Between<'_> {
    /// Where the line ends.
    #[inline]
    pub(crate) fn stop(self) -> u32 {
        *self.ends.last().expect("a line has an end")
    }

    /// Where its columns begin and end.
    #[inline]
    pub(crate) fn spans(self) -> impl Iterator<Item = (u32, u32)> {
        let mut start = self.from;
        self.ends.iter().map(move |&stop| {
            let span = (start, stop);
            start = stop + 1;
            span
        })
    }
}

impl Spans for Between<'_> {
    #[inline]
    fn count(self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn span(self, column: usize) -> Option<(u32, u32)> {
        let stop = *self.ends.get(column)?;
        let start = column.checked_sub(1).map_or(self.from, |before| self.ends[before] + 1);
        Some((start, stop))
    }
}

/// The lines of a block, by the places where its columns and its lines end.
#[inline]
pub(crate) fn lines<'a>(
    block: &'a [u8],
    ends: &'a [u32],
) -> impl Iterator<Item = Between<'a>> + use<'a> {
    let (mut from, mut first) = (0, 0);
    ends.iter().enumerate().filter(|(_, stop)| block[**stop as usize] == b'\n').map(
        move |(index, stop)| {
            let line = Between { from, ends: &ends[first..=index] };
            (from, first) = (stop + 1, index + 1);
            line
        },
    )
}

/// Appends where the columns of the line from `from` to `stop` lie, between runs of blanks and TABs;
/// those behind the first `most` may be left out. A line of blanks has one, without text.
#[inline]
pub(crate) fn at_blanks(
    block: &[u8],
    from: u32,
    stop: u32,
    most: usize,
    cut: &mut Vec<(u32, u32)>,
) {
    let before = cut.len();
    let mut start = None;
    // What lies around a line counts as blank, so that each column ends at an edge.
    let mut last = 1;
    for at in (from..stop).step_by(64) {
        let mut blanks = blanks(&block[at as usize..]);
        if stop - at < 64 {
            blanks |= u64::MAX << (stop - at);
        }
        let mut edges = blanks ^ (blanks << 1 | last);
        last = blanks >> 63;
        while edges != 0 {
            let edge = at + edges.trailing_zeros();
            edges &= edges - 1;
            match start.take() {
                Some(start) => cut.push((start, edge)),
                None => start = Some(edge),
            }
        }
        if cut.len() - before >= most {
            return;
        }
    }
    if let Some(start) = start {
        cut.push((start, stop));
    }
    if cut.len() == before {
        cut.push((from, from));
    }
}

/// A bit for each of the first 64 bytes that is a blank or a TAB.
#[inline]
fn blanks(bytes: &[u8]) -> u64 {
    const BLANKS: [u8; 2] = [b' ', b'\t'];
    match bytes.first_chunk() {
        Some(chunk) => places(chunk, BLANKS),
        None => {
            let mut chunk = [0; 64];
            chunk[..bytes.len()].copy_from_slice(bytes);
            places(&chunk, BLANKS)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, byte by byte.
    fn at_each_blank(block: &[u8], from: u32, stop: u32) -> Vec<(u32, u32)> {
        let mut cut = Vec::new();
        let mut start = None;
        for at in from..=stop {
            let is_blank = at == stop || matches!(block[at as usize], b' ' | b'\t');
            match (is_blank, start) {
                (true, Some(begin)) => {
                    cut.push((begin, at));
                    start = None;
                }
                (false, None) => start = Some(at),
                _ => {}
            }
        }
        if cut.is_empty() { vec![(from, from)] } else { cut }
    }

    fn agrees(block: &[u8], from: u32, stop: u32) {
        let expected = at_each_blank(block, from, stop);
        for most in [0, 1, 2, 5, usize::MAX] {
            let mut cut = vec![(7, 8)];
            at_blanks(block, from, stop, most, &mut cut);
            let found = &cut[1..];
            let wanted = expected.len().min(most);
            assert!(found.len() >= wanted, "{most}: {found:?} of {expected:?}");
            assert!(expected.starts_with(found), "{most}: {found:?} of {expected:?}");
        }
    }

    #[test]
    fn lines_of_every_length_around_a_register_are_cut_alike() {
        for pattern in [&b" "[..], b"a", b"a ", b" a", b"ab\t", b"  \t\xff\0x"] {
            let block: Vec<u8> = pattern.iter().copied().cycle().take(280).collect();
            for length in 0..=200 {
                for (from, behind) in [(0, 0), (0, 1), (3, 0), (3, 70)] {
                    let stop = from + length;
                    agrees(&block[..(stop + behind) as usize], from, stop);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn columns_lie_where_they_did_byte_by_byte(
            block in prop::collection::vec(prop::sample::select(&b" \t\na\xff"[..]), 0..300),
            from: prop::sample::Index,
            stop: prop::sample::Index,
        ) {
            let [a, b] = [from, stop].map(|place| place.index(block.len() + 1) as u32);
            agrees(&block, a.min(b), a.max(b));
        }
    }
}
