//! Texts that are cut from a block. Whether they are valid UTF-8, so that they are encoded as strings,
//! is asked once of the block.
//!
//! A newcomer's trap: a block is not valid where one of its texts is not; the others may be, and are
//! asked on their own.

use super::msgpack;

/// The texts of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    block: &'a [u8],
    /// What ends within so many bytes is valid UTF-8.
    valid: usize,
}

impl<'a> Texts<'a> {
    /// The texts of a block of lines that are cut at a separator.
    ///
    /// A separator that is valid UTF-8 itself begins and ends where characters do, and so do the texts
    /// between. Others, such as one byte of a longer character, cut characters apart.
    pub(crate) fn between(separator: &[u8], block: &'a [u8]) -> Texts<'a> {
        let valid = match (str::from_utf8(separator), block.is_ascii()) {
            (Err(_), _) => 0,
            (Ok(_), true) => block.len(),
            (Ok(_), false) => match str::from_utf8(block) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            },
        };
        Texts { block, valid }
    }

    /// Appends a text, encoded as by [`msgpack::put_text`].
    #[inline]
    pub(crate) fn put(self, (start, stop): (u32, u32), out: &mut Vec<u8>) {
        let text = &self.block[start as usize..stop as usize];
        if stop as usize > self.valid {
            return msgpack::put_text(out, text);
        }
        // To copy a register is faster than to copy a few bytes.
        match self.block[start as usize..].first_chunk::<SHORT>() {
            Some(wide) if text.len() <= SHORT => msgpack::put_short_str(out, wide, text.len()),
            _ => msgpack::put_str(out, text),
        }
    }
}

/// Bytes of a short text: at most 31, so that its head is a byte.
const SHORT: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::msgpack::put_text;

    /// The texts of a block that is cut at a separator, encoded as its texts and each on its own.
    fn both(block: &[u8], separator: &[u8]) -> [Vec<u8>; 2] {
        let texts = Texts::between(separator, block);
        let [mut ours, mut alone] = [Vec::new(), Vec::new()];
        let stops = memchr::memmem::find_iter(block, separator).chain([block.len()]);
        let mut start = 0;
        for stop in stops {
            texts.put((start as u32, stop as u32), &mut ours);
            put_text(&mut alone, &block[start..stop]);
            start = stop + separator.len();
        }
        [ours, alone]
    }

    #[test]
    fn bytes_that_are_no_text_are_so_for_their_column_alone() {
        let [ours, alone] = both(b"a\t\xc3\xa9\tb\xc3\t\xa9\tend of the texts", b"\t");
        assert_eq!(ours, alone);
        assert_eq!(ours, b"\xa1a\xa2\xc3\xa9\xc4\x02b\xc3\xc4\x01\xa9\xb0end of the texts");
    }

    #[test]
    fn a_byte_of_a_character_cuts_it_apart() {
        let [ours, alone] = both("caf\u{e9} b\u{e9}".as_bytes(), b"\xc3");
        assert_eq!(ours, alone);
        assert_eq!(ours, b"\xa3caf\xc4\x03\xa9 b\xc4\x01\xa9");
    }

    const SEPARATORS: &[&[u8]] =
        &[b"\t", b"ab", "\u{e9}".as_bytes(), b"\xc3", b"\xa9", b"\xa9\xe2"];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn texts_are_encoded_as_they_are_alone(
            parts in prop::collection::vec(
                prop_oneof![
                    4 => "[a-e\t]{0,40}".prop_map(String::into_bytes),
                    2 => "[\u{e9}\u{20ac}\u{1f600}\t]{1,3}".prop_map(String::into_bytes),
                    1 => prop::collection::vec(0x80_u8.., 1..3),
                ],
                0..8,
            ),
            separator in prop::sample::select(SEPARATORS),
        ) {
            let [ours, alone] = both(&parts.concat(), separator);
            prop_assert_eq!(ours, alone);
        }
    }
}
