//! Streaming, nesting, and that the loops are compiled.

use super::*;
use crate::plan::guard::Guard;
use crate::row::layout::Mark;
use crate::row::written::{TabLines, Written};

#[test]
fn one_row_may_become_a_million() {
    let text = "function() local n = 0 return function() n = n + 1 if n <= 1000000 then return n, 'some text' end end end";
    let vm = vm(lines(vec![flat_map(1, text)]));
    vm.begin_task(0).expect("begins");
    let (mut count, mut most) = (0, 0);
    vm.push(0, Rows::lines(b"x\n"), &mut |_, frames, rows| {
        count += rows;
        most = most.max(frames.len());
        Ok(())
    })
    .expect("runs");
    assert_eq!(count, 1_000_000);
    assert!(most < (256 << 10) + 100, "{most}");
}

#[test]
fn nothing_is_kept_back_after_a_push() {
    let vm = vm(lines(vec![map(1, "function(x) return x end")]));
    vm.begin_task(0).expect("begins");
    for _ in 0..3 {
        let mut count = 0;
        vm.push(0, Rows::lines(b"a\nb\n"), &mut |_, _, rows| {
            count += rows;
            Ok(())
        })
        .expect("runs");
        assert_eq!(count, 2);
    }
}

#[test]
fn a_later_segment_runs_inside_an_earlier_ones_flush() {
    let vm = vm_with(
        &[code(9, "seen = 0")],
        vec![
            lines(vec![map(1, "function(x) for i = 1, 50000 do emit(x, i) end emit(seen) end")]),
            segment(
                Head::Rows(Layout::Frames),
                vec![map(2, "function(x, i) seen = seen + 1 return x, i end")],
            ),
        ],
    );
    vm.begin_task(0).expect("begins");
    let (mut count, mut last) = (0, String::new());
    vm.push(0, Rows::lines(b"some text\n"), &mut |at, frames, _| {
        assert_eq!(at, 0);
        let frames = std::mem::take(frames);
        vm.push(1, Rows::frames(&frames), &mut |at, frames, rows| {
            assert_eq!(at, 1);
            count += rows;
            last = show(frames).pop().expect("a row");
            Ok(())
        })
        .map_err(|failed| failed.failure)
    })
    .expect("runs");
    assert_eq!(count, 50_001);
    let last = last.trim_end_matches("|nil");
    assert!(last.parse::<u32>().expect("a number") > 10_000, "globals are shared: {last}");
}

/// Asserts that the loop over rows becomes a trace, and that it comes to rest: after a few tasks,
/// three in a row bring neither a trace nor an abort. When that is so is not fixed: an exit that
/// is rarely taken becomes hot, and gets its side trace, only after many rows.
fn assert_compiled(segment: LuaSegment, rows: Rows<'_>) {
    assert_compiled_after(12, segment, rows);
}

/// The same with fewer than so many aborts: a loop inside another has more of them.
fn assert_compiled_after(aborts: u32, segment: LuaSegment, rows: Rows<'_>) {
    assert_comes_to_rest(aborts, &vm(segment), rows);
}

pub(super) fn assert_comes_to_rest(aborts: u32, vm: &Vm, rows: Rows<'_>) {
    let count = vm.watch_traces().expect("jit.attach works");
    let mut counts: Vec<(u32, u32, String)> = Vec::new();
    let at_rest = |counts: &[(u32, u32, String)]| {
        counts.len() >= 3 && counts.iter().rev().take(3).all(|count| (count.0, count.1) == (0, 0))
    };
    while !at_rest(&counts) && counts.len() < 60 {
        vm.begin_task(7).expect("begins");
        vm.push(0, rows, &mut |_, _, _| Ok(())).expect("runs");
        vm.finish(0, &mut |_, _, _| Ok(())).expect("runs");
        counts.push(count.call(()).expect("counts"));
    }
    assert!(counts[0].0 > 0, "no trace of the loop: {counts:?}");
    assert!(at_rest(&counts), "not steady: {counts:?}");
    assert!(counts.iter().map(|count| count.1).sum::<u32>() < aborts, "given up: {counts:?}");
}

