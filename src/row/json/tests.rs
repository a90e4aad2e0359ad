//! JSON lines against another reader, and what is refused where.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::row::layout::Rows;
use crate::row::model;
use crate::row::written::RowWriter;

/// The rows of a text, or what is wrong behind some of them.
fn read(text: &[u8], names: &[&str], piece: usize) -> Result<Vec<Vec<rmpv::Value>>, String> {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let mut reader = JsonReader::new(&names, 1 << 20);
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for part in text.chunks(piece).chain([&[][..]]) {
        buffer.extend_from_slice(part);
        let taken = reader.read(&buffer, part.is_empty(), &mut frames);
        buffer.drain(..taken.bytes);
        if let Some(failure) = taken.refused {
            return Err(failure.message);
        }
    }
    assert!(buffer.is_empty());
    let row = |payload: &[u8]| {
        msgpack::validate(payload).unwrap();
        let value = |mut column: &[u8]| rmpv::decode::read_value(&mut column).unwrap();
        msgpack::columns(payload).map(|column| value(column.unwrap())).collect()
    };
    Ok(Rows::frames(&frames).each().map(|payload| row(payload.unwrap())).collect())
}

fn written(names: &[&str], values: &[rmpv::Value]) -> Result<String, String> {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let payload: Vec<u8> = values.iter().flat_map(model::encode).collect();
    let mut out = Vec::new();
    JsonWriter::new(&names).append(&mut out, &payload).map_err(|failure| failure.message)?;
    Ok(String::from_utf8(out).unwrap())
}

/// What serde makes of the same text.
fn as_serde(value: &rmpv::Value) -> Json {
    serde_json::to_value(value).unwrap()
}

#[test]
fn values_are_read_with_their_types() {
    let text = concat!(
        "[1, -1, 1.0, 1e2, -0, 9007199254740993, 18446744073709551615, -9223372036854775808]\n",
        "\n  \r\n",
        "[true, false, null, \"\", \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"]\n",
        "{\"b\": [1, {\"c\": []}], \"a\": {}}\n",
        "\"alone\"\r\n",
        "18446744073709551616",
    );
    for piece in [1, 2, 7, 1000] {
        let rows = read(text.as_bytes(), &[], piece).unwrap();
        let shown: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        assert_eq!(shown.len(), 5, "{shown:?}");
        assert_eq!(
            rows[0],
            [
                1.into(),
                (-1).into(),
                1.0.into(),
                100.0.into(),
                (-0.0).into(),
                9_007_199_254_740_993_u64.into(),
                u64::MAX.into(),
                i64::MIN.into(),
            ]
        );
        assert_eq!(rows[1][3..], ["".into(), "a\"\\/\u{8}\u{c}\n\r\té😀".into()]);
        assert_eq!(rows[2][0].as_map().unwrap().len(), 2);
        assert_eq!(rows[3], ["alone".into()]);
        assert_eq!(rows[4], [18_446_744_073_709_551_616.0.into()]);
    }
}

#[test]
fn arrays_and_objects_of_every_length_are_read() {
    for count in [0, 1, 15, 16, 17, 255, 256, 65_535, 65_536, 70_000] {
        let elements: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        let rows = read(format!("[[{}], 7]", elements.join(",")).as_bytes(), &[], 1 << 20).unwrap();
        assert_eq!(rows[0][0].as_array().unwrap().len(), count);
        assert_eq!(rows[0][1], 7.into());
        let pairs: Vec<String> =
            (0..count).map(|number| format!("\"{number}\":{number}")).collect();
        let text = format!("[{{{}}}, 7]", pairs.join(","));
        let rows = read(text.as_bytes(), &[], 1 << 20).unwrap();
        assert_eq!(rows[0][0].as_map().unwrap().len(), count);
        assert_eq!(rows[0][1], 7.into());
    }
}

#[test]
fn columns_with_names_are_members_of_objects() {
    let text = b"{\"b\": 2, \"other\": [1], \"a\": \"x\"}\n{}\n{\"a\": 1, \"a\": 3}\n";
    let rows = read(text, &["a", "b"], 1).unwrap();
    assert_eq!(rows[0], ["x".into(), 2.into()]);
    assert_eq!(rows[1], [rmpv::Value::Nil, rmpv::Value::Nil]);
    assert_eq!(rows[2], [3.into(), rmpv::Value::Nil]);
    let error = read(b"{}\n[1]\n", &["a"], 9).unwrap_err();
    assert_eq!(
        error,
        "broken JSON, line 2, byte 1: its columns have names, so each line is an object"
    );
    let row = ["x\"".into(), rmpv::Value::Nil];
    assert_eq!(written(&["a", "\"b\""], &row).unwrap(), "{\"a\":\"x\\\"\",\"\\\"b\\\"\":null}\n");
    for width in [1, 3] {
        let error = written(&["a", "b"], &vec![1.into(); width]).unwrap_err();
        assert!(error.contains("2 names"), "{error}");
    }
}

