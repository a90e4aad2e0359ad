//! One JSON text as MessagePack.
//!
//! A newcomer's trap: the length of an array or object is known only at its end, and stands before it
//! in MessagePack. It is written as if it were short, and what follows is moved where it isn't.

use std::ops::Range;

use crate::row::msgpack::{self, DEPTH_LIMIT};

/// Why a text is no JSON, and where.
#[derive(Debug)]
pub(super) struct Broken {
    pub what: &'static str,
    /// The byte, from 0.
    pub at: usize,
    /// The text ends within a value.
    pub ends_early: bool,
}

type Result<T> = std::result::Result<T, Broken>;

/// What is used again from one text to the next.
#[derive(Default)]
pub(super) struct Parser {
    /// A text whose escapes are read.
    string: Vec<u8>,
    /// Where the values of an object's members lie, by name.
    members: Vec<Option<Range<usize>>>,
    /// The values of an object's members.
    values: Vec<u8>,
}

impl Parser {
    /// Appends the columns of a text: an array's elements, or any other value. False for blanks.
    pub(super) fn row(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let mut scan = Scan { text, at: 0, string: &mut self.string };
        match scan.next() {
            None => return Ok(false),
            Some(b'[') => {
                scan.at += 1;
                if scan.next() == Some(b']') {
                    return Err(
                        scan.broken("an empty array is no row, which has at least one column")
                    );
                }
                scan.elements(out, 1)?;
            }
            Some(_) => scan.value(out, 0)?,
        }
        scan.end().map(|()| true)
    }

    /// Appends the members of an object that have these names, nil for those that are missing. False
    /// for blanks.
    pub(super) fn members(
        &mut self,
        text: &[u8],
        names: &[String],
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let Parser { string, members, values } = self;
        members.clear();
        members.resize(names.len(), None);
        values.clear();
        let mut scan = Scan { text, at: 0, string };
        match scan.next() {
            None => return Ok(false),
            Some(b'{') => scan.at += 1,
            Some(_) => return Err(scan.broken("its columns have names, so each line is an object")),
        }
        let mut more = scan.next() != Some(b'}');
        scan.at += usize::from(!more);
        while more {
            scan.string()?;
            let place = names.iter().position(|name| name.as_bytes() == &**scan.string);
            scan.expect(b':')?;
            let from = values.len();
            scan.value(values, 1)?;
            if let Some(place) = place {
                members[place] = Some(from..values.len());
            }
            more = scan.goes_on(b'}')?;
        }
        scan.end()?;
        for member in members {
            match member {
                Some(range) => out.extend_from_slice(&values[range.clone()]),
                None => msgpack::put_nil(out),
            }
        }
        Ok(true)
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    string: &'a mut Vec<u8>,
}

impl Scan<'_> {
    fn broken(&self, what: &'static str) -> Broken {
        Broken { what, at: self.at, ends_early: false }
    }

