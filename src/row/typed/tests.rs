//! Typed rows: what serde writes and reads back, and what is refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use crate::row::model::{self, any_value};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Count {
    word: String,
    count: f64,
    place: Option<Place>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    x: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped<T>(T);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(f64),
    Line(u8, u8),
    Box { width: u8 },
}

fn payload(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, String> {
    let mut out = vec![9];
    let written = to_payload(&mut out, value).map_err(|error| error.to_string());
    assert_eq!(out.remove(0), 9, "what stood before is kept");
    match written {
        Ok(()) => Ok(out),
        Err(error) => {
            assert!(out.is_empty(), "nothing is appended on an error");
            Err(error)
        }
    }
}

/// Goes into `bytes` and comes back from them.
#[track_caller]
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: T, bytes: &[u8]) {
    assert_eq!(payload(&value).as_deref(), Ok(bytes));
    assert_eq!(from_payload::<T>(bytes), Ok(value));
}

fn refused<T: DeserializeOwned + fmt::Debug>(bytes: &[u8]) -> String {
    from_payload::<T>(bytes).expect_err("it does not fit").to_string()
}

#[test]
fn tuples_and_structs_take_a_column_per_element() {
    both_ways(("ab".to_owned(), 7i64), &[0xa2, b'a', b'b', 7]);
    both_ways((1u8,), &[1]);
    both_ways(Pair(1, "x".to_owned()), &[1, 0xa1, b'x']);
    both_ways(vec!["a".to_owned(), "b".to_owned()], &[0xa1, b'a', 0xa1, b'b']);
    both_ways([1u16, 300], &[1, 0xcd, 1, 44]);
    let count = Count { word: "a".to_owned(), count: 0.5, place: None };
    both_ways(count, &[0xa1, b'a', 0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0, 0xc0]);
    let nested = (1u8, Place { x: 2 }, vec![3u8], Pair(4, String::new()));
    both_ways(nested, &[1, 0x81, 0xa1, b'x', 2, 0x91, 3, 0x92, 4, 0xa0]);
}

#[test]
fn anything_else_is_one_column() {
    both_ways("ab".to_owned(), &[0xa2, b'a', b'b']);
    both_ways(-1i64, &[0xff]);
    both_ways(u64::MAX, &[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]);
    both_ways(true, &[0xc3]);
    both_ways('x', &[0xa1, b'x']);
    both_ways((), &[0xc0]);
    both_ways(None::<i64>, &[0xc0]);
    both_ways(Some(5i64), &[5]);
    both_ways(BTreeMap::from([("k".to_owned(), 1u8)]), &[0x81, 0xa1, b'k', 1]);
    both_ways((vec![1u8, 2],), &[0x92, 1, 2]);
}

#[test]
fn newtypes_are_what_they_wrap() {
    both_ways(Wrapped(5i64), &[5]);
    both_ways(Wrapped((5i64, true)), &[5, 0xc3]);
    both_ways((Wrapped(5i64), Wrapped(Some("x".to_owned()))), &[5, 0xa1, b'x']);
}

#[test]
fn enums_are_one_column() {
    let tag = |name: &str, rest: &[u8]| {
        [&[0x81, 0xa0 | name.len() as u8], name.as_bytes(), rest].concat()
    };
    both_ways(Shape::Empty, b"\xa5Empty");
    both_ways(Shape::Circle(0.5), &tag("Circle", &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]));
    both_ways(Shape::Line(1, 2), &tag("Line", &[0x92, 1, 2]));
    both_ways(Shape::Box { width: 3 }, &tag("Box", b"\x81\xa5width\x03"));
    both_ways((1u8, Shape::Line(1, 2)), &[&[1][..], &tag("Line", &[0x92, 1, 2])].concat());
}

#[test]
fn an_int_is_accepted_where_a_float_is_asked_for() {
    assert_eq!(from_payload::<f64>(&[7]), Ok(7.0));
    assert_eq!(from_payload::<(f64, f32)>(&[7, 0xff]), Ok((7.0, -1.0)));
}

#[test]
fn borrowed_text_is_not_copied() {
    assert_eq!(from_payload::<(&str, i8)>(b"\xa2ab\x01"), Ok(("ab", 1)));
}