#[test]
fn the_loops_are_compiled() {
    let text: String = (0..20_000).map(|n| format!("line\t{n}\n")).collect();
    let map_lines = lines(vec![map(1, "function(l) return l, #l end")]);
    assert_compiled(map_lines, Rows::lines(text.as_bytes()));
    let written = |steps| LuaSegment {
        tail: LuaTail::Written(Written::new(90, Arc::new(TabLines))),
        ..lines(steps)
    };
    for (keeps, then) in [
        ("function(l) return #l > 6 end", "function(l) return #l < 9 end"),
        (
            "function(l) return l:find('e\t1', 1, true) end",
            "function(l) return l:byte(6) == 49 end",
        ),
    ] {
        let filter = |step, text| lua_step("filter", code(step, text));
        let rows = Rows::lines(text.as_bytes());
        assert_compiled(written(vec![filter(1, keeps), filter(2, then)]), rows);
        let join = map(2, "function(l) return l:sub(2, 7) .. ':' .. #l end");
        assert_compiled(written(vec![filter(1, keeps), join]), rows);
    }
    let columns =
        segment(Head::Rows(Layout::Columns), vec![map(1, "function(l, n) return n, l end")]);
    assert_compiled(columns, Rows::new(Layout::Columns, text.as_bytes()));
    let frames: Vec<u8> = (0..20_000).flat_map(|n| frame(&["key".into(), n.into()])).collect();
    let decode =
        segment(Head::Rows(Layout::Frames), vec![map(1, "function(k, n) return k, n + 1 end")]);
    assert_compiled(decode, Rows::frames(&frames));
    let key = map(2, "function(l) return l:sub(1, 6), 1 end");
    let counting = combine(vec![key], &[1], "function(a, b) return a + b end");
    assert_compiled(counting, Rows::lines(text.as_bytes()));
    for words in [
        "function(l) return l:gmatch('%w+') end",
        "function(l) local it = l:gmatch('%w+') return it end",
    ] {
        // Not recognised, or there were no loop.
        let one = map(2, "function(w) local one = 1 return w, one end");
        let steps = vec![flat_map(1, words), one];
        let counting = combine(steps, &[1], "function(a, b) return a + b end");
        assert_compiled(counting, Rows::lines(text.as_bytes()));
    }
    let collects = "function(l)
        local words = {}
        for word in l:lower():gmatch('%w+') do if #word > 1 then words[#words + 1] = word end end
        return words
    end";
    let steps = vec![flat_map(1, collects), map(2, "function(w) return w, 1, #w end")];
    let counting = combine(steps, &[1], "function(a, b, c, d) return a + c, b + d end");
    assert_compiled_after(60, counting, Rows::lines(text.as_bytes()));
}

#[test]
fn loops_over_the_rows_of_groups_are_compiled() {
    let frames: Vec<u8> = (0..20_000).flat_map(|n| frame(&["key".into(), n.into()])).collect();
    for rows_of_a_key in [100, 1000, 20_000] {
        let begins = |row| Mark::new(row % rows_of_a_key == 0, 0);
        let marks: Vec<Mark> = (0..20_000).map(begins).collect();
        let rows = Rows { layout: Layout::Frames, bytes: &frames, marks: &marks };
        let sums = "function(key, rows)
            local sum = 0
            for i, k, n in rows do sum = sum + n end
            emit(key, sum)
        end";
        let group = LuaGroup::new("group_map", vec![1], code(1, sums));
        assert_compiled_after(60, segment(Head::Groups(Group::Lua(group)), vec![]), rows);
    }
}

#[test]
fn loops_over_ordered_rows_are_compiled() {
    let frames: Vec<u8> = (0..20_000).flat_map(|n| frame(&["key".into(), n.into()])).collect();
    let marks: Vec<Mark> = (0..20_000).map(|row| Mark::new(row % 5000 == 0, 0)).collect();
    let rows = Rows { layout: Layout::Frames, bytes: &frames, marks: &marks };
    let sum =
        "function(rows) local sum = 0 for i, k, n in rows do sum = sum + n end return sum end";
    for (template, arguments, text) in [
        ("scan", &[][..], "function(a, b) return a + b end"),
        ("window", &["100", "50"], sum),
        ("tumbling", &["2", "1000"], sum),
        ("sessions", &["2", "1"], sum),
    ] {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let group = LuaGroup { arguments, ..LuaGroup::new(template, vec![1], code(1, text)) };
        assert_compiled_after(60, segment(Head::Groups(Group::Lua(group)), vec![]), rows);
    }
}

