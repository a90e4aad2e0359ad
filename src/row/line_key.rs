//! Key bytes of rows that are still text: the same bytes as those of the encoded row.
//!
//! A newcomer's trap: a line has at least one column, and an empty line is one empty string.

use memchr::{memchr, memchr_iter};

use super::key::{KeyColumn, WHOLE_ROW, append_numeric_text, append_text, complement, end_row};
use super::missing::Missing;

/// Appends the key bytes of a line of one column.
pub(crate) fn append_line_key(
    out: &mut Vec<u8>,
    line: &[u8],
    order: &[KeyColumn],
) -> Result<(), Missing> {
    order.iter().try_for_each(|part| {
        append_part(out, *part, || std::iter::once(line), |column| (column == 1).then_some(line))
    })
}

/// Appends the key bytes of a line whose columns are separated by TAB.
pub(crate) fn append_columns_key(
    out: &mut Vec<u8>,
    line: &[u8],
    order: &[KeyColumn],
) -> Result<(), Missing> {
    order.iter().try_for_each(|part| {
        append_part(out, *part, || columns(line), |column| find_column(line, column))
    })
}

#[inline]
fn append_part<'a, I: Iterator<Item = &'a [u8]>>(
    out: &mut Vec<u8>,
    part: KeyColumn,
    all: impl Fn() -> I,
    find: impl FnOnce(u32) -> Option<&'a [u8]>,
) -> Result<(), Missing> {
    let append = if part.numeric { append_numeric_text } else { append_text };
    let start = out.len();
    if part.column == WHOLE_ROW {
        all().for_each(|text| append(out, text));
        end_row(out);
    } else {
        match find(part.column) {
            Some(text) => append(out, text),
            None => {
                let width = all().count() as u32;
                return Err(Missing { column: part.column, width });
            }
        }
    }
    if part.descending {
        complement(&mut out[start..]);
    }
    Ok(())
}

fn columns(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\t', line).chain([line.len()]).map(move |end| {
        let text = &line[start..end];
        start = end + 1;
        text
    })
}

#[inline]
fn find_column(line: &[u8], column: u32) -> Option<&[u8]> {
    let mut rest = line;
    for _ in 1..column {
        rest = &rest[memchr(b'\t', rest)? + 1..];
    }
    Some(memchr(b'\t', rest).map_or(rest, |end| &rest[..end]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Failure;
    use crate::row::{key, msgpack};

    fn said(result: Result<(), Failure>) -> Option<String> {
        result.err().map(|failure| failure.message)
    }

    fn any_order() -> impl Strategy<Value = Vec<KeyColumn>> {
        let part = (0..5_u32, any::<bool>(), any::<bool>())
            .prop_map(|(column, descending, numeric)| KeyColumn { column, descending, numeric });
        prop::collection::vec(part, 0..4)
    }

    fn payload<'a>(columns: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        columns.for_each(|text| msgpack::put_text(&mut out, text));
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_line_has_the_key_of_its_row(
            columns in prop::collection::vec(
                prop_oneof!["[a\u{0}é]{0,3}".prop_map(String::into_bytes),
                    " ?-?[0-9]{1,3}(e1)?".prop_map(String::into_bytes),
                    prop::collection::vec(0x80_u8.., 0..3)],
                1..5,
            ),
            order in any_order(),
        ) {
            let line = columns.join(&b'\t');
            let (mut own, mut row) = (Vec::new(), Vec::new());
            let split = payload(columns.iter().map(Vec::as_slice));
            let appended = append_columns_key(&mut own, &line, &order).map_err(Failure::from);
            let expected = key::append_row_key(&mut row, &split, &order);
            prop_assert_eq!(said(appended), said(expected));
            prop_assert_eq!(&own, &row);

            let (mut own, mut row) = (Vec::new(), Vec::new());
            let whole = payload(std::iter::once(&line[..]));
            let appended = append_line_key(&mut own, &line, &order).map_err(Failure::from);
            let expected = key::append_row_key(&mut row, &whole, &order);
            prop_assert_eq!(said(appended), said(expected));
            prop_assert_eq!(own, row);
        }
    }
}
