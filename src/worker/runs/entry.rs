//! An entry: one row in a run, with its key and its place.
//!
//! Layout: key length and payload length (7 bits a byte, low bits first), row (u32), task (u32,
//! only in merged runs), key, payload.
//!
//! A newcomer's trap: the row number stays at `u32::MAX` for all rows behind that many; their
//! order is kept by the order of runs and of entries within a run.

/// Most bytes that an entry has beside key and payload.
pub(super) const MAX_HEAD_BYTES: usize = 5 + 5 + 4 + 4;

/// Where a row was emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub task: u32,
    pub row: u32,
}

/// Where the parts of an entry are, counted from its first byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub key: usize,
    pub payload: usize,
    pub end: usize,
    pub row: u32,
    /// Only in merged runs.
    pub task: Option<u32>,
}

impl Entry {
    /// Reads the head of the entry at the start of `bytes`; nothing if it isn't all there.
    #[inline]
    pub(super) fn parse(bytes: &[u8], merged: bool) -> Option<Entry> {
        let mut at = 0;
        let key_len = length(bytes, &mut at)?;
        let payload_len = length(bytes, &mut at)?;
        let row = word(bytes, &mut at)?;
        let task = if merged { Some(word(bytes, &mut at)?) } else { None };
        let payload = at.checked_add(key_len)?;
        let end = payload.checked_add(payload_len)?;
        (end <= bytes.len()).then_some(Entry { key: at, payload, end, row, task })
    }
}

/// Appends what stands before the key.
pub(super) fn append_head(
    out: &mut Vec<u8>,
    key_len: usize,
    payload_len: usize,
    row: u32,
    task: Option<u32>,
) {
    append_length(out, key_len);
    append_length(out, payload_len);
    out.extend_from_slice(&row.to_le_bytes());
    if let Some(task) = task {
        out.extend_from_slice(&task.to_le_bytes());
    }
}

/// Eight bytes of the key from `skip` on, as a number of the same order; short keys are padded
/// with zeros, so that equal prefixes decide nothing.
#[inline]
pub(super) fn prefix(key: &[u8], skip: usize) -> u64 {
    let rest = key.get(skip..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(bytes)
        }
    }
}

/// How many bytes two keys begin with alike.
pub(super) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

#[inline]
fn append_length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[inline]
fn length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[inline]
fn word(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let word = bytes.get(*at..)?.first_chunk::<4>()?;
    *at += 4;
    Some(u32::from_le_bytes(*word))
}
