//! User code that does not parse, throws, never ends, or gives back what is no row.

use std::time::Duration;

use crate::program::Place;

#[test]
fn lua_that_does_not_parse_is_found_before_anything_starts() {
    let place = Place::with_input("a\n");
    let witness = place.path("started");
    let outcome = place
        .program([
            "map_pipe_map",
            &place.input(),
            "function(x) return x end",
            &format!("touch {witness}; cat"),
            "function(x)\n  return x +\nend",
        ])
        .run();
    outcome.fails("HERE, for_each, line 3 of its function: unexpected symbol near 'end'");
    assert_eq!(outcome.text(), "");
    assert_eq!(place.names(), ["in.txt"]);
    let outcome = place.program(["map", &place.path("missing"), "function(x return x end"]).run();
    outcome.fails("HERE, map, line 1 of its function: ')' expected near 'return'");
    let outcome = place.program(["map", &place.input(), "x y"]).run();
    outcome.fails(
        "HERE, map, line 1 of its function: '<eof>' expected near 'y'\n\n\
         hint: a step takes a function, such as `function(x) return x end`; other code goes into \
         `lua`",
    );
    let outcome = place.program(["shared", &place.input(), "x = = 1", "function(x) end"]).run();
    outcome.fails("HERE, lua, line 1 of its function: unexpected symbol near '='");
}

#[test]
fn an_error_names_the_users_line_the_input_and_the_row() {
    let place = Place::with_input("good\nbad\ngood\n");
    let throws = "function(line)\n  if line == 'bad' then\n    error('boom')\n  end\nend";
    let outcome = place.program(["flat_map", &place.input(), throws]).run();
    outcome.fails("HERE, flat_map, line 3 of its function: boom\n  on DIR/in.txt, line 2: \"bad\"");
    let threads = place.program(["flat_map", &place.input(), throws]).threads().run();
    assert_eq!(threads.stderr, outcome.stderr);
    assert_eq!(threads.code, Some(1));
}

#[test]
fn an_error_without_a_position_still_has_its_line() {
    let place = Place::with_input("bad\n");
    let outcome = place
        .program(["flat_map", &place.input(), "function(line)\n\n  error('level 0', 0)\nend"])
        .run();
    outcome
        .fails("HERE, flat_map, line 3 of its function: level 0\n  on DIR/in.txt, line 1: \"bad\"");
}

#[test]
fn a_thrown_table_is_shown_as_what_it_is() {
    let place = Place::with_input("bad\n");
    let outcome = place.program(["map", &place.input(), "function(x)\n  error({1})\nend"]).run();
    outcome.fails(
        "HERE, map, line 2 of its function: error value: a table\n  on DIR/in.txt, line 1: \"bad\"",
    );
    let own =
        "function(x)\n  error(setmetatable({}, {__tostring = function() return 'mine' end}))\nend";
    place
        .program(["map", &place.input(), own])
        .run()
        .fails("HERE, map, line 2 of its function: mine\n  on DIR/in.txt, line 1: \"bad\"");
    place.program(["map", &place.input(), "function(x)\n  error()\nend"]).run().fails(
        "HERE, map, line 2 of its function: error value: nil\n  on DIR/in.txt, line 1: \"bad\"",
    );
}

#[test]
fn an_error_deep_in_a_local_function_has_the_line_where_it_happens() {
    let place = Place::with_input("bad\n");
    let deep = "(function()\n  local function inner(x)\n    return x.y.z\n  end\n  return function(x)\n    return 1 + inner(x)\n  end\nend)()";
    place.program(["flat_map", &place.input(), deep]).run().fails(
        "HERE, flat_map, line 3 of its function: attempt to index field 'y' (a nil value)\n  \
         on DIR/in.txt, line 1: \"bad\"",
    );
}

#[test]
fn a_long_row_is_shown_up_to_80_bytes() {
    let place = Place::with_input(format!("ok\n{}\n", "ä".repeat(1000)));
    let outcome = place
        .program(["map", &place.input(), "function(x) if #x > 2 then error('long', 0) end end"])
        .run();
    outcome.fails(&format!(
        "HERE, map, line 1 of its function: long\n  on DIR/in.txt, line 2: \"{}…",
        "ä".repeat(38)
    ));
}

#[test]
fn an_error_in_shared_code_names_both_places() {
    let place = Place::with_input("bad\n");
    let help = "function help()\n  error('deep')\nend";
    place.program(["shared", &place.input(), help, "function(x)\n\n  help()\nend"]).run().fails(
        "HERE, map, line 3 of its function: deep (line 2 of the shared code)\n  \
             on DIR/in.txt, line 1: \"bad\"",
    );
    place
        .program(["shared", &place.input(), "x = 1\nerror('early')", "function(x) end"])
        .run()
        .fails("HERE, lua, line 2 of its function: early");
}

