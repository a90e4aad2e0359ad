//! Where an error is said to be, and that none is lost.

use super::*;
use crate::error::ErrorKind;

fn place(text: &str) -> (String, Option<u32>, Option<u32>) {
    let failed = fails(lines(vec![map(3, text)]), "a\nbad\nc\n");
    (failed.failure.message, failed.failure.code_line, failed.row)
}

#[test]
fn the_line_is_the_users() {
    let at = |message: &str, line| (message.to_owned(), Some(line), Some(1));
    assert_eq!(
        place("function(x)\n  if x == 'bad' then\n    error('boom')\n  end\nend"),
        at("boom", 3)
    );
    assert_eq!(place("function(x)\n  if x == 'bad' then error('boom', 0) end\nend"), at("boom", 2));
    assert_eq!(
        place("function(x)\n\n  if x == 'bad' then error({}) end\nend"),
        at("error value: a table", 3)
    );
    assert_eq!(
        place(
            "function(x)\n  if x == 'bad' then error(setmetatable({}, {__tostring = function() return 'mine' end})) end\nend"
        ),
        at("mine", 2)
    );
    assert_eq!(
        place(
            "(function()\n  local function inner(x)\n    return x.y.z\n  end\n  return function(x)\n    if x == 'bad' then inner(x) end\n  end\nend)()"
        ),
        at("attempt to index field 'y' (a nil value)", 3)
    );
    assert_eq!(
        place("function(x)\n  if x == 'bad' then\n    string.rep()\n  end\nend"),
        at("bad argument #1 to 'rep' (string expected, got no value)", 3)
    );
    assert_eq!(place("function(x) if x == 'bad' then error() end end"), at("error value: nil", 1));
}

#[test]
fn the_failing_row_is_described() {
    let failed = fails(lines(vec![map(3, "function(x) return x + 1 end")]), "1\nword\n");
    assert_eq!(failed.failure.kind, ErrorKind::Lua);
    assert_eq!(failed.failure.step, Some(3));
    assert_eq!(failed.failure.input.and_then(|input| input.row).as_deref(), Some("\"word\""));
    let long = "w".repeat(200) + "\n";
    let failed = fails(lines(vec![map(3, "function(x) return x + 1 end")]), &long);
    let row = failed.failure.input.and_then(|input| input.row).expect("a row");
    assert!(row.len() <= 82 && row.ends_with('…'), "{row}");
}

#[test]
fn shared_code_and_outer_functions_have_their_own_step() {
    let vm = vm_with(&[code(8, "x = 1\nerror('early')")], vec![]);
    let failure = vm.begin_task(0).expect_err("fails");
    assert_eq!(
        (failure.step, failure.code_line, failure.message.as_str()),
        (Some(8), Some(2), "early")
    );
    let vm = vm_with(
        &[code(8, "function help()\n  error('deep')\nend")],
        vec![lines(vec![map(2, "function()\n\n\n  help()\nend")])],
    );
    let failed = task(&vm, Rows::lines(b"x\n")).expect_err("fails");
    assert_eq!((failed.failure.step, failed.failure.code_line), (Some(2), Some(4)));
    assert_eq!(failed.failure.message, "deep (line 2 of the shared code)");
    let failed = fails(lines(vec![map(2, "5")]), "x\n");
    assert_eq!(
        (failed.failure.step, failed.failure.message.as_str()),
        (Some(2), "expected a function, got a number")
    );
}

#[test]
fn the_step_is_the_one_that_runs() {
    let iterator = vec![
        flat_map(
            1,
            "function() local n = 0 return function()\n n = n + 1\n if n == 2 then error('it') end return n end end",
        ),
        map(2, "function(x) return x end"),
    ];
    let failed = fails(lines(iterator), "x\n");
    assert_eq!((failed.failure.step, failed.failure.code_line), (Some(1), Some(3)));
    let after_emit = vec![
        map(1, "function(x)\n emit(x)\n error('after') end"),
        map(2, "function(x) return x end"),
    ];
    let failed = fails(lines(after_emit), "x\n");
    assert_eq!((failed.failure.step, failed.failure.code_line), (Some(1), Some(3)));
}

#[test]
fn a_pcall_cannot_hide_a_later_steps_error() {
    let steps = vec![
        map(1, "function(x) pcall(emit, x) return 'calm' end"),
        map(2, "function(x)\n if x == 'bad' then error('lost?') end return x end"),
    ];
    let failed = fails(lines(steps), "good\nbad\n");
    assert_eq!((failed.failure.step, failed.failure.code_line), (Some(2), Some(2)));
    assert_eq!(failed.failure.message, "lost?");
    assert_eq!(mapped("function(x) return pcall(error, 'mine') end"), "false|\"mine\"");
}

#[test]
fn a_pcall_cannot_hide_a_receivers_failure() {
    let text =
        "function(x) for i = 1, 200000 do pcall(emit, 'some text to fill the buffer') end end";
    let vm = vm(lines(vec![map(1, text)]));
    vm.begin_task(0).expect("begins");
    let mut calls = 0;
    let mut out = |_: usize, _: &mut Vec<u8>, _: u32| {
        calls += 1;
        Err(Failure::new(ErrorKind::OutputClosed, "gone").at_step(77))
    };
    let failed = vm.push(0, Rows::lines(b"x\n"), &mut out).expect_err("fails");
    assert_eq!((failed.failure.kind, failed.failure.step), (ErrorKind::OutputClosed, Some(77)));
    let failed = vm.finish(0, &mut out).expect_err("the task stays failed");
    assert_eq!(failed.failure.message, "gone");
    vm.begin_task(0).expect("the next task is free of it");
}

#[test]
fn too_much_memory_is_an_error_of_the_step() {
    let vm = vm(lines(vec![map(
        4,
        "(function() local kept = {} return function(x) for i = 1, 1e9 do kept[i] = {x .. i} end end end)()",
    )]));
    let failed = task(&vm, Rows::lines(b"x\n")).expect_err("fails");
    assert_eq!((failed.failure.kind, failed.failure.step), (ErrorKind::Memory, Some(4)));
    assert!(failed.failure.hint.expect("a hint").contains("memory"));
    vm.begin_task(0).expect("the VM can go on");
}

#[test]
fn garbage_is_no_memory() {
    let vm = vm(lines(vec![map(
        4,
        "function(x) local s = '' for i = 1, 300 do s = ('y'):rep(1e6 + i) end return #s end",
    )]));
    assert_eq!(task(&vm, Rows::lines(b"x\n")).expect("runs"), ["1000300"]);
}

#[test]
fn recursion_without_end_is_an_error() {
    let failed = fails(
        lines(vec![map(
            4,
            "(function() local function f(x)\n return 1 + f(x) end return f end)()",
        )]),
        "x\n",
    );
    assert_eq!(failed.failure.step, Some(4));
    assert!(failed.failure.message.contains("stack overflow"), "{}", failed.failure.message);
}

#[test]
fn an_iterator_of_a_library_fails_without_a_place_of_ours() {
    let step = flat_map(3, "function(x) return x:gmatch('[') end");
    let failed = fails(lines(vec![step]), "word\n");
    assert_eq!(failed.failure.message, "malformed pattern (missing ']')");
    assert_eq!(failed.failure.step, Some(3));
}
