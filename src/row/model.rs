//! Test only: any value as an `rmpv::Value`, written with our writers, and a model of the order.
//!
//! A newcomer's trap: [`compare`] is the meaning of the order of values; `key.rs` must agree with
//! it, not the other way round.

use std::cmp::Ordering;

use proptest::prelude::*;
use rmpv::Value;

use super::msgpack::*;

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

/// nil < false < true < numbers < NaN < strings < arrays < maps < extensions.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    let number = |value: &Value| match value {
        Value::Integer(number) if number.is_i64() => number.as_i64().map(i128::from),
        Value::Integer(number) => number.as_u64().map(i128::from),
        _ => None,
    };
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => compare_all(a, b),
        (Value::Map(a), Value::Map(b)) => compare_all(&sorted(a), &sorted(b)),
        (Value::Ext(a, x), Value::Ext(b, y)) => (a, x).cmp(&(b, y)),
        _ if rank(a) != rank(b) => rank(a).cmp(&rank(b)),
        (Value::F64(a), Value::F64(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::F64(a), b) => against(*a, number(b).expect("it ranks as a number")),
        (a, Value::F64(b)) => against(*b, number(a).expect("it ranks as a number")).reverse(),
        (Value::Integer(_), _) => number(a).cmp(&number(b)),
        _ => bytes(a).cmp(bytes(b)),
    }
}

/// A double against an integer of at most 65 bits.
fn against(a: f64, b: i128) -> Ordering {
    if a.abs() > 1e30 {
        return if a > 0.0 { Ordering::Greater } else { Ordering::Less };
    }
    let floor = a.floor();
    (floor as i128).cmp(&b).then(if a > floor { Ordering::Greater } else { Ordering::Equal })
}

fn compare_all(a: &[Value], b: &[Value]) -> Ordering {
    let differing = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne());
    differing.unwrap_or(a.len().cmp(&b.len()))
}

fn sorted(pairs: &[(Value, Value)]) -> Vec<Value> {
    let mut pairs = pairs.to_vec();
    pairs.sort_by(|a, b| compare(&a.0, &b.0).then_with(|| compare(&a.1, &b.1)));
    pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Nil => 0,
        Value::Boolean(false) => 1,
        Value::Boolean(true) => 2,
        Value::F64(number) if number.is_nan() => 4,
        Value::Integer(_) | Value::F32(_) | Value::F64(_) => 3,
        Value::String(_) | Value::Binary(_) => 5,
        Value::Array(_) => 6,
        Value::Map(_) => 7,
        Value::Ext(..) => 8,
    }
}

fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::String(text) => text.as_bytes(),
        Value::Binary(data) => data,
        _ => &[],
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
