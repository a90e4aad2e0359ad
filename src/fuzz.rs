//! What reads bytes, for tests/fuzz, behind the feature `fuzz-internals`; no public API.
//!
//! A newcomer's trap: that nothing panics is the lesser half. Each target also holds what it reads
//! against a second reader, or against itself after another writing.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Failure;
use crate::plan::chain::KeyColumn;
use crate::plan::pipe_line::{Pipes, pipes};
use crate::plan::text_form::TextForm;
use crate::row::block::{Content, HEADER_BYTES, Header};
use crate::row::describe::{describe, describe_columns, describe_line};
use crate::row::format::Format;
use crate::row::frame;
use crate::row::layout::{Layout, Rows};
use crate::row::msgpack::{self, Value};
use crate::row::text::{self, Number};
use crate::row::{key, line_key, order, typed};
use crate::worker::channel::Input;
use crate::worker::task::{Setup, TaskResult, TaskSpec};

/// A target, by its name.
pub type Target = fn(&[u8]);

/// All of them.
pub const TARGETS: &[(&str, Target)] = &[
    ("block", block),
    ("frame", frames),
    ("msgpack", values),
    ("key", keys),
    ("text", texts),
    ("format", formats),
    ("form", forms),
    ("line", lines),
    ("plan", plans),
    ("pattern", crate::lua::check_pattern),
];

/// As the header of a block, as what comes over a worker's link, and as a payload.
fn block(bytes: &[u8]) {
    if let Some(header) = bytes.first_chunk::<HEADER_BYTES>() {
        if let Ok(decoded) = Header::decode(header) {
            assert_eq!(decoded.encode(), *header);
        }
        // What passes the checksums is told from what doesn't by whoever has made it.
        let header = Header::new(Content::Rows(Layout::Frames), 1, 3, &bytes[HEADER_BYTES..]);
        assert_eq!(Header::decode(&header.encode()), Ok(header));
        assert_eq!(header.verify(&bytes[HEADER_BYTES..]), Ok(()));
        assert!(header.verify(bytes).is_err());
    }
    let (mut engine, worker) = UnixStream::pair().expect("two descriptors are left");
    let header = Header::new(Content::Rows(Layout::Lines), 0, 0, bytes).encode();
    // Less than a socket takes while nobody reads.
    for part in [&header[..], bytes, &bytes[..bytes.len() / 2]] {
        engine.write_all(part).expect("the socket takes it");
    }
    drop(engine);
    let mut input = Input::new(OwnedFd::from(worker));
    let first = input.next().expect("it is a whole block").expect("it has been sent");
    assert_eq!(first.payload, bytes);
    while let Ok(Some(received)) = input.next() {
        assert_eq!(received.payload.len(), received.header.len as usize);
    }
}

/// As text in a form, which the first byte chooses: pieces of it give the rows that the whole gives,
/// and those that can be written in it are read again.
fn forms(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else { return };
    let names = ["a", "b"].map(str::to_owned).to_vec();
    let forms = [
        TextForm::Csv,
        TextForm::Json { names: Vec::new() },
        TextForm::Json { names },
        TextForm::Nul,
        TextForm::Raw,
    ];
    let form = &forms[usize::from(*choice) % forms.len()];
    let read = |text: &[u8], piece: usize| {
        let mut reader = form.reader(1 << 10).expect("lines cut at TAB are not among them");
        let (mut left, mut frames) = (Vec::new(), Vec::new());
        for part in text.chunks(piece).chain([&[][..]]) {
            left.extend_from_slice(part);
            let taken = reader.read(&left, part.is_empty(), &mut frames);
            left.drain(..taken.bytes);
            if let Some(refused) = taken.refused {
                return (frames, Some(refused.message));
            }
        }
        assert_eq!(left, b"", "the end takes all");
        (frames, None)
    };
    let whole = read(text, 1 << 20);
    for piece in [1, 3, 64] {
        assert_eq!(read(text, piece), whole, "in pieces of {piece}");
    }
    let (writer, mut again) = (form.writer(), Vec::new());
    for row in Rows::frames(&whole.0).each() {
        let row = row.expect("a reader makes frames");
        msgpack::validate(row).expect("a reader makes values");
        if writer.append(&mut again, row).is_err() || again.len() > 1 << 10 {
            return;
        }
    }
    if !again.is_empty() {
        assert_eq!(read(&again, 5), (whole.0, None), "again from {:?}", describe_line(&again));
    }
}

/// As a command line: what it is cut into is in it, in order.
fn lines(bytes: &[u8]) {
    let Ok(line) = std::str::from_utf8(bytes) else { return };
    let Pipes::Parts(parts) = pipes(line) else { return };
    assert!(parts.len() > 1);
    let mut rest = line;
    for part in parts {
        let at = rest.find(part).expect("a part is a piece of its line");
        assert!(rest[..at].bytes().all(|byte| byte == b'|' || byte.is_ascii_whitespace()));
        rest = &rest[at + part.len()..];
    }
}

