//! gsub with a text as the replacement.
//!
//! A newcomer's trap: what is unusual, or large, is left to LuaJIT's own function, which knows the
//! errors and whose memory counts under the limit.

use super::pattern::{MOST_CAPTURES, POSITION, Pattern, Places};

/// The longest result made here.
const MOST_BYTES: usize = 16 << 20;

/// Replaces at most `most` matches; gives their number. `None`: left to LuaJIT.
pub(super) fn replace(
    pattern: &Pattern,
    s: &[u8],
    with: &[u8],
    most: u32,
    out: &mut Vec<u8>,
) -> Option<u32> {
    check(pattern.captures, with)?;
    let mut places: Places = [0; 2 * MOST_CAPTURES];
    // How far the subject is copied, and where the next match is looked for.
    let (mut copied, mut from, mut count) = (0, 0, 0);
    while count < most && from <= s.len() {
        let Some((start, end)) = pattern.find(s, from, &mut places) else {
            break;
        };
        count += 1;
        if pattern.captures == 0 {
            // `%1` is then the whole match.
            (places[0], places[1]) = (start as u32, end as u32);
        }
        out.extend_from_slice(&s[copied..start]);
        add(with, &s[start..end], s, &places, out);
        if out.len() > MOST_BYTES {
            return None;
        }
        copied = end;
        // An empty match leaves the byte behind it, which the next copy takes along.
        from = end.max(start + 1);
        if pattern.is_anchored() {
            break;
        }
    }
    out.extend_from_slice(&s[copied..]);
    Some(count)
}

/// Replaces the matches of a pattern without captures that begin and end at these places of a block,
/// in which the subject begins at `begin`. False: left to LuaJIT.
pub(super) fn replace_found(
    found: &[[u32; 2]],
    begin: u32,
    s: &[u8],
    with: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    if check(1, with).is_none() {
        return false;
    }
    let is_plain = memchr::memchr(b'%', with).is_none();
    let mut places: Places = [0; 2 * MOST_CAPTURES];
    let mut copied = 0;
    for place in found {
        let [start, end] = place.map(|place| place - begin);
        out.extend_from_slice(&s[copied..start as usize]);
        if is_plain {
            out.extend_from_slice(with);
        } else {
            (places[0], places[1]) = (start, end);
            add(with, &s[start as usize..end as usize], s, &places, out);
        }
        if out.len() > MOST_BYTES {
            return false;
        }
        copied = end as usize;
    }
    out.extend_from_slice(&s[copied..]);
    true
}

/// Whether the replacement names only what there is.
fn check(captures: u8, with: &[u8]) -> Option<()> {
    let mut rest = with;
    while let Some(at) = memchr::memchr(b'%', rest) {
        match *rest.get(at + 1)? {
            b'%' | b'0' => {}
            digit @ b'1'..=b'9' if digit - b'0' <= captures.max(1) => {}
            _ => return None,
        }
        rest = &rest[at + 2..];
    }
    Some(())
}

fn add(with: &[u8], whole: &[u8], s: &[u8], places: &Places, out: &mut Vec<u8>) {
    let mut rest = with;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        match rest[at + 1] {
            b'%' => out.push(b'%'),
            b'0' => out.extend_from_slice(whole),
            digit => {
                let place = usize::from(digit - b'1') * 2;
                match (places[place], places[place + 1]) {
                    (start, POSITION) => out.extend_from_slice((start + 1).to_string().as_bytes()),
                    (start, end) => out.extend_from_slice(&s[start as usize..end as usize]),
                }
            }
        }
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
}
