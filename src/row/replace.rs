//! Rows with some of their columns replaced by those of other rows, which are as many.
//!
//! As many columns as are replaced come each in the place of one, in the order in which these are
//! named. Any other number of them comes in the place of the first one that is named, and the other
//! ones go.
//!
//! A newcomer's trap: rows that are lines stay lines, but only where the others are lines too.

use super::cut::{self, Between, Spans};
use super::describe::{describe, describe_columns};
use super::forms::refused;
use super::frame::{put_row, too_large};
use super::layout::{Layout, Rows};
use super::missing::Missing;
use super::msgpack;
use super::texts::Texts;
use crate::error::{Failed, Failure};

/// Replaces columns.
pub(crate) struct Replacer {
    /// How many there are.
    count: usize,
    /// The columns, from 1, in order, each with its place among those that come.
    sorted: Vec<(u32, usize)>,
    max_row: usize,
    /// Where columns end in the rows, and in the others.
    ends: [Vec<u32>; 2],
}

impl Replacer {
    /// Replaces columns, from 1, none of which is named twice.
    pub(crate) fn new(columns: &[u32], max_row: usize) -> Replacer {
        let mut sorted: Vec<(u32, usize)> = columns.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        Replacer { count: columns.len(), sorted, max_row, ends: Default::default() }
    }

    /// How rows lie that are made of rows which lie so.
    pub(crate) fn layout(rows: Layout) -> Layout {
        match rows {
            Layout::Frames => Layout::Frames,
            _ => Layout::Columns,
        }
    }

    /// Appends the rows. Gives how many there are before the first that cannot be made, and why.
    pub(crate) fn replace(
        &mut self,
        rows: Rows<'_>,
        others: Rows<'_>,
        out: &mut Vec<u8>,
    ) -> (u32, Option<Failure>) {
        let mut made = 0;
        let mut ends = std::mem::take(&mut self.ends);
        ends.iter_mut().for_each(Vec::clear);
        let result = match (rows.layout, others.layout) {
            (Layout::Frames, Layout::Frames) => self.in_frames(rows, others, out, &mut made),
            (Layout::Frames, _) => self.texts_in_frames(rows, others, &mut ends[1], out, &mut made),
            _ => match self.sorted[..] {
                [(column, _)] => self.in_lines(column, rows, others, &mut ends, out, &mut made),
                _ => self.several_in_lines(rows, others, &mut ends, out, &mut made),
            },
        };
        self.ends = ends;
        (made, result.err())
    }

    /// One column of lines.
    fn in_lines(
        &self,
        column: u32,
        rows: Rows<'_>,
        others: Rows<'_>,
        [ends, other_ends]: &mut [Vec<u32>; 2],
        out: &mut Vec<u8>,
        made: &mut u32,
    ) -> Result<(), Failure> {
        rows.append_ends(Some(b'\t'), ends).map_err(refused)?;
        others.append_ends(None, other_ends).map_err(refused)?;
        out.reserve(rows.bytes.len() + others.bytes.len());
        let others = cut::lines(others.bytes, other_ends)
            .map(|line| &others.bytes[line.from as usize..line.stop() as usize]);
        // What lies between two replaced columns is copied at once.
        let mut done = 0;
        for (line, other) in cut::lines(rows.bytes, ends).zip(others) {
            let checked = match line.span(column as usize - 1) {
                None => Err(missing_in_line(column, line, rows)),
                Some((from, to))
                    if (line.stop() - line.from - (to - from)) as usize + other.len()
                        > self.max_row =>
                {
                    Err(too_large().failure.row(describe_columns(text(line, rows))))
                }
                Some(span) => Ok(span),
            };
            let (from, to) = checked.inspect_err(|_| {
                out.extend_from_slice(&rows.bytes[done..line.from as usize]);
            })?;
            out.extend_from_slice(&rows.bytes[done..from as usize]);
            out.extend_from_slice(other);
            done = to as usize;
            *made += 1;
        }
        out.extend_from_slice(&rows.bytes[done..]);
        Ok(())
    }

