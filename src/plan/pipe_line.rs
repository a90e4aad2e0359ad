//! A command line that is one pipe, cut at its `|`: each part is run by a shell of its own, so that
//! the exit code of each is known.
//!
//! In a pipe, a shell runs each part in a process of its own, so nothing that one part sets is seen
//! by another, and shells of their own give the same. `set -o pipefail` would not do: not every `sh`
//! has it, it makes `yes | head -n 1` a failure, and inside a line it changes what `if` and `&&` see.
//!
//! A newcomer's trap: this reads as much of a shell's language as it needs to know that a `|` is one
//! of the line's own. Where it is not sure, the line is left whole.

/// What the `|` of a line are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pipes<'a> {
    /// There are none, as far as that is understood.
    None,
    /// The line is these commands, each one's output the next one's input.
    Parts(Vec<&'a str>),
    /// There are some within a line that is more than one pipe.
    Within,
}

/// Finds the pipes of a line.
pub(crate) fn pipes(line: &str) -> Pipes<'_> {
    let mut scan = Scan { bytes: line.as_bytes(), at: 0, cuts: Vec::new(), pipes: false };
    match scan.commands(None) {
        Some(One) if !scan.cuts.is_empty() => {
            let starts = [0].into_iter().chain(scan.cuts.iter().map(|at| at + 1));
            let ends = scan.cuts.iter().copied().chain([line.len()]);
            Pipes::Parts(starts.zip(ends).map(|(from, to)| trimmed(&line[from..to])).collect())
        }
        // Who has said so knows.
        _ if scan.pipes && !line.contains("pipefail") => Pipes::Within,
        _ => Pipes::None,
    }
}

/// A command without blanks around it: behind its last word, a shell would not see that it may take
/// the place of the shell.
fn trimmed(part: &str) -> &str {
    // What else Unicode calls a blank is part of a word to a shell.
    const BLANKS: [char; 3] = [' ', '\t', '\n'];
    let part = part.trim_start_matches(BLANKS);
    match part.trim_end_matches(BLANKS) {
        // What comes next belongs to it.
        end if end.ends_with('\\') => part,
        end => end,
    }
}

/// How many pipes stand one after another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipelines {
    One,
    Several,
}
use Pipelines::{One, Several};

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the pipes of the line itself are.
    cuts: Vec<usize>,
    /// Whether a pipe has been seen.
    pipes: bool,
}

/// Words that begin a compound command, and what ends it.
const OPENS: &[(&str, &str)] =
    &[("{", "}"), ("if", "fi"), ("while", "done"), ("until", "done"), ("for", "done")];

/// Words between the lists of a compound command.
const BETWEEN: &[&str] = &["then", "else", "elif", "do"];

/// Words that make a pipe something else, or whose parts are not cut by what is known here.
const UNKNOWN: &[&str] =
    &["case", "!", "time", "function", "select", "coproc", "[[", "}", "fi", "done", "esac"];

