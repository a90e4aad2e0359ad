//! Where the columns of lines lie: between the places of a byte, or between runs of blanks.
//!
//! A newcomer's trap: places are counted from the beginning of the block, not of the line.

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

/// Appends where the columns of the line from `from` to the end of `block` lie, between runs of
/// blanks and TABs. A line of blanks has one, without text.
pub(crate) fn at_blanks(block: &[u8], from: u32, cut: &mut Vec<(u32, u32)>) {
    let before = cut.len();
    let mut start = None;
    for (at, byte) in (from..).zip(&block[from as usize..]) {
        match (matches!(byte, b' ' | b'\t'), start) {
            (true, Some(begin)) => {
                cut.push((begin, at));
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    if let Some(begin) = start {
        cut.push((begin, block.len() as u32));
    }
    if cut.len() == before {
        cut.push((from, from));
    }
}
