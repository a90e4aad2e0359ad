//! Tests and fuzzing only: the order of values, as a model.
//!
//! A newcomer's trap: [`compare`] is the meaning of the order of values; `key.rs` must agree with
//! it, not the other way round.

use std::cmp::Ordering;

use rmpv::Value;

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