impl<'a> Scan<'a> {
    /// Reads commands up to the end of the line, or behind the word or `)` that closes them. `None`
    /// for what is not understood.
    fn commands(&mut self, until: Option<&str>) -> Option<Pipelines> {
        let mut pipelines = One;
        // Whether a command may begin here, and whether the pipe that stands here has begun.
        let (mut begins, mut ended) = (true, false);
        loop {
            self.blanks();
            let Some(byte) = self.peek() else {
                // A pipe needs a command behind it.
                let complete = until.is_none() && (!begins || ended || self.cuts.is_empty());
                return complete.then_some(pipelines);
            };
            if ended && !matches!(byte, b';' | b'\n' | b')') {
                pipelines = Several;
            }
            match byte {
                b'\n' | b';' => {
                    if begins && byte == b';' {
                        return None;
                    }
                    self.at += 1;
                    // Behind a `|`, a line goes on.
                    ended |= !begins;
                    begins = true;
                    if self.peek() == Some(b';') {
                        return None;
                    }
                    continue;
                }
                b'|' if self.rest().starts_with(b"||") => {
                    self.at += 2;
                    (pipelines, begins) = (Several, true);
                }
                b'|' if self.rest().starts_with(b"|&") || begins => return None,
                b'|' => {
                    self.pipes = true;
                    if until.is_none() {
                        self.cuts.push(self.at);
                    }
                    self.at += 1;
                    begins = true;
                }
                b'&' => {
                    self.at += 1 + usize::from(self.rest().starts_with(b"&&"));
                    (pipelines, begins) = (Several, true);
                }
                b'(' if begins => {
                    self.at += 1;
                    self.commands(Some(")"))?;
                    begins = false;
                }
                b')' if until == Some(")") => {
                    self.at += 1;
                    return Some(pipelines);
                }
                b'(' | b')' | b'#' => return None,
                b'<' | b'>' => {
                    if self.rest().starts_with(b"<<") || self.rest().starts_with(b"<(") {
                        return None;
                    }
                    self.at += 1;
                    while matches!(self.peek(), Some(b'>' | b'&' | b'|')) {
                        self.at += 1;
                    }
                    self.blanks();
                    self.word()?;
                    begins = false;
                }
                _ => {
                    let from = self.at;
                    self.word()?;
                    let word = std::str::from_utf8(&self.bytes[from..self.at]).ok()?;
                    if !begins {
                    } else if until == Some(word) {
                        return Some(pipelines);
                    } else if let Some((_, close)) = OPENS.iter().find(|(open, _)| *open == word) {
                        if word == "for" {
                            self.head_of_loop()?;
                        }
                        self.commands(Some(close))?;
                        begins = false;
                    } else if BETWEEN.contains(&word) && until.is_some() {
                        // Another list begins.
                    } else if UNKNOWN.contains(&word) || BETWEEN.contains(&word) {
                        return None;
                    } else {
                        begins = false;
                    }
                }
            }
            ended = false;
        }
    }

    /// The name of a loop's variable, and its words up to what separates them from `do`.
    fn head_of_loop(&mut self) -> Option<()> {
        loop {
            self.blanks();
            match self.peek()? {
                b';' | b'\n' => return self.step(),
                b'|' | b'&' | b'(' | b')' | b'<' | b'>' | b'#' => return None,
                _ => self.word()?,
            }
        }
    }