    fn several_in_lines(
        &self,
        rows: Rows<'_>,
        others: Rows<'_>,
        [ends, other_ends]: &mut [Vec<u32>; 2],
        out: &mut Vec<u8>,
        made: &mut u32,
    ) -> Result<(), Failure> {
        rows.append_ends(Some(b'\t'), ends).map_err(refused)?;
        others.append_ends(Some(b'\t'), other_ends).map_err(refused)?;
        out.reserve(rows.bytes.len() + others.bytes.len());
        let all = cut::lines(rows.bytes, ends).zip(cut::lines(others.bytes, other_ends));
        for (line, other) in all {
            let start = out.len();
            let mut replaced = self.sorted.iter().peekable();
            let even = other.count() == self.count;
            for (number, (from, to)) in (1..).zip(line.spans()) {
                let text = match replaced.next_if(|(column, _)| *column == number) {
                    None => &rows.bytes[from as usize..to as usize],
                    Some((_, place)) if even => {
                        let (from, to) = other.span(*place).expect("they were counted");
                        &others.bytes[from as usize..to as usize]
                    }
                    Some((_, 0)) => text(other, others),
                    Some(_) => continue,
                };
                out.extend_from_slice(text);
                out.push(b'\t');
            }
            // The first column that is named leaves something, so there is a last TAB.
            if out.len() > start {
                out.pop();
            }
            out.push(b'\n');
            let failure = match replaced.next() {
                Some((column, _)) => missing_in_line(*column, line, rows),
                None if out.len() - start - 1 > self.max_row => {
                    too_large().failure.row(describe_columns(text(line, rows)))
                }
                None => {
                    *made += 1;
                    continue;
                }
            };
            out.truncate(start);
            return Err(failure);
        }
        Ok(())
    }

    fn texts_in_frames(
        &self,
        rows: Rows<'_>,
        others: Rows<'_>,
        ends: &mut Vec<u32>,
        out: &mut Vec<u8>,
        made: &mut u32,
    ) -> Result<(), Failure> {
        others.append_ends(Some(b'\t'), ends).map_err(refused)?;
        out.reserve(rows.bytes.len() + others.bytes.len());
        let texts = Texts::between(b"\t", others.bytes);
        let mut others = cut::lines(others.bytes, ends);
        rows.try_each(|row| {
            let other = others.next().ok_or_else(uneven)?;
            let start = out.len();
            let put = put_row(self.max_row, out, |out| {
                let even = other.count() == self.count;
                self.columns(row, out, |place, out| {
                    match place {
                        place if even => {
                            texts.put(other.span(place).expect("they were counted"), out);
                        }
                        0 => other.spans().for_each(|span| texts.put(span, out)),
                        _ => {}
                    }
                    Ok(())
                })
            });
            self.finish(put, row, start, out, made)
        })
    }

    fn in_frames(
        &self,
        rows: Rows<'_>,
        others: Rows<'_>,
        out: &mut Vec<u8>,
        made: &mut u32,
    ) -> Result<(), Failure> {
        let mut others = others.each();
        rows.try_each(|row| {
            let other = others.next().ok_or_else(uneven)??;
            let start = out.len();
            let put = put_row(self.max_row, out, |out| {
                let even = msgpack::columns(other).count() == self.count;
                self.columns(row, out, |place, out| {
                    match place {
                        place if even => {
                            let column = msgpack::columns(other).nth(place);
                            out.extend_from_slice(
                                column.expect("they were counted").map_err(malformed)?,
                            );
                        }
                        0 => out.extend_from_slice(other),
                        _ => {}
                    }
                    Ok(())
                })
            });
            self.finish(put, row, start, out, made)
        })
    }