    /// What is wrong here: the text's end, or what stands in it.
    fn unexpected(&self, what: &'static str) -> Broken {
        match self.at >= self.text.len() {
            true => Broken { what: "it ends within a value", at: self.at, ends_early: true },
            false => self.broken(what),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte that is no blank.
    fn next(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.next() != Some(byte) {
            let what = if byte == b':' { "a colon was expected" } else { "a quote was expected" };
            return Err(self.unexpected(what));
        }
        self.at += 1;
        Ok(())
    }

    /// Whether a comma follows, or what closes.
    fn goes_on(&mut self, close: u8) -> Result<bool> {
        let more = match self.next() {
            Some(b',') => true,
            Some(byte) if byte == close => false,
            _ => return Err(self.unexpected("a comma was expected, or the end of what is open")),
        };
        self.at += 1;
        Ok(more)
    }

    fn end(&mut self) -> Result<()> {
        match self.next() {
            None => Ok(()),
            Some(_) => Err(self.broken("text follows the value")),
        }
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<()> {
        let byte = self.next();
        if depth > DEPTH_LIMIT {
            return Err(self.broken("values are nested more than 100 deep"));
        }
        match byte {
            Some(b'"') => {
                self.string()?;
                msgpack::put_str(out, self.string);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(out),
            Some(b'[') => {
                self.at += 1;
                let start = out.len();
                out.push(0);
                let count = match self.next() {
                    Some(b']') => {
                        self.at += 1;
                        0
                    }
                    _ => self.elements(out, depth + 1)?,
                };
                put_length(out, start, count, msgpack::put_array_len);
                Ok(())
            }
            Some(b'{') => {
                self.at += 1;
                let start = out.len();
                out.push(0);
                let count = self.pairs(out, depth + 1)?;
                put_length(out, start, count, msgpack::put_map_len);
                Ok(())
            }
            Some(b't') => self.word(b"true", out, |out| msgpack::put_bool(out, true)),
            Some(b'f') => self.word(b"false", out, |out| msgpack::put_bool(out, false)),
            Some(b'n') => self.word(b"null", out, msgpack::put_nil),
            _ => Err(self.unexpected("a value was expected")),
        }
    }

    fn word(&mut self, word: &[u8], out: &mut Vec<u8>, put: impl Fn(&mut Vec<u8>)) -> Result<()> {
        let rest = &self.text[self.at..];
        if !rest.starts_with(word) {
            let same = rest.iter().zip(word).take_while(|(one, other)| one == other).count();
            self.at += same;
            return Err(self.unexpected("a value was expected"));
        }
        self.at += word.len();
        put(out);
        Ok(())
    }

    /// Appends an array's elements, of which there is one at least. Gives how many there are.
    fn elements(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<u32> {
        let mut count = 0;
        loop {
            self.value(out, depth)?;
            count += 1;
            if !self.goes_on(b']')? {
                return Ok(count);
            }
        }
    }

    /// Appends an object's keys and values. Gives how many pairs there are.
    fn pairs(&mut self, out: &mut Vec<u8>, depth: u32) -> Result<u32> {
        let mut count = 0;
        if self.next() == Some(b'}') {
            self.at += 1;
            return Ok(count);
        }
        loop {
            self.string()?;
            msgpack::put_str(out, self.string);
            self.expect(b':')?;
            self.value(out, depth)?;
            count += 1;
            if !self.goes_on(b'}')? {
                return Ok(count);
            }
        }
    }

    /// Reads a text into `string`.
    fn string(&mut self) -> Result<()> {
        self.expect(b'"')?;
        self.string.clear();
        let start = self.at;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\'));
            let Some(plain) = plain else {
                self.at = self.text.len();
                return Err(self.unexpected(""));
            };
            self.string.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.text[self.at] {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return Err(self.broken("a control character in a text is written as \\u00XX")),
            }
        }
        // Escapes are ASCII, so a text is UTF-8 if what stands between its quotes is.
        if str::from_utf8(&self.text[start..self.at]).is_err() {
            self.at = start;
            return Err(self.broken("a text that is no UTF-8"));
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        self.at += 1;
        let plain = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected("no such escape")),
        };
        self.string.push(plain);
        self.at += 1;
        Ok(())
    }

    /// Reads `uXXXX`, and the second half of a character that takes two of them.
    fn unicode(&mut self) -> Result<()> {
        const ALONE: &str = "half of a surrogate pair";
        let first = self.hex()?;
        let code = match first {
            0xd800..0xdc00 => {
                if !self.text[self.at..].starts_with(b"\\u") {
                    return Err(self.unexpected(ALONE));
                }
                self.at += 1;
                let second = self.hex()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(self.broken(ALONE));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        let character = char::from_u32(code).ok_or_else(|| self.broken(ALONE))?;
        self.string.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn hex(&mut self) -> Result<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit =
                digit.ok_or_else(|| self.unexpected("four hexadecimal digits were expected"))?;
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<()> {
        const NO_NUMBER: &str = "no number";
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let digits = self.at;
        self.digits().ok_or_else(|| self.unexpected(NO_NUMBER))?;
        if self.text[digits] == b'0' && self.at > digits + 1 {
            self.at = digits;
            return Err(self.broken("a number does not begin with a zero and more digits"));
        }
        let integral = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits().ok_or_else(|| self.unexpected(NO_NUMBER))?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits().ok_or_else(|| self.unexpected(NO_NUMBER))?;
        }
        let text = &self.text[start..self.at];
        if self.at == integral && put_integer(out, negative, &self.text[digits..self.at]) {
            return Ok(());
        }
        let text = str::from_utf8(text).expect("digits and signs are ASCII");
        let number: f64 = text.parse().expect("JSON's numbers are numbers of Rust's");
        if number.is_infinite() {
            self.at = start;
            return Err(self.broken("a number beyond all doubles"));
        }
        msgpack::put_float(out, number);
        Ok(())
    }

    /// Goes past digits, of which there is one at least.
    fn digits(&mut self) -> Option<()> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }
}

/// Appends an integer, if it has 64 bits and is not the zero that only doubles have.
fn put_integer(out: &mut Vec<u8>, negative: bool, digits: &[u8]) -> bool {
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    match (number, negative) {
        (Some(0), true) | (None, _) => return false,
        (Some(number), true) => match 0_i64.checked_sub_unsigned(number) {
            Some(number) => msgpack::put_int(out, number),
            None => return false,
        },
        (Some(number), false) => msgpack::put_uint(out, number),
    }
    true
}

/// Writes a length at `start`, where a byte has been left for it.
fn put_length(out: &mut Vec<u8>, start: usize, count: u32, put: fn(&mut Vec<u8>, u32)) {
    let end = out.len();
    put(out, count);
    match out.len() - end {
        1 => out[start] = out.pop().expect("it has just been put there"),
        _ => {
            let head = out.split_off(end);
            out.splice(start..=start, head);
        }
    }
}
