//! Files that are no text because they are compressed, known by their first bytes.
//!
//! A newcomer's trap: bytes of such a file pass for lines as any bytes do, so that without this a
//! count of `access.log.gz` would be a number, and a wrong one.

use crate::error::{ErrorKind, Failure};

/// So many bytes of a file's start tell.
pub(crate) const MAGIC_BYTES: usize = 10;

/// Names a format, and says which command unpacks it, where the start of a file is such a one's.
///
/// No format's first bytes have a line feed in them, so that a first line suffices.
fn format_of(start: &[u8]) -> Option<(&'static str, &'static str)> {
    match start {
        [0x1f, 0x8b, 8, ..] => Some(("gzip", "zcat")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(("zstd", "zstdcat")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(("xz", "xzcat")),
        // A text may begin with `BZh9`; behind it stands the digits of pi, or of its root.
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
            Some(("bzip2", "bzcat"))
        }
        _ => None,
    }
}

/// Refuses a file that starts like a compressed one.
pub(crate) fn refuse_compressed(name: &str, start: &[u8]) -> Result<(), Failure> {
    let Some((format, command)) = format_of(start) else { return Ok(()) };
    let message = format!("cannot read {name} as text: it is a {format} file");
    let hint = match name {
        super::stdin::NAME => format!("`{command} |` before the program gives it the text"),
        _ => format!(
            "`{command} {name} |` before the program and `text_file(\"-\")`, or \
             `lines([\"{name}\"]).pipe_as_args(\"{command} \\\"$1\\\"\")`, read its text"
        ),
    };
    Err(Failure::new(ErrorKind::Input, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_begins_like_a_magic_number_is_text() {
        for text in ["", "BZh9", "BZh9 is a word\n", "7zXZ", "\u{1f}\u{8b}", "(µ/ý"] {
            assert!(refuse_compressed("in", text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn each_format_is_known_by_its_first_bytes() {
        let named = |start: &[u8]| refuse_compressed("in", start).unwrap_err().message;
        for (start, format) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"BZh91AY&SY", "bzip2"),
            (b"BZh1\x17rE8P\x90", "bzip2"),
        ] {
            assert_eq!(named(start), format!("cannot read in as text: it is a {format} file"));
        }
    }
}