    /// Reads a word with its quotes.
    fn word(&mut self) -> Option<()> {
        let from = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => break,
                b'\'' => {
                    self.at += 1;
                    self.at += memchr::memchr(b'\'', self.rest())? + 1;
                }
                b'"' => {
                    self.at += 1;
                    self.quoted()?;
                }
                b'\\' => self.at += 2,
                b'`' => return None,
                b'$' => self.dollar()?,
                _ => self.at += 1,
            }
        }
        // The shell's own number is that of the line's shell, which there is none of for parts; and
        // a function begins with a name and a parenthesis.
        let word = self.bytes.get(from..self.at)?;
        let is_function = self.peek() == Some(b'(');
        (!word.is_empty() && !is_function && !word.windows(2).any(|two| two == b"$$")).then_some(())
    }

    /// Reads what is between double quotes, from behind the first to behind the last.
    fn quoted(&mut self) -> Option<()> {
        loop {
            match self.peek()? {
                b'"' => return self.step(),
                b'\\' => self.at += 2,
                b'`' => return None,
                b'$' => self.dollar()?,
                _ => self.at += 1,
            }
        }
    }

    /// Reads an expansion.
    fn dollar(&mut self) -> Option<()> {
        self.at += 1;
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                if self.peek() == Some(b'(') {
                    return self.sum();
                }
                self.commands(Some(")")).map(|_| ())
            }
            Some(b'{') => {
                self.at += 1;
                loop {
                    match self.peek()? {
                        b'}' => return self.step(),
                        b'\\' => self.at += 2,
                        b'"' => {
                            self.at += 1;
                            self.quoted()?;
                        }
                        b'$' => self.dollar()?,
                        b'`' | b'\'' => return None,
                        _ => self.at += 1,
                    }
                }
            }
            // Quotes of another kind, which not every shell has.
            Some(b'\'') => None,
            _ => Some(()),
        }
    }

    /// Reads `((…))`, a sum.
    fn sum(&mut self) -> Option<()> {
        // The parenthesis before has been read.
        let mut depth = 1;
        while depth > 0 {
            match self.peek()? {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\'' | b'"' | b'`' | b'\\' => return None,
                _ => {}
            }
            self.at += 1;
        }
        Some(())
    }

    /// Goes on behind a byte that ends what is read.
    fn step(&mut self) -> Option<()> {
        self.at += 1;
        Some(())
    }

    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\\') if self.rest().starts_with(b"\\\n") => self.at += 2,
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_one_pipe_is_cut_where_the_shell_would() {
        for (line, parts) in [
            ("a | b", &["a", "b"][..]),
            ("a|b|c", &["a", "b", "c"]),
            (" a 2>&1 | b >&2 \n", &["a 2>&1", "b >&2"]),
            ("a |\n  b", &["a", "b"]),
            ("a \\\n | b\\ ", &["a \\\n ", "b\\ "]),
            ("awk '{ print $1 | \"b\" }' | b", &["awk '{ print $1 | \"b\" }'", "b"]),
            ("a \"x|y\" | b 'p|q' \\| c", &["a \"x|y\"", "b 'p|q' \\| c"]),
            ("a ${x:-p|q} | b", &["a ${x:-p|q}", "b"]),
            ("a $(b | c) \"$(d | e)\" | f", &["a $(b | c) \"$(d | e)\"", "f"]),
            ("echo $((1 | 2)) | b", &["echo $((1 | 2))", "b"]),
            (
                "while read n; do echo $n | c; done | d",
                &["while read n; do echo $n | c; done", "d"],
            ),
            ("for i in 1 2; do seq $i; done | b", &["for i in 1 2; do seq $i; done", "b"]),
            ("(a; b | c) | d", &["(a; b | c)", "d"]),
            ("{ a && b; } 2>&1 | d", &["{ a && b; } 2>&1", "d"]),
            ("if a; then b; else c; fi | d", &["if a; then b; else c; fi", "d"]),
            ("a <in | b >out", &["a <in", "b >out"]),
            ("A=1 a >|x | b", &["A=1 a >|x", "b"]),
            ("a | b;", &["a", "b;"]),
            ("\u{b}a\r | \u{a0}b\u{a0}", &["\u{b}a\r", "\u{a0}b\u{a0}"]),
            ("grep -c '#' | b#c", &["grep -c '#'", "b#c"]),
        ] {
            assert_eq!(pipes(line), Pipes::Parts(parts.to_vec()), "{line}");
        }
    }

    #[test]
    fn a_line_of_more_than_a_pipe_is_left_whole() {
        for line in [
            "cd x; a | b",
            "a | b; c",
            "a | b && c",
            "a | b || c",
            "a | b & c",
            "a | b &",
            "a\nb | c",
            "{ a | b; }",
            "(a | b)",
            "{ a | b; }; c",
            "a | `b`",
            "a | b # c",
            "a |",
            "a | | b",
            "a | ! b",
            "a | b <<x\nx",
        ] {
            assert_eq!(pipes(line), Pipes::Within, "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_and_what_has_no_pipe_is_left_whole() {
        for line in [
            "",
            "a",
            "a; b && c || d &",
            "grep 'a|b'",
            "a || b",
            "cat >/dev/null; exit 3",
            "case x in a|b) c;; esac",
            "set -o pipefail; a | b",
            "! a | b",
            "time a | b",
            "a `b | c`",
            "a <<x | b\nx",
            "f() { a; } | b",
            "kill $$ | b",
            "echo \"$$\" | b",
            "| a",
            "a 'x | b",
            "a $'x' | b",
            "diff <(a | b) c",
            "fi | a",
            "a |& b",
        ] {
            assert_eq!(pipes(line), Pipes::None, "{line}");
        }
    }
}
