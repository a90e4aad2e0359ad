//! Texts of where a value lies in memory, which are nobody's data.
//!
//! A newcomer's trap: a text of the input may look the same; `lua/addresses.lua` knows those that
//! user code has made.

/// Whether a text is what `tostring` gives for a table, a function and the like.
pub(super) fn is_address(s: &[u8]) -> bool {
    if !matches!(s.first(), Some(b't' | b'f' | b'u' | b'c')) {
        return false;
    }
    if let Some(file) = s.strip_prefix(b"file (") {
        let hex = file.strip_suffix(b")").and_then(|file| file.strip_prefix(b"0x"));
        return hex.is_some_and(|hex| !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit));
    }
    let number = match s.iter().position(|&b| b == b':') {
        Some(at @ 5..) if s[..at] == *b"table" => &s[at..],
        Some(at) if matches!(&s[..at], b"function" | b"userdata" | b"thread") => &s[at..],
        Some(at) if s.starts_with(b"cdata<") && s[..at].ends_with(b">") => &s[at..],
        _ => return false,
    };
    let Some(number) = number.strip_prefix(b": ") else {
        return false;
    };
    if s.starts_with(b"function") && number.strip_prefix(b"builtin#").is_some_and(digits) {
        return true;
    }
    let hex = number.strip_prefix(b"0x");
    hex.is_some_and(|hex| !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit))
}

fn digits(s: &[u8]) -> bool {
    !s.is_empty() && s.iter().all(u8::is_ascii_digit)
}
