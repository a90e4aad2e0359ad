//! Lua patterns, compiled into a small table and matched without leaving Rust.
//!
//! A newcomer's trap: only what is well formed and of modest size is compiled. Everything else
//! (each error, each odd case) is left to LuaJIT's own functions, so no error text stands here, and
//! a compiled pattern can neither fail nor be too complex.

use super::bits::ByteSet;
use super::in_c::{InC, in_c};
use super::literal::{find_literal, rarest};
use super::runs::Run;

/// At most so many parts, which also bounds the recursion far below LuaJIT's own limit.
const MOST_OPS: usize = 64;
const MOST_SETS: usize = 16;
pub(super) const MOST_CAPTURES: usize = 32;
/// The end of a position capture.
pub(super) const POSITION: u32 = u32::MAX;

const ANY: u8 = 0;
const BYTE: u8 = 1;
const SET: u8 = 2;
const OPEN: u8 = 3;
const PLACE: u8 = 4;
const CLOSE: u8 = 5;
const END: u8 = 6;
const BALANCE: u8 = 7;
const FRONTIER: u8 = 8;
const AGAIN: u8 = 9;

const ONCE: u8 = 0;

#[repr(C)]
#[derive(Clone, Copy)]
struct Op {
    kind: u8,
    /// `ONCE`, or the quantifier's byte.
    times: u8,
    a: u8,
    b: u8,
}

/// Plain data in memory that Lua owns.
#[repr(C)]
pub(super) struct Pattern {
    /// Bit `i` of entry `c` says whether byte `c` is in set `i`.
    sets: [u16; 256],
    ops: [Op; MOST_OPS],
    count: u8,
    pub captures: u8,
    anchored: u8,
    set_count: u8,
    /// How many parts at the beginning are bytes, each once; and which is the rarest of them.
    literal: u8,
    rare: u8,
}

in_c!(
    Pattern as "gleamflow_pattern":
    sets, ops, count, captures, anchored, set_count, literal, rare
);

impl InC for Op {
    fn declare(name: &str) -> String {
        <[u8; size_of::<Op>()]>::declare(name)
    }
}

/// Where the captures of a match are: start and end, in pairs.
pub(super) type Places = [u32; 2 * MOST_CAPTURES];

impl Pattern {
    fn new() -> Pattern {
        let op = Op { kind: ANY, times: ONCE, a: 0, b: 0 };
        Pattern {
            sets: [0; 256],
            ops: [op; MOST_OPS],
            count: 0,
            captures: 0,
            anchored: 0,
            set_count: 0,
            literal: 0,
            rare: 0,
        }
    }

    fn note_literal(&mut self) {
        let ops = self.ops[..usize::from(self.count)].iter();
        let bytes: Vec<u8> =
            ops.take_while(|op| op.kind == BYTE && op.times == ONCE).map(|op| op.a).collect();
        (self.literal, self.rare) = (bytes.len() as u8, rarest(&bytes) as u8);
    }

    /// Compiles a pattern. Where `literal_caret` is set, as in gmatch, `^` is no anchor.
    /// `None`: it has to be left to LuaJIT.
    pub fn compile(text: &[u8], literal_caret: bool) -> Option<Pattern> {
        if text.contains(&0) {
            return None;
        }
        let mut pattern = Pattern::new();
        let mut rest = text;
        if !literal_caret && let [b'^', after @ ..] = rest {
            pattern.anchored = 1;
            rest = after;
        }
        // Captures that are open, and for each capture whether a back reference may name it.
        let mut open: Vec<u8> = Vec::new();
        let mut closed = [false; MOST_CAPTURES];
        loop {
            rest = match rest {
                [] => break,
                [b'(', b')', after @ ..] => {
                    let capture = pattern.new_capture()?;
                    pattern.add(PLACE, ONCE, capture, 0)?;
                    after
                }
                [b'(', after @ ..] => {
                    let capture = pattern.new_capture()?;
                    open.push(capture);
                    pattern.add(OPEN, ONCE, capture, 0)?;
                    after
                }
                [b')', after @ ..] => {
                    let capture = open.pop()?;
                    closed[usize::from(capture)] = true;
                    pattern.add(CLOSE, ONCE, capture, 0)?;
                    after
                }
                [b'$'] => {
                    pattern.add(END, ONCE, 0, 0)?;
                    &[]
                }
                [b'%', b'b', from, to, after @ ..] => {
                    pattern.add(BALANCE, ONCE, *from, *to)?;
                    after
                }
                [b'%', b'b', ..] => return None,
                [b'%', b'f', after @ ..] => {
                    let (members, after) = bracket(after.strip_prefix(b"[")?)?;
                    let set = pattern.add_set(&members)?;
                    pattern.add(FRONTIER, ONCE, set, 0)?;
                    after
                }
                [b'%', digit @ b'0'..=b'9', after @ ..] => {
                    let capture = digit.checked_sub(b'1')?;
                    if !closed[usize::from(capture)] {
                        return None;
                    }
                    pattern.add(AGAIN, ONCE, capture, 0)?;
                    after
                }
                _ => pattern.add_single(rest)?,
            };
        }
        pattern.note_literal();
        open.is_empty().then_some(pattern)
    }