#[test]
fn an_error_in_a_reducer_names_the_reducer() {
    let place = Place::with_input("a\na\n");
    place
        .program([
            "reduce",
            &place.input(),
            "function(x) return x, {} end",
            "function(a, b)\n  return a + b\nend",
        ])
        .run()
        .fails(
            "HERE, reduce, line 2 of its function: attempt to perform arithmetic on local 'a' \
             (a table value)\n  on DIR/in.txt, line 2: \"a\"",
        );
}

#[test]
fn what_cannot_be_a_column_is_refused_with_its_type() {
    let place = Place::with_input("ok\nbad\n");
    let map = |value: &str| {
        let lua = format!("function(x)\n  if x == 'bad' then\n    return 1, {value}\n  end\nend");
        place.program(["map", &place.input(), &lua]).run()
    };
    let on = "  on DIR/in.txt, line 2: \"bad\"";
    map("function() end").fails(&format!("HERE, map: column 2 is a function\n{on}"));
    map("coroutine.create(print)").fails(&format!("HERE, map: column 2 is a coroutine\n{on}"));
    map("io.stdout").fails(&format!("HERE, map: column 2 is a userdata\n{on}"));
    map("{{print}}").fails(&format!("HERE, map: column 2 holds a function\n{on}"));
    let outcome = map("tostring({})");
    let address = outcome.stderr.split('"').nth(1).unwrap_or_default();
    assert!(address.starts_with("table: 0x"), "{}", outcome.stderr);
    outcome.fails(&format!(
        "HERE, map: column 2 is the text \"{address}\", the address of a value\n{on}\n\n\
         hint: tostring and .. show where a table or a function lies in memory; return what is in it"
    ));
    map("(function() local t = {} t[1] = t return t end)()")
        .fails(&format!("HERE, map: column 2 is nested deeper than 100, or holds itself\n{on}"));
}

#[test]
fn os_exit_is_an_error_of_the_step() {
    let place = Place::with_input("a\n");
    place.program(["map", &place.input(), "function(x)\n  os.exit(0)\nend"]).run().fails(
        "HERE, map, line 2 of its function: os.exit is not available in a step\n  \
         on DIR/in.txt, line 1: \"a\"",
    );
}

const TOO_LONG: &str = "the step took longer than 2s for one row\n  on \"bad\"\n\n\
     hint: `step_timeout` sets the limit; is there a loop without end?";

#[test]
fn a_loop_without_end_is_stopped_within_four_seconds() {
    let place = Place::with_input("ok\nbad\n");
    let loops = [
        // Calls what the compiler cannot compile.
        "function(x) if x == 'bad' then while true do string.rep(x, 2):gsub('b', 'c') end end end",
        // Is compiled to a trace that has no way out.
        "function(x) local n = 0 if x == 'bad' then while true do n = n + 1 end end end",
        // Hides behind a pcall.
        "function(x) if x == 'bad' then while true do pcall(error) end end end",
    ];
    for text in loops {
        let outcome =
            place.program(["map", &place.input(), text]).env("FAULT_STEP_TIMEOUT_MS", "2000").run();
        outcome.fails(&format!("HERE, map: {TOO_LONG}"));
        assert!(outcome.took > Duration::from_secs(2), "{:?}", outcome.took);
        assert!(outcome.took < Duration::from_secs(4), "{:?}", outcome.took);
    }
}

#[test]
fn a_loop_without_end_in_a_worker_thread_is_reported() {
    let place = Place::with_input("bad\n");
    let outcome = place
        .program(["map", &place.input(), "function(x) while true do end end"])
        .threads()
        .env("FAULT_STEP_TIMEOUT_MS", "2000")
        .run();
    outcome.fails(&format!("HERE, map: {TOO_LONG}"));
    assert!(outcome.took < Duration::from_secs(4), "{:?}", outcome.took);
}

#[test]
fn a_timeout_behind_slow_rows_is_still_a_timeout() {
    // The second split loops at once; the first takes longer than its limit in all, but no row
    // of it does.
    let place = Place::with_input("slow\nslow\nslow\nslow\nbad!\n");
    let lua = "function(x) if x == 'bad!' then while true do end end os.execute('sleep 0.7') end";
    for workers in [1, 2] {
        let outcome = place
            .program(["map", &place.input(), lua])
            .workers(workers)
            .split(20)
            .env("FAULT_STEP_TIMEOUT_MS", "1500")
            .run();
        // On a loaded machine a slow row can be the one that takes too long.
        let message = "Error: HERE, map: the step took longer than 1.5s for one row\n  on \"";
        assert!(outcome.stderr.starts_with(message), "{}", outcome.stderr);
        assert_eq!((outcome.code, outcome.signal), (Some(1), None));
    }
}

/// At one row for so long that a run without a limit warns of it.
const VERY_SLOW: &str = "function(x)
    local start = os.time()
    while x == 'bad' and os.time() - start < 13 do end
    return x
end";