/// As frames: those at the front of a buffer are those that the reader finds.
fn frames(bytes: &[u8]) {
    const MAX_ROW: usize = 1 << 10;
    let mut found = Vec::new();
    let mut error = None;
    let mut rest = bytes;
    while !rest.is_empty() && error.is_none() {
        match frame::first(rest, MAX_ROW) {
            Ok(Some(payload)) => {
                rest = &rest[frame::LENGTH_BYTES + payload.len()..];
                found.push(payload);
            }
            Ok(None) => error = Some(frame::FrameError::Truncated),
            Err(damage) => error = Some(damage),
        }
    }
    let mut written = Vec::new();
    for payload in &found {
        assert!((1..=MAX_ROW).contains(&payload.len()));
        let start = frame::begin(&mut written);
        written.extend_from_slice(payload);
        frame::end(&mut written, start).expect("it is a row");
    }
    let sound: Vec<_> = Rows::frames(&written).each().flatten().collect();
    assert_eq!(sound, found);
    assert_eq!(Rows::frames(&written).count() as usize, found.len());
    assert!(bytes.starts_with(&written));
    assert_eq!(error.is_none(), written.len() == bytes.len());
    if let Ok(whole) = Layout::Frames.whole(bytes, 0, MAX_ROW) {
        assert_eq!((whole.bytes, whole.rows as usize), (written.len(), found.len()));
    } else {
        assert!(found.is_empty());
    }
}

/// The value as a model has it, singles widened.
fn modelled(bytes: &[u8]) -> rmpv::Value {
    let mut rest = bytes;
    let value = rmpv::decode::read_value(&mut rest).expect("what we read others can");
    assert!(rest.is_empty(), "a value's length is what others say");
    widened(value)
}

fn widened(value: rmpv::Value) -> rmpv::Value {
    use rmpv::Value::{Array, F32, F64, Map};
    match value {
        F32(number) => F64(f64::from(number)),
        Array(items) => Array(items.into_iter().map(widened).collect()),
        Map(pairs) => {
            let pairs = pairs.into_iter();
            Map(pairs.map(|(key, value)| (widened(key), widened(value))).collect())
        }
        other => other,
    }
}

/// As a row of values.
fn values(bytes: &[u8]) {
    let count = msgpack::validate(bytes);
    let columns: Vec<_> = msgpack::columns(bytes).collect();
    let _ = (describe(bytes), msgpack::column(bytes, 3));
    let Ok(count) = count else {
        assert!(columns.is_empty() || columns.iter().any(Result::is_err));
        return;
    };
    assert_eq!(columns.len(), count as usize);
    let mut row = Vec::new();
    for column in columns {
        let column = column.expect("the row is sound");
        row.push(modelled(column));
    }
    // Another writing of the same row: typed rows are read and written again.
    let typed: Vec<rmpv::Value> = typed::from_payload(bytes).expect("any row is one of values");
    let mut again = Vec::new();
    if typed::to_payload(&mut again, &typed).is_ok() {
        let whole = [KeyColumn { column: key::WHOLE_ROW, descending: false, numeric: false }];
        assert_eq!(row_key(bytes, &whole), row_key(&again, &whole));
    }
}

fn row_key(payload: &[u8], order: &[KeyColumn]) -> Vec<u8> {
    let mut out = Vec::new();
    key::append_row_key(&mut out, payload, order).expect("the row is sound and has the columns");
    out
}

/// As two values, and as two lines, whose keys are ordered as they are.
fn keys(bytes: &[u8]) {
    let mut columns = msgpack::columns(bytes);
    let pair = (columns.next().and_then(Result::ok), columns.next().and_then(Result::ok));
    if let (Some(a), Some(b)) = pair {
        let key = |value: &[u8]| {
            let mut out = Vec::new();
            key::append(&mut out, value).expect("the value is sound");
            out
        };
        let expected = order::compare(&modelled(a), &modelled(b));
        assert_eq!(key(a).cmp(&key(b)), expected, "{} {}", modelled(a), modelled(b));
        let part = |descending| [KeyColumn { column: 1, descending, numeric: false }];
        assert_eq!(row_key(a, &part(false)), key(a));
        assert_eq!(row_key(a, &part(true)).cmp(&row_key(b, &part(true))), expected.reverse());
        let mut numeric = Vec::new();
        key::append_numeric(&mut numeric, a).expect("the value is sound");
    } else {
        let _ = key::append_numeric(&mut Vec::new(), bytes);
        let _ = key::append(&mut Vec::new(), bytes);
    }
    if bytes.is_empty() || bytes.contains(&b'\n') {
        return;
    }
    for numeric in [false, true] {
        for column in [key::WHOLE_ROW, 1] {
            let order = [KeyColumn { column, descending: numeric, numeric }];
            let mut of_line = Vec::new();
            line_key::append_line_key(&mut of_line, bytes, &order).expect("it has a column");
            assert_eq!(of_line, row_key(&row_of([bytes]), &order));
            let mut of_columns = Vec::new();
            line_key::append_columns_key(&mut of_columns, bytes, &order).expect("it has a column");
            assert_eq!(of_columns, row_key(&row_of(bytes.split(|&b| b == b'\t')), &order));
        }
    }
}