#[test]
fn loops_of_steps_that_put_a_column_in_front_are_compiled() {
    let frames: Vec<u8> = (0..20_000).flat_map(|n| frame(&["key".into(), n.into()])).collect();
    for (template, arguments) in [("branch", &[][..]), ("sort_by", &["1"]), ("sort_by", &["2"])] {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let code = code(1, "function(k, n) return n % 3, k end");
        let step = LuaStep { template: template.to_owned(), arguments, code, guard: None };
        assert_compiled(segment(Head::Rows(Layout::Frames), vec![step]), Rows::frames(&frames));
    }
}

#[test]
fn loops_of_steps_that_leave_bad_rows_out_are_compiled() {
    let guarded = |step: LuaStep| LuaStep { guard: Some(Guard::default()), ..step };
    let frames: Vec<u8> = (0..20_000).flat_map(|n| frame(&["key".into(), n.into()])).collect();
    let text: String = (0..20_000).map(|n| format!("line {n} of some\n")).collect();
    for (kind, of_row, of_line) in [
        ("map", "function(k, n) return n % 3, k end", "function(l) return #l, l:sub(1, 3) end"),
        ("filter", "function(k, n) return n % 3 == 0 end", "function(l) return #l > 3 end"),
    ] {
        let steps = vec![guarded(lua_step(kind, code(1, of_row)))];
        assert_compiled(segment(Head::Rows(Layout::Frames), steps), Rows::frames(&frames));
        let second = guarded(map(2, "function(a, b) return b, a end"));
        let steps = vec![guarded(lua_step(kind, code(1, of_line))), second];
        assert_compiled(lines(steps), Rows::lines(text.as_bytes()));
    }
}

#[test]
fn loops_that_accumulate_are_compiled() {
    let functions = "{
        init = function() return 0 end,
        step = function(s, k, n) return s + n end,
        merge = function(a, b) return a + b end,
        finish = function(s) return s end,
    }";
    let keyed = |n: i64| frame(&[format!("key {}", n % 100).into(), n.into()]);
    let frames: Vec<u8> = (0..20_000).flat_map(keyed).collect();
    let tail = LuaTail::Combine {
        template: "accumulate".to_owned(),
        keys: vec![1],
        code: code(1, functions),
    };
    let segment = LuaSegment { head: Head::Rows(Layout::Frames), steps: vec![], tail };
    assert_compiled(segment, Rows::frames(&frames));
    let marks: Vec<Mark> = (0..20_000).map(|row| Mark::new(row % 100 == 0, 0)).collect();
    let rows = Rows { layout: Layout::Frames, bytes: &frames, marks: &marks };
    let group = LuaGroup::new("accumulate", vec![1], code(1, functions));
    assert_compiled(self::segment(Head::Groups(Group::Lua(group)), vec![]), rows);
}

/// `cargo test --release --lib lua::tests::loops::speed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let text: String =
        (0..200_000).map(|n| format!("the quick{} fox {}\n", n % 1000, n % 77)).collect();
    let words = 4 * 200_000;
    let measure = |name: &str, per: usize, segment: LuaSegment| {
        let vm = vm(segment);
        for round in 0..4 {
            vm.begin_task(0).expect("begins");
            let start = std::time::Instant::now();
            for block in text.as_bytes().chunks(1 << 18) {
                let Some(end) = memchr::memrchr(b'\n', block) else {
                    continue;
                };
                let from = memchr::memchr(b'\n', block).map_or(0, |at| at + 1);
                vm.push(0, Rows::lines(&block[from..=end]), &mut |_, _, _| Ok(())).expect("runs");
            }
            vm.finish(0, &mut |_, _, _| Ok(())).expect("runs");
            println!("{name} {round}: {} ns", start.elapsed().as_nanos() / per as u128);
        }
    };
    measure("map over lines, per row", 200_000, lines(vec![map(1, "function(l) return l, 1 end")]));
    measure(
        "two maps over lines, per row",
        200_000,
        lines(vec![
            map(1, "function(l) return l, 1 end"),
            map(2, "function(l, n) return n, l end"),
        ]),
    );
    measure(
        "word count, per word",
        words,
        combine(
            vec![
                flat_map(1, "function(l) return l:gmatch('%w+') end"),
                map(2, "function(w) local one = 1 return w, one end"),
            ],
            &[1],
            "function(a, b) return a + b end",
        ),
    );
}