#[test]
fn another_width_states_both() {
    let message = "the type takes 2 columns, the row has 3";
    assert_eq!(refused::<(i64, i64)>(&[1, 2, 3]), message);
    assert_eq!(refused::<Pair>(&[1, 2, 3]), message);
    assert_eq!(refused::<String>(&[1, 2]), "the type takes 1 column, the row has 2");
    assert_eq!(refused::<Count>(&[1]), "the type takes 3 columns, the row has 1");
}

#[test]
fn text_for_a_number_names_the_remedy() {
    let error = from_payload::<(String, i64)>(b"\xa1a\xa212").expect_err("12 is text");
    assert_eq!(error.to_string(), "column 2 is the text \"12\", where a number is asked for");
    assert!(error.hint().is_some_and(|hint| hint.contains("numbers(cols)")));
    let error = from_payload::<Option<f64>>(b"\xa212").expect_err("12 is text");
    assert!(error.hint().is_some());
}

#[test]
fn latin1_for_a_text_shows_the_bytes_and_names_the_remedy() {
    let error = from_payload::<(i64, String)>(b"\x07\xc4\x04caf\xe9").expect_err("no UTF-8");
    let message = "column 2 is \"caf\\xe9\", bytes that are no UTF-8, where text is asked for";
    assert_eq!(error.to_string(), message);
    assert!(error.hint().is_some_and(|hint| hint.contains("iconv -f latin1")));
    assert_eq!(refused::<Option<String>>(b"\xc4\x01\xe9").split(' ').nth(3), Some("\"\\xe9\","));
    assert_eq!(from_payload::<String>(b"\xc4\x01a").ok().as_deref(), Some("a"));
    assert!(from_payload::<rmpv::Value>(b"\xc4\x01\xe9").is_ok());
}

#[test]
fn other_misfits_name_the_column() {
    assert!(refused::<(i64, String)>(&[1, 2]).starts_with("column 2: "));
    assert!(refused::<(u8, u8)>(&[1, 0xff]).starts_with("column 2: "));
    assert_eq!(refused::<i64>(&[]), "malformed row: it has no columns");
    assert_eq!(refused::<i64>(&[0xc1]), "malformed row: no value begins with the byte 0xc1");
}

#[test]
fn a_row_without_columns_is_refused() {
    for empty in [payload(&[0u8; 0]), payload(&Vec::<u8>::new())] {
        assert_eq!(empty, Err("a row has at least one column".to_owned()));
    }
}

#[test]
fn a_skipped_field_keeps_its_column() {
    #[derive(Serialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        b: u8,
    }
    assert_eq!(payload(&Skipping { a: None, b: 1 }), Ok(vec![0xc0, 1]));
}

#[test]
fn dynamic_rows_work() {
    use rmpv::Value;
    assert_eq!(from_payload::<Value>(&[5]), Ok(Value::from(5)));
    assert_eq!(from_payload::<Value>(&[5, 6]), Ok(Value::Array(vec![5.into(), 6.into()])));
    assert_eq!(from_payload::<Vec<Value>>(&[5]), Ok(vec![5.into()]));
    assert_eq!(from_payload::<(u8, Value)>(&[5, 0xc0]), Ok((5, Value::Nil)));
    assert_eq!(payload(&Value::Nil), Ok(vec![0xc0]));
}