/// Text columns as an encoded row.
fn row_of<'a>(columns: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut row = Vec::new();
    columns.into_iter().for_each(|column| msgpack::put_text(&mut row, column));
    row
}

/// As a number in text, and as a row that becomes a line.
fn texts(bytes: &[u8]) {
    if let Some(number) = text::parse_number(bytes) {
        let mut written = Vec::new();
        text::append_value(&mut written, number.value()).expect("numbers are text");
        let again = text::parse_number(&written).expect("what we write we read");
        if let (Number::Int(_) | Number::UInt(_), _) = (number, again) {
            assert_eq!(number, again);
        }
        let (a, b) = (double(number), double(again));
        assert!(a == b || (a.is_nan() && b.is_nan()), "{a} {b}");
    }
    let _ = (describe_line(bytes), describe_columns(bytes));
    let mut line = b"before".to_vec();
    if text::append_line(&mut line, bytes).is_ok() {
        let row = line[6..].strip_suffix(b"\n").expect("a line ends");
        let count = msgpack::validate(bytes).expect("it has been read");
        let tabs = row.iter().filter(|&&byte| byte == b'\t').count();
        assert!(count == 1 || tabs + 1 == count as usize);
        assert!(!row.contains(&b'\n'));
        let mut scalars = b"before".to_vec();
        if let Some(values) = scalars_of(bytes)
            && text::append_line_of(&mut scalars, &values)
        {
            assert_eq!(scalars, line);
        }
    }
}

fn double(number: Number) -> f64 {
    match number {
        Number::Int(number) => number as f64,
        Number::UInt(number) => number as f64,
        Number::Float(number) => number,
    }
}

/// The columns of a row that has no lists and maps.
fn scalars_of(payload: &[u8]) -> Option<Vec<Value<'_>>> {
    let heads = msgpack::columns(payload).map(|column| msgpack::head(column.ok()?).ok());
    let heads: Option<Vec<_>> = heads.map(|head| head.map(|(value, _)| value)).collect();
    heads.filter(|heads| !heads.iter().any(|head| matches!(head, Value::Array(_) | Value::Map(_))))
}

/// As a format, a line feed, and a row or a line.
fn formats(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (Ok(format), rest) = (std::str::from_utf8(&bytes[..end]), &bytes[end..]) else { return };
    let Ok(format) = Format::parse(format) else { return };
    let row = rest.get(1..).unwrap_or_default();
    let appended = |append: &dyn Fn(&mut Vec<u8>) -> bool| {
        let mut out = b"before".to_vec();
        let fits = append(&mut out);
        assert!(out.starts_with(b"before") && (fits || out.len() == 6));
        assert!(!fits || out.ends_with(b"\n"));
        fits.then_some(out)
    };
    let of_row = appended(&|out| format.append(out, row).is_ok());
    if let Some(values) = scalars_of(row) {
        assert_eq!(appended(&|out| format.append_scalars(out, &values).is_ok()), of_row);
    }
    for split in [false, true] {
        let columns: Vec<&[u8]> =
            if split { row.split(|&b| b == b'\t').collect() } else { vec![row] };
        assert_eq!(
            appended(&|out| format.append_line_columns(out, row, split).is_ok()),
            appended(&|out| format.append(out, &row_of(columns.clone())).is_ok()),
        );
    }
}

/// As what engine and worker tell each other.
fn plans(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => again::<Setup>(rest),
        1 => again::<TaskSpec>(rest),
        2 => again::<TaskResult>(rest),
        _ => again::<Failure>(rest),
    }
}

fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok(value) = rmp_serde::from_slice::<T>(bytes) else { return };
    let written = rmp_serde::to_vec(&value).expect("it is plain data");
    let value: T = rmp_serde::from_slice(&written).expect("what we write we read");
    assert!(rmp_serde::to_vec(&value).expect("it is plain data") == written);
}

/// A double under a directive like `%+8.3e`; nothing if it is none.
pub fn format_double(directive: &str, number: f64) -> Option<Vec<u8>> {
    let mut row = Vec::new();
    msgpack::put_float(&mut row, number);
    let mut out = Vec::new();
    Format::parse(directive).ok()?.append(&mut out, &row).ok()?;
    out.pop();
    Some(out)
}