    /// For `x`, `x+` and `xy*`, where `x` and `y` each match one byte.
    pub fn run(&self) -> Option<Run> {
        let [first, more] = [self.ops[0], self.ops[1]];
        let more = match (self.count, first.times, more.times) {
            (1, ONCE, _) => [false; 256],
            (1, b'+', _) => self.members(first)?,
            (2, ONCE, b'*') => self.members(more)?,
            _ => return None,
        };
        Some(Run { first: ByteSet::new(self.members(first)?), more: ByteSet::new(more) })
    }

    /// What a part that takes one byte matches in a line.
    fn members(&self, op: Op) -> Option<[bool; 256]> {
        let mut members = [false; 256];
        for (byte, member) in (0..=255).zip(&mut members) {
            *member = match op.kind {
                ANY => true,
                BYTE => byte == op.a,
                SET => self.in_set(byte, op.a),
                _ => return None,
            };
        }
        members[usize::from(b'\n')] = false;
        Some(members)
    }

    pub fn is_anchored(&self) -> bool {
        self.anchored != 0
    }

    fn add(&mut self, kind: u8, times: u8, a: u8, b: u8) -> Option<()> {
        *self.ops.get_mut(usize::from(self.count))? = Op { kind, times, a, b };
        self.count += 1;
        Some(())
    }

    fn new_capture(&mut self) -> Option<u8> {
        let capture = self.captures;
        self.captures += 1;
        (usize::from(capture) < MOST_CAPTURES).then_some(capture)
    }

    fn add_set(&mut self, members: &[bool; 256]) -> Option<u8> {
        let set = self.set_count;
        if usize::from(set) == MOST_SETS {
            return None;
        }
        self.set_count += 1;
        for (entry, &member) in self.sets.iter_mut().zip(members) {
            *entry |= u16::from(member) << set;
        }
        Some(set)
    }

    /// What matches one byte, and its quantifier; gives what follows.
    fn add_single<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let (kind, a, rest) = match text {
            [b'.', rest @ ..] => (ANY, 0, rest),
            [b'[', rest @ ..] => {
                let (members, rest) = bracket(rest)?;
                (SET, self.add_set(&members)?, rest)
            }
            [b'%', letter, rest @ ..] if letter.is_ascii_alphabetic() => {
                let mut members = [false; 256];
                add_class(&mut members, *letter);
                (SET, self.add_set(&members)?, rest)
            }
            [b'%', byte, rest @ ..] => (BYTE, *byte, rest),
            [b'%'] | [] => return None,
            [byte, rest @ ..] => (BYTE, *byte, rest),
        };
        let (times, rest) = match rest {
            [times @ (b'*' | b'+' | b'-' | b'?'), rest @ ..] => (*times, rest),
            _ => (ONCE, rest),
        };
        self.add(kind, times, a, 0)?;
        Some(rest)
    }

    /// The first match at or behind `from`.
    pub fn find(&self, s: &[u8], from: usize, places: &mut Places) -> Option<(usize, usize)> {
        if self.anchored != 0 {
            return Some((from, self.match_from(0, s, from, places)?));
        }
        let first = self.ops[0];
        // Whether the first part takes at least one byte, which can then be looked for.
        let takes = self.count > 0 && matches!(first.times, ONCE | b'+');
        let mut at = from;
        loop {
            if self.literal > 1 {
                let (len, rare) = (usize::from(self.literal), usize::from(self.rare));
                at = find_literal(s, at, len, rare, |nth| self.ops[nth].a)?;
            } else if takes && first.kind == BYTE {
                at += memchr::memchr(first.a, s.get(at..)?)?;
            } else if takes && first.kind == SET {
                let bit = 1 << first.a;
                at += s.get(at..)?.iter().position(|&c| self.sets[usize::from(c)] & bit != 0)?;
                if self.count == 1 && first.times == b'+' {
                    return Some((at, self.run_of(s, at, bit)));
                }
            }
            if let Some(end) = self.match_from(0, s, at, places) {
                return Some((at, end));
            }
            at += 1;
            if at > s.len() {
                return None;
            }
        }
    }

    /// Where the bytes of a set, from `at` on, end.
    fn run_of(&self, s: &[u8], at: usize, bit: u16) -> usize {
        let run = s[at..].iter().position(|&c| self.sets[usize::from(c)] & bit == 0);
        run.map_or(s.len(), |n| at + n)
    }

    fn takes(&self, op: Op, s: &[u8], at: usize) -> bool {
        s.get(at).is_some_and(|&c| match op.kind {
            ANY => true,
            BYTE => c == op.a,
            _ => self.in_set(c, op.a),
        })
    }

    fn in_set(&self, c: u8, set: u8) -> bool {
        self.sets[usize::from(c)] & (1 << set) != 0
    }

    /// Matches the parts from `op` on at `at`; gives the end of the match.
    fn match_from(
        &self,
        mut op: usize,
        s: &[u8],
        mut at: usize,
        places: &mut Places,
    ) -> Option<usize> {
        while op < usize::from(self.count) {
            let part = self.ops[op];
            op += 1;
            let place = usize::from(part.a) * 2;
            match (part.kind, part.times) {
                (OPEN, _) => places[place] = at as u32,
                (PLACE, _) => (places[place], places[place + 1]) = (at as u32, POSITION),
                (CLOSE, _) => places[place + 1] = at as u32,
                (END, _) if at == s.len() => {}
                (END, _) => return None,
                (BALANCE, _) => at = balanced(s, at, part.a, part.b)?,
                (FRONTIER, _) => {
                    let before = at.checked_sub(1).map_or(0, |before| s[before]);
                    let here = s.get(at).copied().unwrap_or(0);
                    if self.in_set(before, part.a) || !self.in_set(here, part.a) {
                        return None;
                    }
                }
                (AGAIN, _) => {
                    let text = &s[places[place] as usize..places[place + 1] as usize];
                    if !s[at..].starts_with(text) {
                        return None;
                    }
                    at += text.len();
                }
                (_, ONCE) if self.takes(part, s, at) => at += 1,
                (_, ONCE) => return None,
                (_, b'?') => {
                    if self.takes(part, s, at)
                        && let Some(end) = self.match_from(op, s, at + 1, places)
                    {
                        return Some(end);
                    }
                }
                (_, b'-') => loop {
                    if let Some(end) = self.match_from(op, s, at, places) {
                        return Some(end);
                    }
                    if !self.takes(part, s, at) {
                        return None;
                    }
                    at += 1;
                },
                (kind, times) => {
                    let most = match kind {
                        ANY => s.len(),
                        SET => self.run_of(s, at, 1 << part.a),
                        _ => at + s[at..].iter().take_while(|&&c| c == part.a).count(),
                    };
                    let least = at + usize::from(times == b'+');
                    if most < least {
                        return None;
                    }
                    if op == usize::from(self.count) {
                        return Some(most);
                    }
                    return (least..=most).rev().find_map(|at| self.match_from(op, s, at, places));
                }
            }
        }
        Some(at)
    }
}