#[test]
fn broken_text_is_refused_where_it_breaks() {
    for (text, message) in [
        ("[1,", "byte 4: it ends within a value"),
        ("[1 2]", "byte 4: a comma was expected"),
        ("[]", "byte 2: an empty array is no row"),
        ("{\"a\" 1}", "byte 6: a colon"),
        ("{1: 2}", "byte 2: a quote was expected"),
        ("\"abc", "byte 5: it ends within a value"),
        ("\"a\u{1}b\"", "byte 3: a control character"),
        ("\"\\q\"", "byte 3: no such escape"),
        ("\"\\ud800\"", "byte 8: half of a surrogate pair"),
        ("\"\\ud800\\u0041\"", "byte 14: half of"),
        ("\"\\udc00\"", "byte 8: half of a surrogate pair"),
        ("\"\\u12g4\"", "byte 6: four hexadecimal digits"),
        ("01", "byte 1: a number does not begin"),
        ("1.", "byte 3: it ends within a value"),
        ("1.x", "byte 3: no number"),
        ("-", "byte 2: it ends"),
        ("1e999", "byte 1: a number beyond all doubles"),
        ("NaN", "byte 1: a value was expected"),
        ("nul", "byte 4: it ends within"),
        ("nulL", "byte 4: a value was expected"),
        ("1 2", "byte 3: text follows the value"),
        ("[1]]", "byte 4: text follows"),
    ] {
        let error = read(format!("1\n{text}\n").as_bytes(), &[], 3).unwrap_err();
        let expected = format!("broken JSON, line 2, {message}");
        assert!(error.starts_with(&expected), "{text}: {error}");
        assert!(serde_json::from_str::<Json>(text).is_err() || text == "[]", "{text}");
    }
    let error = read(b"\"\xff\"", &[], 9).unwrap_err();
    assert!(error.contains("no UTF-8"), "{error}");
}

#[test]
fn depth_has_a_limit_and_ends_no_stack() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    // The outermost array is the row.
    assert!(read(nested(100).as_bytes(), &[], 1 << 20).is_ok());
    for depth in [102, 1_000_000] {
        let error = read(nested(depth).as_bytes(), &[], 1 << 22).unwrap_err();
        assert!(error.contains("nested more than 100 deep"), "{error}");
    }
}

#[test]
fn what_json_does_not_have_is_refused() {
    let table = rmpv::Value::Map(vec![(1.into(), 2.into())]);
    for (value, what) in [
        (f64::NAN.into(), "column 2: nan has no JSON form"),
        (f64::INFINITY.into(), "column 2: an infinity has"),
        (rmpv::Value::Binary(vec![255]), "column 2: bytes that are no UTF-8"),
        (table, "column 2: a table with a key that is no text"),
        (rmpv::Value::Ext(1, vec![0]), "column 2: an extension value"),
    ] {
        let error = written(&[], &[1.into(), value]).unwrap_err();
        assert!(error.starts_with(what), "{error}");
    }
}

/// Any value that JSON has, with a taste for the borders.
fn any_json() -> impl Strategy<Value = rmpv::Value> {
    let scalar = model::any_scalar().prop_filter("JSON has it", |value| match value {
        rmpv::Value::F64(number) => number.is_finite(),
        rmpv::Value::Binary(_) | rmpv::Value::Ext(..) => false,
        _ => true,
    });
    scalar.prop_recursive(3, 24, 4, |inner| {
        let pairs = prop::collection::btree_map("[a-c\"\n]{0,3}", inner.clone(), 0..4);
        let map = |pairs: std::collections::BTreeMap<String, rmpv::Value>| {
            let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value));
            rmpv::Value::Map(pairs.collect())
        };
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(rmpv::Value::Array),
            pairs.prop_map(map),
        ]
    })
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were_and_are_what_serde_reads(
        row in prop::collection::vec(any_json(), 1..5),
        piece in 1..50_usize,
    ) {
        let text = written(&[], &row).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        let rows = read(text.as_bytes(), &[], piece).unwrap();
        prop_assert_eq!(as_serde(&rmpv::Value::Array(rows[0].clone())), json);
        prop_assert_eq!(&rows[0], &row);
    }

    #[test]
    fn any_text_is_read_as_serde_reads_it(text in "[\\[\\]{}\",:0-9eE+.\\\\u da-f-]{0,12}") {
        let ours = read(format!("[{text}]").as_bytes(), &[], 1000);
        let theirs = serde_json::from_str::<Json>(&format!("[{text}]"));
        match (ours, theirs) {
            (Ok(rows), Ok(json)) => {
                prop_assert_eq!(as_serde(&rmpv::Value::Array(rows[0].clone())), json);
            }
            (Err(_), Err(_)) => {}
            (ours, theirs) => {
                let empty = theirs.as_ref().is_ok_and(|json| json.as_array().is_some_and(Vec::is_empty));
                prop_assert!(empty, "{:?} {:?}", ours, theirs);
            }
        }
    }
}