#[test]
fn wide_integers_are_integers_or_refused() {
    both_ways(5i128, &[5]);
    both_ways(i128::from(i64::MIN), &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    both_ways(u128::from(u64::MAX), &[0xcf, 255, 255, 255, 255, 255, 255, 255, 255]);
    both_ways((1u8, Some(5u128)), &[1, 5]);
    both_ways(
        (vec![Wrapped(7i128)], BTreeMap::from([(8u128, Some(9i128))])),
        &[0x91, 7, 0x81, 8, 9],
    );
    let too_wide = Err("an integer has at most 64 bits here".to_owned());
    assert_eq!(payload(&i128::MAX), too_wide);
    assert_eq!(payload(&(i128::from(i64::MIN) - 1)), too_wide);
    assert_eq!(payload(&(u128::from(u64::MAX) + 1)), too_wide);
    assert_eq!(payload(&(1u8, vec![Some(u128::MAX)])), too_wide);
    assert_eq!(payload(&BTreeMap::from([("k", i128::MIN)])), too_wide);
    let error = to_payload(&mut Vec::new(), &u128::MAX).expect_err("it has 128 bits");
    assert!(error.hint().is_some_and(|hint| hint.contains("text")));
}

/// What both readers say of a row.
#[track_caller]
fn alike<T: DeserializeOwned + PartialEq + fmt::Debug>(bytes: &[u8]) {
    let quick = from_payload::<T>(bytes);
    let careful = read::from_payload::<T>(bytes);
    // NaN is no reason to differ.
    assert_eq!(format!("{quick:?}"), format!("{careful:?}"), "{bytes:?}");
}

fn alike_for_all_types(bytes: &[u8]) {
    alike::<(String, i64)>(bytes);
    alike::<(f64, f32, Option<bool>)>(bytes);
    alike::<(u64, i8)>(bytes);
    alike::<Vec<Option<String>>>(bytes);
    alike::<Count>(bytes);
    alike::<Wrapped<(i32, char)>>(bytes);
    alike::<Shape>(bytes);
    alike::<Vec<rmpv::Value>>(bytes);
    alike::<rmpv::Value>(bytes);
    alike::<BTreeMap<String, Vec<u8>>>(bytes);
    alike::<(Place, Vec<i64>, (u8, u8))>(bytes);
    alike::<()>(bytes);
    alike::<((), Shape)>(bytes);
    alike::<(serde::de::IgnoredAny, i64)>(bytes);
}

#[test]
fn a_list_of_unknown_length_has_the_right_head() {
    struct Odd;
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..40u8).filter(|n| n % 2 == 1))
        }
    }
    let odd: Vec<u8> = (0..40).filter(|n| n % 2 == 1).collect();
    let bytes = payload(&(7u8, Odd, true)).unwrap();
    assert_eq!(bytes[..4], [7, 0xdc, 0, 20]);
    assert_eq!(from_payload::<(u8, Vec<u8>, bool)>(&bytes), Ok((7, odd, true)));
}

#[test]
fn types_with_a_form_for_people_are_text_at_any_depth() {
    use std::net::IpAddr;
    let ip: IpAddr = "::1".parse().unwrap();
    both_ways(ip, b"\xa3::1");
    both_ways((1u8, ip), b"\x01\xa3::1");
    both_ways((vec![Some(ip)],), b"\x91\xa3::1");
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    #[derive(Serialize)]
    struct Deep(Option<Vec<Deep>>);
    let deep = |depth: usize| (0..depth).fold(Deep(None), |inside, _| Deep(Some(vec![inside])));
    assert!(payload(&(1u8, deep(100))).is_ok());
    assert_eq!(
        payload(&(1u8, deep(101))),
        Err("malformed row: values are nested more than 100 deep".to_owned())
    );
}

proptest! {
    #[test]
    fn both_readers_take_the_same_rows(row in prop::collection::vec(any_value(), 1..4)) {
        let bytes: Vec<u8> = row.iter().flat_map(model::encode).collect();
        alike_for_all_types(&bytes);
        alike_for_all_types(&bytes[..bytes.len() - 1]);
    }

    #[test]
    fn both_readers_take_the_same_rows_of_small_values(
        row in prop::collection::vec(
            prop_oneof![Just(vec![0xa1, b'x']), Just(vec![5]), Just(vec![0xff]), Just(vec![0xc0]),
                Just(vec![0xc3]), Just(vec![0xca, 0x3f, 0, 0, 0]), Just(vec![0xc4, 1, b'b']),
                Just(vec![0x92, 1, 2]), Just(vec![0x81, 0xa1, b'x', 2]), Just(vec![0x90]),
                Just(b"\xa5Empty".to_vec())],
            1..4,
        ),
    ) {
        alike_for_all_types(&row.concat());
    }

    #[test]
    fn dynamic_rows_come_back(row in prop::collection::vec(any_value(), 1..4)) {
        let bytes: Vec<u8> = row.iter().flat_map(model::encode).collect();
        let values: Vec<rmpv::Value> = from_payload(&bytes).expect("any value is a value");
        prop_assert_eq!(payload(&values), Ok(bytes));
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
        let _ = from_payload::<Vec<rmpv::Value>>(&bytes);
        let _ = from_payload::<(String, i64)>(&bytes);
        let _ = from_payload::<Shape>(&bytes);
    }
}