fn balanced(s: &[u8], at: usize, from: u8, to: u8) -> Option<usize> {
    if *s.get(at)? != from {
        return None;
    }
    let mut depth = 1usize;
    for (i, &c) in s.iter().enumerate().skip(at + 1) {
        if c == to {
            depth -= 1;
            if depth == 0 {
                return Some(i + 1);
            }
        } else if c == from {
            depth += 1;
        }
    }
    None
}

/// The members of a set whose text begins behind its `[`, and what follows its `]`.
fn bracket(text: &[u8]) -> Option<([bool; 256], &[u8])> {
    let mut members = [false; 256];
    let negated = text.first() == Some(&b'^');
    let text = &text[usize::from(negated)..];
    // A `]` that comes first is a member.
    let mut end = 0;
    loop {
        end += if *text.get(end)? == b'%' { 2 } else { 1 };
        if *text.get(end)? == b']' {
            break;
        }
    }
    let mut rest = &text[..end];
    loop {
        rest = match rest {
            [] => break,
            [b'%', letter, after @ ..] => {
                add_class(&mut members, *letter);
                after
            }
            [first, b'-', last, after @ ..] => {
                for c in *first..=*last {
                    members[usize::from(c)] = true;
                }
                after
            }
            [byte, after @ ..] => {
                members[usize::from(*byte)] = true;
                after
            }
        };
    }
    if negated {
        members = members.map(|member| !member);
    }
    Some((members, &text[end + 1..]))
}

/// Adds what `%LETTER` stands for; any other byte stands for itself.
fn add_class(members: &mut [bool; 256], letter: u8) {
    let is_member: fn(u8) -> bool = match letter.to_ascii_lowercase() {
        b'a' => |c| c.is_ascii_alphabetic(),
        b'c' => |c| c.is_ascii_control(),
        b'd' => |c| c.is_ascii_digit(),
        b'g' => |c| c.is_ascii_graphic(),
        b'l' => |c| c.is_ascii_lowercase(),
        b'p' => |c| c.is_ascii_punctuation(),
        b's' => |c| matches!(c, b' ' | 9..=13),
        b'u' => |c| c.is_ascii_uppercase(),
        b'w' => |c| c.is_ascii_alphanumeric(),
        b'x' => |c| c.is_ascii_hexdigit(),
        b'z' => |c| c == 0,
        _ => {
            members[usize::from(letter)] = true;
            return;
        }
    };
    let wanted = letter.is_ascii_lowercase();
    for c in 0..=255 {
        members[usize::from(c)] |= is_member(c) == wanted;
    }
}
