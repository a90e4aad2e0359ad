//! How rows lie in a block, what is known of each beside its bytes, and the only loops over them.
//!
//! A newcomer's trap: a block holds whole rows, and each line has its line feed, the last one too.
//! Bytes behind the last row are damage and no row.

use memchr::{memchr, memchr_iter, memrchr};
use serde::{Deserialize, Serialize};

use super::cut;
use super::describe::{describe, describe_line};
use super::ends::append_ends;
use super::frame::{self, FrameError, LENGTH_BYTES, first_len};
use super::msgpack;
use super::texts::Texts;

/// How rows lie in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub(crate) enum Layout {
    /// Lines, each ended by LF: a row of one text column each.
    Lines = 1,
    /// Lines, each ended by LF, whose columns are separated by TAB.
    Columns = 2,
    /// Encoded rows, see [`frame`].
    Frames = 3,
    /// Lines as a sink's format has written them, for a writer. Their columns mean nothing any more,
    /// and a column may have had a line feed in it, so only who wrote them knows how many rows they
    /// are.
    Text = 4,
}

impl Layout {
    pub(crate) fn from_byte(byte: u8) -> Option<Layout> {
        use Layout::*;
        [Lines, Columns, Frames, Text].into_iter().find(|layout| *layout as u8 == byte)
    }

    /// Whether a row is a line.
    #[inline]
    pub(crate) fn is_lines(self) -> bool {
        self != Layout::Frames
    }

    /// Appends the encoded columns of a row: what a frame has as its payload.
    #[inline]
    pub(crate) fn put_columns(self, row: &[u8], out: &mut Vec<u8>) {
        match self {
            Layout::Lines | Layout::Text => msgpack::put_text(out, row),
            Layout::Columns => {
                let mut start = 0;
                for tab in memchr_iter(b'\t', row) {
                    msgpack::put_text(out, &row[start..tab]);
                    start = tab + 1;
                }
                msgpack::put_text(out, &row[start..]);
            }
            Layout::Frames => out.extend_from_slice(row),
        }
    }

    /// A row as a person would read it; a line is shown as it is.
    pub(crate) fn describe(self, row: &[u8]) -> String {
        if self.is_lines() { describe_line(row) } else { describe(row) }
    }

    /// Finds the whole rows at the front of a buffer that grows; the rest waits for more. There is
    /// no end of a line in the first `seen` bytes. A frame of more than `max_row` bytes, or of none,
    /// is an error only once the rows before it have been taken, so that they are not lost.
    pub(crate) fn whole(
        self,
        buffer: &[u8],
        seen: usize,
        max_row: usize,
    ) -> Result<Whole, FrameError> {
        if self.is_lines() {
            let bytes = memrchr(b'\n', &buffer[seen..]).map_or(0, |at| seen + at + 1);
            return Ok(Whole { bytes, rows: count_lines(&buffer[..bytes]) });
        }
        let mut whole = Whole::default();
        loop {
            match first_len(&buffer[whole.bytes..], max_row) {
                Ok(Some(length)) if length <= buffer.len() - whole.bytes => {
                    whole.bytes += length;
                    whole.rows += 1;
                }
                Err(error) if whole.rows == 0 => return Err(error),
                Ok(_) | Err(_) => return Ok(whole),
            }
        }
    }
}

/// Whole rows at the front of some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    pub bytes: usize,
    pub rows: u32,
}

/// What an exchange knows of a row. `lua/heads/reduce.lua` reads the lowest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Mark(u8);

impl Mark {
    const BEGINS_KEY: u8 = 1;
    const ENDS_KEY: u8 = 2;
    const SIDE_SHIFT: u32 = 2;

    /// A row of an input of the exchange, counted from 0, which is not known to be the last of its
    /// key. There are at most 64 inputs.
    #[inline]
    pub(crate) fn new(begins_key: bool, side: u8) -> Mark {
        Mark(side << Mark::SIDE_SHIFT | u8::from(begins_key))
    }

    /// The row is the last of its key.
    #[inline]
    pub(crate) fn end_key(&mut self) {
        self.0 |= Mark::ENDS_KEY;
    }

    #[inline]
    pub(crate) fn begins_key(self) -> bool {
        self.0 & Mark::BEGINS_KEY != 0
    }

    #[inline]
    pub(crate) fn ends_key(self) -> bool {
        self.0 & Mark::ENDS_KEY != 0
    }

