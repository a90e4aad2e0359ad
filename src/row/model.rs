//! Test only: any value as an `rmpv::Value`, written with our writers.
//!
//! A newcomer's trap: these are values as our own writers write them; other writers' forms of the
//! same values come from `rmp`.

use proptest::prelude::*;
use rmpv::Value;

use super::msgpack::*;
pub(crate) use super::order::compare;

/// The bytes of a value, by our own writers.
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, value);
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Nil => put_nil(out),
        Value::Boolean(value) => put_bool(out, *value),
        Value::Integer(number) => match number.as_i64() {
            Some(number) => put_int(out, number),
            None => put_uint(out, number.as_u64().expect("it is one of both")),
        },
        Value::F32(number) => put_float(out, f64::from(*number)),
        Value::F64(number) => put_float(out, *number),
        Value::String(text) => put_text(out, text.as_bytes()),
        Value::Binary(data) => put_bin(out, data),
        Value::Array(items) => {
            put_array_len(out, items.len() as u32);
            items.iter().for_each(|item| put(out, item));
        }
        Value::Map(pairs) => {
            put_map_len(out, pairs.len() as u32);
            for (key, value) in pairs {
                put(out, key);
                put(out, value);
            }
        }
        Value::Ext(kind, data) => {
            rmp::encode::write_ext_meta(out, data.len() as u32, *kind).expect("memory takes all");
            out.extend_from_slice(data);
        }
    }
}

/// Any value, with a taste for the borders.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    any_scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
        ]
    })
}

pub(crate) fn any_scalar() -> impl Strategy<Value = Value> {
    let near = (0u32..65, -3i128..4, any::<bool>()).prop_map(|(shift, offset, negative)| {
        let number = ((1i128 << shift) + offset) * if negative { -1 } else { 1 };
        match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) => Value::from(number),
            _ => Value::F64(number as f64),
        }
    });
    let near_float = (0i32..66, -2i64..3, any::<bool>()).prop_map(|(power, steps, negative)| {
        let mut number = 2f64.powi(power);
        for _ in 0..steps.unsigned_abs() {
            number = if steps > 0 { number.next_up() } else { number.next_down() };
        }
        Value::F64(if negative { -number } else { number })
    });
    prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3i64..4).prop_map(Value::from),
        (-6i64..7).prop_map(|half| Value::F64(half as f64 / 2.0)),
        near,
        near_float,
        any::<f64>().prop_map(Value::F64),
        prop::sample::select(vec![f64::NAN, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324])
            .prop_map(Value::F64),
        "[a-c\0\u{ff}]{0,3}".prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        prop::collection::vec(prop_oneof![Just(0u8), Just(0xffu8), any::<u8>()], 0..4)
            .prop_map(Value::Binary),
        (any::<i8>(), prop::collection::vec(any::<u8>(), 0..5))
            .prop_map(|(kind, data)| Value::Ext(kind, data)),
    ]
}