#[test]
fn a_step_without_end_and_without_a_limit_is_warned_of_once() {
    let place = Place::with_input("ok\nbad\nok\nbad\n");
    let outcome = place
        .program(["map", &place.input(), VERY_SLOW])
        .workers(2)
        .split(6)
        .env("FAULT_WARNINGS", "1")
        .run();
    let text = outcome.text();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{text}");
    let (warning, rest) = text.split_once("\n\n").expect("a warning and a hint");
    assert!(warning.starts_with("warning: tests/programs/fault_program.rs:"), "{text}");
    assert!(warning.ends_with(", map: the step has been at one row for 10s, on \"bad\""), "{text}");
    let hint = "hint: is there a loop without end? `step_timeout` ends one\n";
    assert_eq!(rest, format!("{hint}ok\nbad\nok\nbad\n"));
}

#[test]
fn a_person_at_a_terminal_sees_where_a_run_stands_still() {
    let place = Place::with_input("bad\n");
    // `script` gives the words to $SHELL, and only bash reads what its `%q` writes.
    let at_a_terminal = r#"SHELL=$BASH exec script -qec "$(printf '%q ' "$@")" /dev/null"#;
    let outcome = place.shell(at_a_terminal, ["map", &place.input(), VERY_SLOW]).run();
    let text = outcome.text();
    let (warning, rows) = text.split_once("\r\n").expect("two lines");
    assert!(warning.starts_with("gleamflow: tests/programs/fault_program.rs:"), "{text}");
    let expected = ", map: the step has been at one row for 10s, on \"bad\"; \
                    hint: is there a loop without end? `step_timeout` ends one";
    assert!(warning.ends_with(expected), "{text}");
    assert_eq!(rows, "bad\r\n");
}

#[test]
fn many_rows_that_one_call_looks_at_are_not_taken_for_a_slow_one() {
    // All lines of the block are matched at the first one; each takes less than the limit.
    let place = Place::with_input(format!("{}\n", "a".repeat(300)).repeat(600));
    let all = "function(line) return line:gmatch('.-b') end";
    for scenario in ["flat_map", "count"] {
        let outcome = place
            .program([scenario, &place.input(), all])
            .env("FAULT_STEP_TIMEOUT_MS", "1000")
            .run();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{:?}", outcome.took);
    }
}

#[test]
fn the_slow_row_and_step_are_named_where_one_call_looks_at_many() {
    let slow = "a".repeat(5000);
    let place = Place::with_input(format!("quick\nab\n{slow}\nquick\n"));
    let all = "function(line) return line:gmatch('.-.-.-.-.-b') end";
    for scenario in ["flat_map", "count"] {
        place
            .program([scenario, &place.input(), all])
            .env("FAULT_STEP_TIMEOUT_MS", "2000")
            .run()
            .fails(&format!(
                "HERE, flat_map: {}",
                TOO_LONG.replace("\"bad\"", &format!("\"{}…", &slow[..76]))
            ));
    }
}

#[test]
fn a_table_that_grows_without_end_is_an_error_of_its_step() {
    let place = Place::with_input("ok\nbad\n");
    let grows = "function(x)\n  local kept = {}\n  if x == 'bad' then\n    for i = 1, 1e9 do\n      kept[i] = {i}\n    end\n  end\nend";
    for threads in [false, true] {
        let program = place.program(["kind", &place.input(), grows]).least_memory(1);
        let outcome = if threads { program.threads().run() } else { program.run() };
        outcome.fails(
            "HERE, map: the Lua code needs more memory than it may use\n  \
             on DIR/in.txt, line 2: \"bad\"\n\n\
             hint: give the run more `memory`, or keep less in Lua variables",
        );
        assert_eq!(outcome.text(), "Err(Memory)\n");
    }
}

#[test]
fn one_value_that_is_larger_than_the_memory_is_an_error_of_its_step() {
    let place = Place::with_input("x\n");
    for text in [
        "function(x)\n  return #x:rep(1e9)\nend",
        "function(x)\n  local s = x\n  while true do\n    s = s .. s\n  end\nend",
    ] {
        let outcome = place.program(["kind", &place.input(), text]).least_memory(1).run();
        outcome.fails(
            "HERE, map: the Lua code needs more memory than it may use\n  on DIR/in.txt, line 1: \"x\"\n\n\
             hint: give the run more `memory`, or keep less in Lua variables",
        );
        assert_eq!(outcome.text(), "Err(Memory)\n");
    }
}

#[test]
fn recursion_without_end_is_an_error_of_its_step() {
    let place = Place::with_input("x\n");
    let recursion = "(function()\n  local function again(x)\n    return 1 + again(x)\n  end\n  return again\nend)()";
    place
        .program(["map", &place.input(), recursion])
        .run()
        .fails("HERE, map: stack overflow\n  on DIR/in.txt, line 1: \"x\"");
}

#[test]
fn after_a_failed_run_the_next_one_works() {
    let place = Place::with_input(crate::program::lines(100));
    let outcome = place
        .program(["twice", &place.input(), "function(x) if x:find('7') then error('boom') end end"])
        .split(50)
        .run();
    assert_eq!(outcome.stderr, "first: Lua\n");
    assert_eq!((outcome.code, outcome.text().as_str()), (Some(0), "100\n"));
}
