//! Rows as a person would read them in an error message, as Lua literals, cut at 80 bytes.
//!
//! A newcomer's trap: this is never parsed again, and a malformed row is described as far as it
//! can be read; nothing here fails.

use std::fmt::Write;

use super::msgpack::{self, Value};
use super::text;

/// The longest description, its `…` included.
pub(crate) const DESCRIPTION_BYTES: usize = 80;

const CUT: &str = "…";

/// A row: its columns as Lua literals, joined by `, `.
pub(crate) fn describe(payload: &[u8]) -> String {
    let mut out = String::new();
    let mut separator = "";
    for column in msgpack::columns(payload) {
        out.push_str(separator);
        separator = ", ";
        match column {
            Ok(column) => {
                describe_first(&mut out, column);
            }
            Err(error) => {
                let _ = write!(out, "<{error}>");
            }
        }
        if out.len() > DESCRIPTION_BYTES {
            break;
        }
    }
    cut(out)
}

/// A raw line, as a Lua string.
pub(crate) fn describe_line(line: &[u8]) -> String {
    let mut out = String::new();
    quote(&mut out, line);
    cut(out)
}

/// A raw line whose columns are separated by TAB, as the row that it is.
pub(crate) fn describe_columns(line: &[u8]) -> String {
    let mut payload = Vec::new();
    line.split(|&byte| byte == b'\t').for_each(|text| msgpack::put_text(&mut payload, text));
    describe(&payload)
}

/// One value that has been read already; of an array or map only that it is a table.
pub(crate) fn describe_head(value: Value<'_>) -> String {
    let mut out = String::new();
    match value {
        Value::Array(_) | Value::Map(_) => out.push_str("a table"),
        scalar => describe_scalar(&mut out, scalar),
    }
    cut(out)
}

fn cut(mut out: String) -> String {
    if out.len() > DESCRIPTION_BYTES {
        out.truncate(out.floor_char_boundary(DESCRIPTION_BYTES - CUT.len()));
        out.push_str(CUT);
    }
    out
}

/// Describes the first of the values; the bytes it took, or none once the description is full.
fn describe_first(out: &mut String, bytes: &[u8]) -> Option<usize> {
    if out.len() > DESCRIPTION_BYTES {
        return None;
    }
    let (value, mut at) = msgpack::head(bytes).ok()?;
    match value {
        Value::Array(count) => {
            out.push('{');
            for index in 0..count {
                out.push_str(if index > 0 { ", " } else { "" });
                at += describe_first(out, &bytes[at..])?;
            }
            out.push('}');
        }
        Value::Map(count) => {
            out.push('{');
            for index in 0..count {
                out.push_str(if index > 0 { ", [" } else { "[" });
                at += describe_first(out, &bytes[at..])?;
                out.push_str("] = ");
                at += describe_first(out, &bytes[at..])?;
            }
            out.push('}');
        }
        scalar => describe_scalar(out, scalar),
    }
    Some(at)
}

fn describe_scalar(out: &mut String, value: Value<'_>) {
    match value {
        Value::Nil => out.push_str("nil"),
        Value::Str(text) | Value::Bin(text) => quote(out, text),
        Value::Ext(kind, data) => {
            let _ = write!(out, "<extension {kind} of {} bytes>", data.len());
        }
        number => {
            let mut digits = Vec::new();
            text::append_value(&mut digits, number).expect("numbers and booleans have a text form");
            out.push_str(&String::from_utf8_lossy(&digits));
        }
    }
}

/// A Lua string, as far as it can matter.
fn quote(out: &mut String, text: &[u8]) {
    out.push('"');
    // A byte gives at least one, so more of them than this cannot be seen.
    let seen = &text[..text.len().min(DESCRIPTION_BYTES + CUT.len())];
    for chunk in seen.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                control if control.is_control() => {
                    let mut bytes = [0; 4];
                    hex(out, control.encode_utf8(&mut bytes).as_bytes());
                }
                plain => out.push(plain),
            }
        }
        hex(out, chunk.invalid());
    }
    out.push('"');
}

fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row::model;

    fn row(values: &[rmpv::Value]) -> String {
        describe(&values.iter().flat_map(model::encode).collect::<Vec<_>>())
    }

    #[test]
    fn a_row_is_shown_as_lua_literals() {
        let map = rmpv::Value::Map(vec![("k".into(), 1.into()), (2.into(), true.into())]);
        let list = rmpv::Value::Array(vec!["x".into(), rmpv::Value::Nil]);
        assert_eq!(
            row(&["the \"fox\"\n".into(), 1.5.into(), rmpv::Value::Nil, list, map]),
            r#""the \"fox\"\n", 1.5, nil, {"x", nil}, {["k"] = 1, [2] = true}"#
        );
        assert_eq!(row(&[rmpv::Value::Binary(vec![0, 0xff, b'a'])]), r#""\x00\xffa""#);
        assert_eq!(row(&[rmpv::Value::Ext(5, vec![1])]), "<extension 5 of 1 bytes>");
        assert_eq!(row(&["größe".into()]), "\"größe\"");
    }

    #[test]
    fn a_malformed_row_is_shown_as_far_as_it_goes() {
        assert_eq!(describe(&[7, 0xa5]), "7, <malformed row: it ends within a value>");
    }

    #[test]
    fn a_long_line_is_cut() {
        let shown = describe_line("ä".repeat(1000).as_bytes());
        assert_eq!(shown, format!("\"{}…", "ä".repeat(38)));
        assert_eq!(describe_line(&[b'x'; 78]).len(), 80);
        assert!(describe_line(&[b'x'; 78]).ends_with("x\""));
        assert!(describe_line(&[b'x'; 79]).ends_with('…'));
    }

    proptest! {
        #[test]
        fn descriptions_are_short_and_on_one_line(bytes: Vec<u8>) {
            for shown in [describe(&bytes), describe_line(&bytes)] {
                prop_assert!(shown.len() <= DESCRIPTION_BYTES);
                prop_assert!(!shown.contains(char::is_control));
            }
        }
    }
}
