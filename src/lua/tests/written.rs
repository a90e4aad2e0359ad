//! Rows that leave as text: the same bytes and refusals as their frames have.

use proptest::prelude::*;
use rmpv::Value;

use super::*;
use crate::row::format::Format;
use crate::row::written::{TabLines, Written};

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-9..9i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop_oneof![Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(0.1), Just(1e15)]
            .prop_map(Value::from),
        "[ a-z0-9.é]{0,12}".prop_map(Value::from),
        "[a\\t\\n\\r\0%]{0,3}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(Value::from),
        Just(Value::from("table: 0x7f00")),
    ];
    prop_oneof![
        9 => scalar.clone(),
        1 => prop::collection::vec(scalar, 0..3).prop_map(Value::from),
    ]
}

fn written() -> impl Strategy<Value = Written> {
    let format = prop_oneof![
        Just("%s"),
        Just("%d"),
        Just("%s,%d"),
        Just("%s %s"),
        Just("%d|%5.2f"),
        Just("%q %x %s"),
        Just("100%% %s\t%i"),
    ];
    prop_oneof![
        Just(Written::new(90, Arc::new(TabLines))),
        format.prop_map(|format| Written::new(
            90,
            Arc::new(Format::parse(format).expect("it parses"))
        )),
    ]
}

/// The text of the rows before the first refused one, and the refusal with its row.
type Outcome = (Vec<u8>, Option<(String, Option<u32>, Option<u32>)>);

fn outcome(segment: LuaSegment, frames: &[u8], written: Option<&Written>) -> Outcome {
    let vm = vm(segment);
    vm.begin_task(7).expect("begins");
    let (mut text, mut in_frames) = (Vec::new(), 0);
    let pushed = vm.push(0, Rows::frames(frames), &mut |_, bytes, rows| {
        let Some(written) = written else {
            let before = text.len();
            text.extend_from_slice(bytes);
            assert!(rows > 0 || text.len() == before);
            return Ok(());
        };
        Rows::frames(bytes).try_each(|payload| {
            written.append(&mut text, payload)?;
            in_frames += 1;
            Ok(())
        })
    });
    let failed = pushed.err().map(|failed| {
        let input = failed.failure.input.clone().and_then(|input| input.row);
        let shown = format!("{} {input:?} {:?}", failed.failure.message, failed.failure.hint);
        // A frame's own refusal knows no row of the segment's input, but each row made one.
        let row = failed.row.or(written.map(|_| in_frames));
        (shown, failed.failure.step, row)
    });
    (text, failed)
}

proptest! {
    #[test]
    fn text_is_what_frames_would_become(
        rows in prop::collection::vec(prop::collection::vec(value(), 1..4), 1..5),
        written in written(),
    ) {
        let frames: Vec<u8> = rows.iter().flat_map(|row| frame(row)).collect();
        let identity = || vec![map(1, "function(...) return ... end")];
        let in_frames = segment(Head::Rows(Layout::Frames), identity());
        let in_text = LuaSegment {
            tail: LuaTail::Written(written.clone()),
            ..segment(Head::Rows(Layout::Frames), identity())
        };
        let expected = outcome(in_frames, &frames, Some(&written));
        prop_assert_eq!(outcome(in_text, &frames, None), expected);
    }
}

fn kept(filters: &[&str], input: &str) -> String {
    let steps = (1..).zip(filters).map(|(n, text)| lua_step("filter", code(n, text))).collect();
    let segment =
        LuaSegment { tail: LuaTail::Written(Written::new(90, Arc::new(TabLines))), ..lines(steps) };
    let vm = vm(segment);
    vm.begin_task(7).expect("begins");
    let (mut text, mut count) = (Vec::new(), 0);
    let pushed = vm.push(0, Rows::lines(input.as_bytes()), &mut |_, bytes, rows| {
        text.extend_from_slice(bytes);
        count += rows as usize;
        Ok(())
    });
    assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), count);
    let text = String::from_utf8(text).expect("it is a part of the input");
    match pushed {
        Ok(()) => text,
        Err(Failed { failure, row }) => {
            format!("{text}{row:?} {:?} {}", failure.step, failure.message)
        }
    }
}

#[test]
fn lines_that_pass_filters_are_left_as_they_are() {
    let input = "a static\n\nfunction: 0x40\r\nstatic\tb\nlast\n";
    let whole = "function(l) return #l > 0 end";
    assert_eq!(kept(&[whole], input), "a static\nfunction: 0x40\r\nstatic\tb\nlast\n");
    assert_eq!(
        kept(&[whole, "function(l) return l:byte(1) ~= 97 end"], input),
        "function: 0x40\r\nstatic\tb\nlast\n"
    );
    let fails = "function(l) if #l == 0 then error('empty') end return true end";
    assert_eq!(kept(&[fails], input), "a static\nSome(1) Some(1) empty");
}

#[test]
fn a_search_for_text_is_what_find_would_do() {
    let input = "a static\n\nst\natic\nstatic\nb ec-static x\nsta[t]ic 1\nnil\n";
    let found = "a static\nstatic\nb ec-static x\n";
    for (filter, expected) in [
        ("function(line) return line:find('static', 1, true) end", found),
        ("function(l) return l:find('static', 1, true) ~= nil end", found),
        ("function(l) return l:find('sta[t]ic', 1, true) end", "sta[t]ic 1\n"),
        ("function(l) return l:find('', 1, true) end", input),
        ("function(l) return l:find('st\\natic', 1, true) end", ""),
        ("function(l) return l:find('nowhere', 1, true) end", ""),
        ("function(l) return l:find('nil', 1, true) end", "nil\n"),
        // Near misses.
        ("function(l) return l:find('sta[t]ic', 1, false) end", found),
        ("function(l) return l:find('sta[t]ic', 1) end", found),
        ("function(l) return l:find('static', 2, true) end", "a static\nb ec-static x\n"),
        (
            "function(l) return l:find('static', 1, true) == nil end",
            "\nst\natic\nsta[t]ic 1\nnil\n",
        ),
        ("function(l) return l:match('static', 1, true) end", found),
        ("function(l, m) return l:find('static', 1, true) end", found),
        ("function(l) return l:find(12, 1, true) end", ""),
        ("function(l) return not l:find('static', 1, true) end", "\nst\natic\nsta[t]ic 1\nnil\n"),
    ] {
        assert_eq!(kept(&[filter], input), expected, "{filter}");
    }
    let search = "function(line) return line:find('static', 1, true) end";
    assert_eq!(kept(&[search, "function(l) return #l < 9 end"], input), "a static\nstatic\n");
    assert_eq!(
        kept(&[search, "function(l) if #l < 8 then error('short') end return true end"], input),
        "a static\nSome(4) Some(2) short"
    );
    // A step may put another function in its place while the block is searched.
    let replaces =
        "function(l) string.find = function() return l == 'b ec-static x' end return true end";
    assert_eq!(kept(&[search, replaces], input), "a static\n");
}