    /// Appends a row's columns, `put` those that come in the place of others.
    #[inline]
    fn columns(
        &self,
        row: &[u8],
        out: &mut Vec<u8>,
        mut put: impl FnMut(usize, &mut Vec<u8>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // What lies before a replaced column is copied at once.
        let (mut at, mut done, mut number) = (0, 0, 1);
        for &(column, place) in &self.sorted {
            while number < column && at < row.len() {
                at += msgpack::skip(&row[at..]).map_err(malformed)?;
                number += 1;
            }
            if at == row.len() {
                let width = number - 1;
                return Err(Missing { column, width }.into());
            }
            out.extend_from_slice(&row[done..at]);
            put(place, out)?;
            at += msgpack::skip(&row[at..]).map_err(malformed)?;
            number += 1;
            done = at;
        }
        out.extend_from_slice(&row[done..]);
        Ok(())
    }

    #[inline]
    fn finish(
        &self,
        put: Result<(), Failed>,
        row: &[u8],
        start: usize,
        out: &mut Vec<u8>,
        made: &mut u32,
    ) -> Result<(), Failure> {
        match put {
            Ok(()) => {
                *made += 1;
                Ok(())
            }
            Err(failed) => {
                out.truncate(start);
                Err(failed.failure.row(describe(row)))
            }
        }
    }
}

fn text<'a>(line: Between<'_>, rows: Rows<'a>) -> &'a [u8] {
    &rows.bytes[line.from as usize..line.stop() as usize]
}

fn missing_in_line(column: u32, line: Between<'_>, rows: Rows<'_>) -> Failure {
    let missing = Missing { column, width: line.count() as u32 };
    Failure::from(missing).row(describe_columns(text(line, rows)))
}

fn malformed(error: msgpack::Malformed) -> Failure {
    refused(error.to_string())
}

fn uneven() -> Failure {
    refused("rows and those that replace them are not as many")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::frame;

    type Texts = Vec<Vec<String>>;

    fn as_lines(rows: &Texts) -> Vec<u8> {
        rows.iter().flat_map(|row| (row.join("\t") + "\n").into_bytes()).collect()
    }

    fn as_frames(rows: &Texts) -> Vec<u8> {
        let mut frames = Vec::new();
        for row in rows {
            let mut payload = Vec::new();
            row.iter().for_each(|text| msgpack::put_text(&mut payload, text.as_bytes()));
            frame::put(&mut frames, &payload).unwrap();
        }
        frames
    }

    /// The same, a row at a time; ends before the first that lacks a column.
    fn model(rows: &Texts, others: &Texts, columns: &[u32]) -> Texts {
        let mut replaced = Vec::new();
        for (row, other) in rows.iter().zip(others) {
            if columns.iter().any(|column| *column as usize > row.len()) {
                break;
            }
            let mut made = Vec::new();
            for (number, text) in (1..).zip(row) {
                match columns.iter().position(|column| *column == number) {
                    None => made.push(text.clone()),
                    Some(place) if other.len() == columns.len() => made.push(other[place].clone()),
                    Some(0) => made.extend(other.iter().cloned()),
                    Some(_) => {}
                }
            }
            replaced.push(made);
        }
        replaced
    }

    fn texts(widths: std::ops::Range<usize>) -> impl Strategy<Value = Texts> {
        prop::collection::vec(prop::collection::vec("[a-cé]{0,3}", widths), 5)
    }

    proptest! {
        #[test]
        fn columns_are_replaced_in_lines_and_frames_alike(
            rows in texts(2..5),
            others in texts(1..4),
            columns in prop::sample::subsequence(vec![3, 1, 2], 1..=3),
        ) {
            let expected = model(&rows, &others, &columns);
            let (lines, frames) = (as_lines(&rows), as_frames(&rows));
            let (other_lines, other_frames) = (as_lines(&others), as_frames(&others));
            let mut replacer = Replacer::new(&columns, 1000);
            for (rows, others, made_of) in [
                (Rows::new(Layout::Columns, &lines), Rows::new(Layout::Columns, &other_lines), as_lines(&expected)),
                (Rows::frames(&frames), Rows::new(Layout::Columns, &other_lines), as_frames(&expected)),
                (Rows::frames(&frames), Rows::frames(&other_frames), as_frames(&expected)),
            ] {
                let mut out = Vec::new();
                let (made, failure) = replacer.replace(rows, others, &mut out);
                prop_assert_eq!(made as usize, expected.len());
                prop_assert_eq!(failure.is_some(), expected.len() < 5);
                prop_assert_eq!(out, made_of);
            }
        }
    }

    #[test]
    fn a_row_that_becomes_too_long_is_refused_behind_those_before_it() {
        for columns in [&[1][..], &[1, 2]] {
            let mut replacer = Replacer::new(columns, 6);
            let [rows, others] = [&b"a\tb\nc\td\n"[..], b"x\nlonger\n"];
            let [rows, others] = [rows, others].map(|bytes| Rows::new(Layout::Columns, bytes));
            let mut out = Vec::new();
            let (made, failure) = replacer.replace(rows, others, &mut out);
            let expected: (u32, &[u8]) = match columns.len() {
                1 => (1, b"x\tb\n"),
                _ => (2, b"x\nlonger\n"),
            };
            assert_eq!((made, &out[..]), expected);
            assert_eq!(failure.is_some(), made == 1);
        }
    }
}