    /// Whether the row is the only one of its key.
    #[inline]
    pub(crate) fn is_alone(self) -> bool {
        self.begins_key() && self.ends_key()
    }

    /// Which input of the exchange the row is of.
    #[inline]
    pub(crate) fn side(self) -> u8 {
        self.0 >> Mark::SIDE_SHIFT
    }
}

/// The rows of a block, on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub layout: Layout,
    pub bytes: &'a [u8],
    /// One for each row, if they come out of an exchange for an operator that asks for them.
    pub marks: &'a [Mark],
}

impl<'a> Rows<'a> {
    pub(crate) fn new(layout: Layout, bytes: &'a [u8]) -> Rows<'a> {
        Rows { layout, bytes, marks: &[] }
    }

    pub(crate) fn lines(bytes: &'a [u8]) -> Rows<'a> {
        Rows::new(Layout::Lines, bytes)
    }

    pub(crate) fn frames(bytes: &'a [u8]) -> Rows<'a> {
        Rows::new(Layout::Frames, bytes)
    }

    /// Calls a function with each row: a line without its line feed, or a frame's payload.
    #[inline]
    pub(crate) fn try_each<E: From<FrameError>>(
        self,
        mut each: impl FnMut(&'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.try_each_whole(|row, _| each(row))
    }

    /// The same with what the exchange knows of each row, for who comes behind one.
    #[inline]
    pub(crate) fn try_each_marked<E: From<FrameError>>(
        self,
        mut each: impl FnMut(&'a [u8], Mark) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut marks = self.marks.iter();
        self.try_each(|row| match marks.next() {
            Some(mark) => each(row, *mark),
            None => Err(FrameError::Unmarked.into()),
        })
    }

    /// The same, also with the row as it lies in the block: a line with its line feed, or a frame.
    #[inline]
    pub(crate) fn try_each_whole<E: From<FrameError>>(
        self,
        mut each: impl FnMut(&'a [u8], &'a [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = self.bytes;
        let mut rest = bytes;
        if self.layout.is_lines() {
            let mut start = 0;
            for end in memchr_iter(b'\n', bytes) {
                each(&bytes[start..end], &bytes[start..=end])?;
                start = end + 1;
            }
            rest = &bytes[start..];
        } else {
            while let Some(length) = first_len(rest, usize::MAX)? {
                let Some((frame, behind)) = rest.split_at_checked(length) else { break };
                each(&frame[LENGTH_BYTES..], frame)?;
                rest = behind;
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(FrameError::Truncated.into()) }
    }

    /// The rows one by one, for those who cannot stay inside [`Rows::try_each`]; it is slower. Ends
    /// behind an error.
    pub(crate) fn each(self) -> impl Iterator<Item = Result<&'a [u8], FrameError>> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let rows = Rows::new(self.layout, rest);
            let Some(end) = rows.first_end() else {
                rest = &[];
                return Some(Err(FrameError::Truncated));
            };
            let (row, behind) = rest.split_at(end);
            rest = behind;
            if self.layout.is_lines() {
                return Some(Ok(&row[..end - 1]));
            }
            if end == LENGTH_BYTES {
                rest = &[];
                return Some(Err(FrameError::Empty));
            }
            Some(Ok(&row[LENGTH_BYTES..]))
        })
    }

    /// How many rows there are.
    pub(crate) fn count(self) -> u32 {
        if self.layout.is_lines() {
            return count_lines(self.bytes);
        }
        self.layout.whole(self.bytes, 0, usize::MAX).map_or(0, |whole| whole.rows)
    }

    /// Where the last whole row ends, in bytes that may end within a row or are damaged behind one.
    pub(crate) fn whole(self) -> usize {
        self.layout.whole(self.bytes, 0, usize::MAX).map_or(0, |whole| whole.bytes)
    }

    /// Where the first `rows` rows end; where all do, if there are not as many.
    pub(crate) fn end_of(self, rows: usize) -> usize {
        let Some(before) = rows.checked_sub(1) else { return 0 };
        if self.layout.is_lines() {
            let last = memchr_iter(b'\n', self.bytes).nth(before);
            return last.map_or(self.bytes.len(), |at| at + 1);
        }
        self.frame_ends().nth(before).unwrap_or(self.bytes.len())
    }

    /// Where the rows end that begin before byte `offset`.
    ///
    /// That depends on the rows alone, not on how they were cut into blocks before.
    pub(crate) fn cut_at(self, offset: usize) -> usize {
        let Some(last) = offset.checked_sub(1) else { return 0 };
        let Some(tail) = self.bytes.get(last..) else { return self.bytes.len() };
        if self.layout.is_lines() {
            return memchr(b'\n', tail).map_or(self.bytes.len(), |at| offset + at);
        }
        self.frame_ends().find(|end| *end >= offset).unwrap_or(self.bytes.len())
    }

    /// The first `rows` rows, and the others.
    pub(crate) fn split_at(self, rows: usize) -> (Rows<'a>, Rows<'a>) {
        let (first, rest) = self.bytes.split_at(self.end_of(rows));
        let (its_marks, marks) = self.marks.split_at(rows.min(self.marks.len()));
        let layout = self.layout;
        (Rows { layout, bytes: first, marks: its_marks }, Rows { layout, bytes: rest, marks })
    }

    /// The rows as frames, made in `out` unless they are.
    pub(crate) fn as_frames<'b>(self, out: &'b mut Vec<u8>) -> Result<&'b [u8], FrameError>
    where
        'a: 'b,
    {
        if self.layout == Layout::Frames {
            return Ok(self.bytes);
        }
        if self.bytes.last().is_some_and(|last| *last != b'\n') {
            return Err(FrameError::Truncated);
        }
        let separator = if self.layout == Layout::Columns { b'\t' } else { b'\n' };
        let texts = Texts::between(b"\t", self.bytes);
        let mut ends = Vec::new();
        append_ends(&mut ends, self.bytes, [separator, b'\n']);
        for line in cut::lines(self.bytes, &ends) {
            let start = frame::begin(out);
            line.spans().for_each(|span| texts.put(span, out));
            frame::end(out, start)?;
        }
        Ok(out)
    }

    /// Appends where lines end, and where their columns do. Gives the number of rows, or why that
    /// cannot be read; of frames it is the number of marks.
    pub(crate) fn append_ends(
        self,
        separator: Option<u8>,
        ends: &mut Vec<u32>,
    ) -> Result<u32, &'static str> {
        if self.layout.is_lines() && self.bytes.last().is_some_and(|last| *last != b'\n') {
            return Err("a block of lines must end with a line feed");
        }
        match self.layout {
            Layout::Lines | Layout::Text | Layout::Columns => {
                let before = ends.len();
                append_ends(ends, self.bytes, [separator.unwrap_or(b'\n'), b'\n']);
                Ok(match separator {
                    None => (ends.len() - before) as u32,
                    Some(_) => count_lines(self.bytes),
                })
            }
            Layout::Frames if self.marks.is_empty() => Ok(0),
            Layout::Frames => {
                let whole = self.layout.whole(self.bytes, 0, usize::MAX).unwrap_or_default();
                let fits = whole.bytes == self.bytes.len();
                let fits = fits && whole.rows as usize == self.marks.len();
                if fits { Ok(whole.rows) } else { Err("groups need one byte per row") }
            }
        }
    }

    /// Where the first line of more than `max_row` bytes begins.
    pub(crate) fn first_longer(self, max_row: usize) -> Option<usize> {
        let mut start = 0;
        // What is left can only hold such a row while it is itself longer than that.
        while self.bytes.len() - start > max_row {
            let rest = Rows::new(self.layout, &self.bytes[start..]);
            let end = rest.first_end().map_or(self.bytes.len(), |end| start + end);
            let around = if self.layout.is_lines() { 1 } else { LENGTH_BYTES };
            if end - start > max_row + around {
                return Some(start);
            }
            start = end;
        }
        None
    }

    /// Where the first row ends, if it is whole.
    #[inline]
    pub(crate) fn first_end(self) -> Option<usize> {
        if self.layout.is_lines() {
            return memchr(b'\n', self.bytes).map(|at| at + 1);
        }
        let length = u32::from_le_bytes(*self.bytes.first_chunk()?) as usize;
        Some(LENGTH_BYTES + length).filter(|end| *end <= self.bytes.len())
    }

    /// Where whole frames end.
    fn frame_ends(self) -> impl Iterator<Item = usize> {
        let mut end = 0;
        std::iter::from_fn(move || {
            end += Rows::frames(&self.bytes[end..]).first_end()?;
            Some(end)
        })
    }
}

fn count_lines(lines: &[u8]) -> u32 {
    u32::try_from(memchr_iter(b'\n', lines).count()).expect("blocks are cut far below 4 GiB")
}

#[cfg(test)]
mod tests;
