//! Each way of going through rows, held against a list of rows.

use proptest::prelude::*;

use super::*;

const LAYOUTS: [Layout; 4] = [Layout::Lines, Layout::Columns, Layout::Frames, Layout::Text];

/// Rows that can lie in any layout.
fn contents() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![Just(b'\t'), Just(0_u8), Just(b'x'), 11..=255_u8];
    let row = prop::collection::vec(byte, 1..9);
    prop::collection::vec(row, 0..12)
}

fn layout() -> impl Strategy<Value = Layout> {
    prop::sample::select(&LAYOUTS[..])
}

/// The bytes of each row in its block.
fn placed(layout: Layout, contents: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let place = |row: &Vec<u8>| match layout {
        Layout::Frames => [&(row.len() as u32).to_le_bytes(), &row[..]].concat(),
        _ => [&row[..], b"\n"].concat(),
    };
    contents.iter().map(place).collect()
}

fn ends(placed: &[Vec<u8>]) -> Vec<usize> {
    let sizes = placed.iter().map(Vec::len);
    sizes
        .scan(0, |end, size| {
            *end += size;
            Some(*end)
        })
        .collect()
}

#[test]
fn damage_is_refused_behind_the_rows_before_it() {
    for (layout, bytes, whole, error) in [
        (Layout::Lines, &b"a\nb"[..], 2, FrameError::Truncated),
        (Layout::Frames, &[1, 0, 0, 0, 7, 2, 0, 0, 0, 7], 5, FrameError::Truncated),
        (Layout::Frames, &[1, 0, 0, 0, 7, 1, 0], 5, FrameError::Truncated),
        (Layout::Frames, &[1, 0, 0, 0, 7, 0, 0, 0, 0], 5, FrameError::Empty),
    ] {
        let rows = Rows::new(layout, bytes);
        let mut seen = 0;
        let ended = rows.try_each(|_| {
            seen += 1;
            Ok(())
        });
        assert_eq!((seen, ended), (1, Err(error)));
        let one_by_one: Vec<_> = rows.each().skip(1).collect();
        assert_eq!(one_by_one, [Err(error)]);
        assert_eq!((rows.whole(), rows.count()), (whole, 1));
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_when_its_turn_comes() {
    let bytes = [1, 0, 0, 0, 7, 9, 0, 0, 0];
    let whole = |bytes: &[u8]| Layout::Frames.whole(bytes, 0, 8);
    assert_eq!(whole(&bytes), Ok(Whole { bytes: 5, rows: 1 }));
    assert_eq!(whole(&bytes[5..]), Err(FrameError::TooLong { length: 9, max_row: 8 }));
}

#[test]
fn a_row_is_its_columns_in_any_layout() {
    let columns = |layout: Layout, row: &[u8]| {
        let mut out = Vec::new();
        layout.put_columns(row, &mut out);
        out
    };
    assert_eq!(columns(Layout::Lines, b"a\tb"), b"\xa3a\tb");
    assert_eq!(columns(Layout::Columns, b"a\tb\t"), b"\xa1a\xa1b\xa0");
    assert_eq!(columns(Layout::Columns, b""), b"\xa0");
    assert_eq!(columns(Layout::Frames, b"\x07\xa1b"), b"\x07\xa1b");
    assert_eq!(Layout::Columns.describe(b"a\tb"), "\"a\\tb\"");
    assert_eq!(Layout::Frames.describe(b"\x07\xa1b"), "7, \"b\"");
}

#[test]
fn a_mark_says_where_a_key_begins_and_ends_and_which_side_it_is_of() {
    for side in [0, 1, 63] {
        for begins in [false, true] {
            let mut mark = Mark::new(begins, side);
            assert_eq!((mark.begins_key(), mark.ends_key(), mark.side()), (begins, false, side));
            mark.end_key();
            assert_eq!((mark.begins_key(), mark.ends_key(), mark.side()), (begins, true, side));
            assert_eq!((mark.is_alone(), mark.0 & 1 == 1), (begins, begins));
        }
    }
}

proptest! {
    #[test]
    fn rows_are_gone_through_as_they_were_put(contents in contents(), layout in layout()) {
        let placed = placed(layout, &contents);
        let block = placed.concat();
        let rows = Rows::new(layout, &block);
        let (mut seen, mut whole) = (Vec::new(), Vec::new());
        let all = rows.try_each_whole(|row, bytes| {
            seen.push(row.to_vec());
            whole.push(bytes.to_vec());
            Ok::<(), FrameError>(())
        });
        prop_assert_eq!(all, Ok(()));
        prop_assert_eq!(&seen, &contents);
        prop_assert_eq!(whole, placed);
        let one_by_one: Result<Vec<&[u8]>, _> = rows.each().collect();
        prop_assert_eq!(one_by_one, Ok(contents.iter().map(Vec::as_slice).collect()));
        prop_assert_eq!(rows.count() as usize, contents.len());
        prop_assert_eq!(rows.whole(), block.len());
    }

    #[test]
    fn rows_are_cut_where_they_end(
        contents in contents(), layout in layout(), at in 0..200_usize, more in any::<bool>(),
    ) {
        let placed = placed(layout, &contents);
        let (block, ends) = (placed.concat(), ends(&placed));
        let marks: Vec<Mark> = (0..contents.len()).map(|row| Mark::new(row % 2 == 0, 3)).collect();
        let rows = Rows { marks: if more { &marks } else { &[] }, ..Rows::new(layout, &block) };
        let before = |count: usize| ends[..count.min(ends.len())].last().copied().unwrap_or(0);
        let count = at % (contents.len() + 2);
        prop_assert_eq!(rows.end_of(count), before(count));
        let (first, rest) = rows.split_at(count);
        prop_assert_eq!(first.bytes, &block[..before(count)]);
        prop_assert_eq!([first.bytes, rest.bytes].concat(), &block[..]);
        prop_assert_eq!([first.marks, rest.marks].concat(), rows.marks);
        prop_assert_eq!(first.marks.len(), if more { count.min(marks.len()) } else { 0 });
        let begun = ends.iter().filter(|end| **end < at).count() + 1;
        prop_assert_eq!(rows.cut_at(at), if at == 0 { 0 } else { before(begun) });
    }

    #[test]
    fn any_pieces_of_a_stream_give_the_same_rows(
        contents in contents(), layout in layout(),
        cuts in prop::collection::vec(0..200_usize, 0..12),
    ) {
        let block = placed(layout, &contents).concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (block.len() + 1)).collect();
        cuts.extend([0, block.len()]);
        cuts.sort_unstable();
        let (mut waiting, mut taken, mut count) = (Vec::new(), Vec::new(), 0);
        for cut in cuts.windows(2) {
            let seen = waiting.len();
            waiting.extend_from_slice(&block[cut[0]..cut[1]]);
            let whole = layout.whole(&waiting, seen, 9).expect("all is well");
            taken.extend(waiting.drain(..whole.bytes));
            count += whole.rows as usize;
        }
        prop_assert!(waiting.is_empty());
        prop_assert_eq!((taken, count), (block, contents.len()));
    }

    #[test]
    fn frames_of_any_rows_have_their_columns(contents in contents(), layout in layout()) {
        let block = placed(layout, &contents).concat();
        let mut made = Vec::new();
        let frames = Rows::new(layout, &block).as_frames(&mut made).expect("they are rows");
        let payloads: Result<Vec<Vec<u8>>, _> =
            Rows::frames(frames).each().map(|row| row.map(<[u8]>::to_vec)).collect();
        let columns = |row: &Vec<u8>| {
            let texts: Vec<&[u8]> = match layout {
                Layout::Frames => return row.clone(),
                Layout::Columns => row.split(|byte| *byte == b'\t').collect(),
                Layout::Lines | Layout::Text => vec![row],
            };
            let mut payload = Vec::new();
            texts.iter().for_each(|text| msgpack::put_text(&mut payload, text));
            payload
        };
        prop_assert_eq!(payloads, Ok(contents.iter().map(columns).collect()));
    }

    #[test]
    fn the_first_longer_row_is_found(
        contents in contents(), layout in layout(), max_row in 0..9_usize,
    ) {
        let placed = placed(layout, &contents);
        let block = placed.concat();
        let first = contents.iter().position(|row| row.len() > max_row);
        let start = first.map(|row| placed[..row].concat().len());
        prop_assert_eq!(Rows::new(layout, &block).first_longer(max_row), start);
    }

    #[test]
    fn a_loop_finds_the_ends_it_asks_for(contents in contents(), layout in layout()) {
        let block = placed(layout, &contents).concat();
        let marks = vec![Mark::new(true, 0); contents.len()];
        let rows = Rows { marks: &marks, ..Rows::new(layout, &block) };
        let mut ends = vec![7];
        prop_assert_eq!(rows.append_ends((layout == Layout::Columns).then_some(b'\t'), &mut ends), Ok(contents.len() as u32));
        let ending = |byte: &u8| match layout {
            Layout::Frames => false,
            Layout::Columns => matches!(byte, b'\t' | b'\n'),
            Layout::Lines | Layout::Text => *byte == b'\n',
        };
        let places = (0..).zip(&block).filter(|(_, byte)| ending(byte)).map(|(at, _)| at);
        prop_assert_eq!(ends, std::iter::once(7).chain(places).collect::<Vec<u32>>());
        if layout == Layout::Frames {
            let one_more = vec![Mark::new(true, 0); contents.len() + 1];
            let rows = Rows { marks: &one_more, ..rows };
            prop_assert!(rows.append_ends(None, &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn any_bytes_are_gone_through_without_panic(
        bytes: Vec<u8>, layout in layout(), at in 0..300_usize,
    ) {
        let rows = Rows::new(layout, &bytes);
        let mut seen = Vec::new();
        let all = rows.try_each(|row| {
            seen.push(row);
            Ok::<(), FrameError>(())
        });
        let one_by_one: Vec<&[u8]> = rows.each().map_while(Result::ok).collect();
        prop_assert_eq!(&seen, &one_by_one);
        prop_assert_eq!(rows.count() as usize, seen.len());
        prop_assert_eq!(all.is_ok(), rows.whole() == bytes.len());
        prop_assert!(rows.cut_at(at) <= bytes.len() && rows.end_of(at) <= bytes.len());
        let _ = (rows.split_at(at), rows.first_longer(at), rows.append_ends(None, &mut Vec::new()));
        let _ = rows.as_frames(&mut Vec::new()).map(<[u8]>::len);
    }
}
