//! Columns of lines: the loop that gives steps only what they look at, against the loop over frames
//! of the same rows.
//!
//! A newcomer's trap: what is not made must not be missed, so the functions here use their columns in
//! all the ways that `lua/uses.lua` tells apart, and in ways that are nearly those.

use proptest::prelude::*;

use super::*;
use crate::plan::view::{Columns, Cut, View};
use crate::row::missing::Missing;
use crate::row::msgpack;
use crate::row::numeric::append_numbers;
use crate::row::written::{TabLines, Written};

/// Steps, each with its template.
const STEPS: &[&[(&str, &str)]] = &[
    &[("map", "function(a, b, c) return c, a end")],
    &[("map", "function(a, b) return b end")],
    &[("map", "function(a) return a, a end")],
    &[("map", "function(a, b, c) return a, b, c, 1 end")],
    &[("map", "function(a, b, c) if b then return c end return a end")],
    &[("map", "function(a, b) local c = a return c, b end")],
    &[("map", "function(a, b) a = b return a end")],
    &[("map", "function(a, b) if not a then a = b end return b, a end")],
    &[("map", "function(a, b) return a .. ':' .. tostring(b) end")],
    &[("map", "function(a) return #a, a:len(), a:sub(2, 2), a:byte() end")],
    &[("map", "function(a, b) return a:sub(1, 2), b end")],
    &[("map", "function(a) return a:find('a', 1, true), a:match('%d+') end")],
    &[("map", "function(a) return a:upper(), a:rep(2) end")],
    &[("map", "function(a) local x = a:sub(1) return x == a, a end")],
    &[("map", "function(a, b) return type(a), type(b) end")],
    &[("map", "function(a, b) return {a, b} end")],
    &[("map", "function(a, b) return a == '' and b or a end")],
    &[("map", "function(...) return select('#', ...), ... end")],
    &[("map", "function(a, b) emit(b) return a end")],
    &[("map", "function() return 1 end")],
    &[("map", "function(a) return (function() return a end)() end")],
    &[("map", "function(a, b, c, d, e) return e, d, c end")],
    &[("map", "function(...) return (...), (select(-1, ...)) end")],
    &[("map", "function(...) return select('#', ...) end")],
    &[("map", "function(...) return select(-1, ...) end")],
    &[("map", "function(...) local t = {...} return #t, t[2], t[1] end")],
    &[("map", "function(...) local a, b, c = ... return c or a, b, #a end")],
    &[("map", "function(a, ...) local b = ... return b, a, (...) == nil end")],
    &[("map", "function(...) local n = select('#', ...) return (select(2, ...)), n, n > 2 end")],
    &[("map", "function(...) return (select(-1, ...)):upper() .. '!', (...) .. '?' end")],
    &[("map", "function(...) return {...}, (...) end")],
    &[("map", "function(...) return (select(-2, ...)) end")],
    &[(
        "map",
        "function(...) return tonumber((...)), select('#', ...) + 1, (select(3, ...)) .. 'x' end",
    )],
    &[(
        "map",
        "function(...) local t = {...} for i = 1, #t do t[i] = t[i] .. i end return unpack(t) end",
    )],
    &[("map", "function(...) return (function(...) return ... end)(...) end")],
    &[("filter", "function(...) return select('#', ...) > 2 end")],
    &[
        ("filter", "function(...) return (select(-1, ...)) end"),
        ("map", "function(...) return select('#', ...), (...) end"),
    ],
    &[("map", "function(a, b) for i = 1, 2 do a = a:sub(1, 1) end return a, b end")],
    &[("map", "function(a) return a:upper(), a:lower() end")],
    &[("map", "function(a, b) return a .. ':' .. b end")],
    &[("map", "function(a, b) return b .. a, a .. 1.5 .. b, 7 end")],
    &[("map", "function(a) return (a:gsub('%d', '#')) end")],
    &[("map", "function(a) return a:gsub('%d', '<%0>') end")],
    &[("map", "function(a) return a:match('%d+'), a:match('()a'), a:match('(.)(.)') end")],
    &[("map", "function(a) return (a:match('%d+') or 'none'):upper() end")],
    &[("map", "function(a, b) return a:sub(1, 1) .. b:upper() .. 1 .. '-' .. a:sub(-1) end")],
    &[("map", "function(a, b) local x = a:upper() return x, x .. 'y', #x end")],
    &[("map", "function(a, b) local x = a:upper() if x == b then return 1 end return x end")],
    &[("map", "function(a, b) return a .. (b and 'x' or 'y') end")],
    &[("map", "function(a, b, c) return a .. c end")],
    &[("map", "function(a) return a:match('x') .. 'y' end")],
    &[("map", "function(a) return a:upper():lower():sub(2) end")],
    &[("map", "function(a, b) if #a > 1 then return a:upper() end return b:sub(1, 1) .. a end")],
    &[(
        "map",
        "function(a, b) local s = '' for i = 1, #a do s = s .. a:sub(i, i) end return s end",
    )],
    &[("map", "function(a, b) return a:sub(1, 1) == 'a', a end")],
    &[("map", "function(a, b) return tonumber(a:sub(1, 2)), a .. '' end")],
    &[
        ("filter", "function(a) return a:sub(1, 1) ~= 'a' end"),
        ("map", "function(a, b) return a:upper() .. b end"),
    ],
    &[
        ("filter", "function(a) return a:upper():find('A') end"),
        ("map", "function(a, b) return a:upper() .. b end"),
    ],
    &[(
        "map",
        "function(a) local x = '' for i = 1, 2 do if i == 2 then x = x .. '!' end x = a end return x end",
    )],
    &[(
        "map",
        "function(a, b) local x for i = 1, 2 do if x then x = x .. 1 end x = b end return x, a end",
    )],
    &[("map", "function(a) local x = a:upper() if x == 'AB' then return 1 end return x end")],
    &[("map", "function(a) local x = a:lower() return x == a, #x, a end")],
    &[(
        "map",
        "function(a) local x = a:gsub('%d', '') if x == 'a' then return x, 1 end return x end",
    )],
    &[("map", "function(a, b) return a + 1, b * 2 - a, -a end")],
    &[("map", "function(a, b) return a % 7 == 0, 2 ^ a, b / a end")],
    &[("map", "function(a, b) return tonumber(a), tonumber(b) end")],
    &[("map", "function(a, b) return b, tonumber((a:gsub('%$', ''))) end")],
    &[("map", "function(a, b) return tonumber(a:sub(1, 1)) or b, tonumber(a:match('%d+')) end")],
    &[("map", "function(a) return tonumber(a:match('()%d')), tonumber(a:match('(a)(%d)')) end")],
    &[("map", "function(a) return a:sub(a:find('b') or 1, a:len()), a:sub(a:find('b')) end")],
    &[("map", "function(a, b) return select('#', a:upper()), b:lower() end")],
    &[(
        "map",
        "function(a) local t = {format = function(x) return x, x end} return t.format(a), t.format(a) end",
    )],
    &[("map", "function(a) return tonumber(a, 16), tonumber(a:sub(1, 2)) end")],
    &[("map", "function(a, b) return string.format('%5s|%d', a, b) end")],
    &[("map", "function(a, b) return ('%s=%s'):format(a, b), a:upper() .. #b end")],
    &[("map", "function(a, b) if a .. 'x' == b then return a .. 1 end return b .. 2 .. a end")],
    &[("map", "function(a, b) local x = a .. b return x, x:sub(2), #x end")],
    &[("map", "function(a, b) return a .. (b or {}) end")],
    &[("map", "function(a, b, c) return ((a .. b):upper() .. (c or '-')):lower() end")],
    &[("map", "function(a, b) return (a .. '-' .. b):gsub('%d', '') end")],
    &[("map", "function(a, b) local t = {} t[a .. b] = a return t[a .. b] end")],
    &[("map", "function(a, b) return (#a > 1 and a or b) .. '!' end")],
    &[(
        "map",
        "function(a) return a .. setmetatable({}, {__concat = function(x, y) return x .. 'y' end}) end",
    )],
    &[("map", "function(a, b) local s = a for i = 1, 2 do s = s .. b end return s .. a end")],
    &[("map", "function(a, b) local tonumber = type return tonumber(a) end")],
    &[("filter", "function(a, b) return a .. 'b' end")],
    &[
        ("filter", "function(a, b) return tonumber(a) end"),
        ("map", "function(a, b) return a .. b end"),
    ],
    &[("filter", "function(a, b) return a * 2 > 10 and (a .. b):find('2') end")],
    &[("flat_map", "function(a, b) return {a .. 'x', b * 1} end")],
    &[("map", "function(a, b) local x, y = tonumber(a) return x, y, b end")],
    &[("map", "function(a, b) local x, y, z = string.format('%s!', a) return x, y, b end")],
    &[("map", "function(a, b) return 1, (b and math.frexp or tonumber)(a:match('%d') or 1) end")],
    &[("map", "function(a, b) return a .. 'x', a:match(b and '(.)(.)' or 'y') end")],
    &[("map", "function(a) return tonumber(a) + 1 end")],
    &[("map", "function(a, b) return (a .. b)() end")],
    &[("map", "function(a, b) return string.format('%s', a).x.y, b end")],
    &[("map", "function(a, b) return ('%s'):format(b) .. ('%d'):format(a) end")],
    &[(
        "map",
        "function(a) n = (n or 0) + 1 if n == 5 then return tonumber('x') + 1 end return a .. n end",
    )],
    &[("map", "function(a, b) return 5LL + b end")],
    &[("map", "function(a, b) return 2 * a + b, a + 3 * b - 1, 1.5 - -a end")],
    &[(
        "map",
        "(function() sum = setmetatable({}, {__add = function(x, y) return type(x) .. type(y) end}) return function(a) return sum + a, a + sum end end)()",
    )],
    &[(
        "map",
        "(function() no = setmetatable({}, {__concat = function() return false end}) return function(a) return a .. no end end)()",
    )],
    &[("map", "function(a) return string.format(0 / 0, a) end")],
    &[(
        "map",
        "(function() tonumber = setmetatable({}, {__call = function(_, x) return type(x) end}) return function(a) return tonumber(a), 1 end end)()",
    )],
    &[(
        "map",
        "(function() string.sub = function(x) return type(x), 2 end return function(a) return a .. 'x', a:sub(1, 2) end end)()",
    )],
    &[(
        "map",
        "(function() select = function() return 'mine' end return function(...) return (select(2, ...)) end end)()",
    )],
    &[("map", "function(a, b)\n  local x =\n    a .. b\n  return x\n    .. nil\nend")],
    &[("map", "function(a, b) return (b and a .. 'x' or b .. 'y') .. (a and 'p' .. b or 'q') end")],
    &[(
        "map",
        "function(a, b) ::top:: local x = a .. b if #x < 5 then b = b .. 'p' goto top end return x end",
    )],
    &[("map", "tostring")],
    &[("filter", "function(a) return a ~= '' end")],
    &[("filter", "function(a, b) return b end")],
    &[("filter", "function(a, b) return #a > 1 or b end")],
    &[("filter", "function() return true end")],
    &[("filter", "function(a) return a:find('%d') end"), ("filter", "function(a, b) return b end")],
    &[("filter", "function(a) return a end"), ("map", "function(a, b, c) return c, b end")],
    &[("filter", "function(a, b, c) return c end"), ("map", "function(a) return a:sub(1, 1) end")],
    &[("filter", "function(a) return #a < 3 end"), ("map", "function(...) return ... end")],
    &[("map", "function(a, b) return b, a end"), ("filter", "function(b, a) return a end")],
    &[("flat_map", "function(a, b) return {b, a} end")],
    &[("flat_map", "function(a) return a:gmatch('.') end")],
    &[("for_each", "function(a, b) emit(b, a:len()) end")],
    &[],
];

/// What is between columns, in which of them numbers are, and how rows leave.
#[derive(Clone, Debug)]
struct Case {
    cut: Cut,
    then: Vec<View>,
    tail: usize,
    steps: usize,
    rows: Vec<Vec<&'static str>>,
}

fn case() -> impl Strategy<Value = Case> {
    let cell = prop_oneof![
        4 => prop::sample::select(vec!["a", "7", "12", "-3", "abc", "0"]),
        1 => prop::sample::select(vec![
            "", "007", "3.5", "1e3", "9007199254740993", "nan", "x y", "-0", "1.50", "+4", "18446744073709551615",
        ]),
    ];
    let rows = prop::collection::vec(prop::collection::vec(cell, 1..5), 1..6);
    let then = prop::sample::select(views());
    let cut = prop::sample::select(vec![Cut::Byte(b'\t'), Cut::Byte(b','), Cut::Blanks]);
    (cut, then, 0..3_usize, 0..STEPS.len(), rows).prop_map(|(cut, then, tail, steps, rows)| Case {
        cut,
        then,
        tail,
        steps,
        rows,
    })
}

/// What steps between the cut and the functions mean.
fn views() -> Vec<Vec<View>> {
    let numbers = |columns: &[u32]| View::Numbers(columns.to_vec());
    let select = |columns: &[u32]| View::Select(columns.to_vec());
    vec![
        vec![],
        vec![numbers(&[2])],
        vec![numbers(&[1])],
        vec![numbers(&[3, 1])],
        vec![select(&[2, 1])],
        vec![numbers(&[2]), select(&[2, 2, 1])],
        vec![select(&[3, 1]), numbers(&[1])],
        vec![numbers(&[1]), select(&[2])],
        vec![select(&[1, 2]), select(&[3])],
        vec![select(&[2, 1]), numbers(&[2]), select(&[2])],
    ]
}

impl Case {
    fn segment(&self, head: Head) -> LuaSegment {
        let step =
            |(number, &(kind, text)): (u32, &(&str, &str))| lua_step(kind, code(number, text));
        let steps = (1..).zip(STEPS[self.steps]).map(step).collect();
        let tail = match self.tail {
            0 => LuaTail::Frames,
            1 => LuaTail::Written(Written::new(90, Arc::new(TabLines))),
            _ => {
                let fold = "function(x, y) return x end";
                combine_tail(&[1], fold)
            }
        };
        LuaSegment { head, steps, tail }
    }

    fn lines(&self) -> Vec<u8> {
        let between = match self.cut {
            Cut::Byte(byte) => (byte as char).to_string(),
            Cut::Blanks => "\t ".to_owned(),
        };
        self.rows.iter().flat_map(|row| (row.join(&between) + "\n").into_bytes()).collect()
    }

    /// The cells of a row as the cut finds them.
    fn cells(&self, row: &[&str]) -> Vec<String> {
        if self.cut != Cut::Blanks {
            return row.iter().map(|cell| (*cell).to_owned()).collect();
        }
        let found: Vec<String> =
            row.join(" ").split(' ').filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
        if found.is_empty() { vec![String::new()] } else { found }
    }

    /// The rows as frames, up to the first that is none, and what is wrong with that one: the
    /// message, and which view says it.
    fn frames(&self) -> (Vec<u8>, Option<(String, u32)>) {
        let mut frames = Vec::new();
        for row in &self.rows {
            let mut columns = Vec::new();
            for cell in self.cells(row) {
                msgpack::put_text(&mut columns, cell.as_bytes());
            }
            for (step, view) in (80..).zip(&self.then) {
                let mut viewed = Vec::new();
                let result = match view {
                    View::Numbers(numbers) => append_numbers(numbers, &columns, &mut viewed),
                    View::Select(picked) => picked.iter().try_for_each(|&column| {
                        let width = msgpack::columns(&columns).count() as u32;
                        let value = msgpack::column(&columns, column).expect("it is whole");
                        viewed.extend_from_slice(value.ok_or(Missing { column, width })?);
                        Ok(())
                    }),
                    View::Cut(_) => unreachable!("none of them cuts"),
                };
                if let Err(failure) = result {
                    return (frames, Some((failure.message, step)));
                }
                columns = viewed;
            }
            frames.extend((columns.len() as u32).to_le_bytes());
            frames.extend(columns);
        }
        (frames, None)
    }
}

/// The bytes of the rows, and the failure with its step.
type Outcome = (Vec<u8>, Option<(String, Option<u32>)>);

fn run(vm: &Vm, rows: Rows<'_>) -> Outcome {
    vm.begin_task(7).expect("begins");
    let mut bytes = Vec::new();
    let mut out = |_: usize, more: &mut Vec<u8>, _: u32| {
        bytes.extend_from_slice(more);
        Ok(())
    };
    let result = vm.push(0, rows, &mut out).and_then(|()| vm.finish(0, &mut out));
    let failed = result.err().map(|failed| (failed.failure.message, failed.failure.step));
    (bytes, failed)
}

fn agrees(case: &Case) -> Result<(), TestCaseError> {
    let lines = case.lines();
    let view = Columns { cut: case.cut, then: (80..).zip(case.then.clone()).collect() };
    let by_columns = vm(case.segment(Head::Columns(Layout::Lines, view)));
    let (frames, bad_row) = case.frames();
    let by_frames = vm(case.segment(Head::Rows(Layout::Frames)));
    // Twice, as tasks of one worker do.
    for _ in 0..2 {
        let got = run(&by_columns, Rows::lines(&lines));
        let mut expected = run(&by_frames, Rows::frames(&frames));
        if let (None, Some((message, step))) = (&expected.1, &bad_row) {
            expected.1 = Some((message.clone(), Some(*step)));
            // What a fold holds is lost with its task.
            if case.tail == 2 {
                expected.0 = got.0.clone();
            }
        }
        prop_assert_eq!(got, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn columns_are_what_their_frames_are(case in case()) {
        agrees(&case)?;
    }
}

#[test]
fn each_way_of_using_columns_gives_the_rows_of_frames() {
    let rows = vec![
        vec!["ab", "7", "x"],
        vec!["7", "12"],
        vec!["", "3.5", "y", "z"],
        vec!["a", "1e3", "x"],
    ];
    for (steps, shown) in STEPS.iter().enumerate() {
        for (cut, then) in
            [Cut::Byte(b'\t'), Cut::Byte(b','), Cut::Blanks].into_iter().flat_map(|cut| {
                // All of them, and for other cuts some.
                let every = if cut == Cut::Byte(b'\t') { 1 } else { 4 };
                views().into_iter().step_by(every).map(move |then| (cut, then))
            })
        {
            for tail in 0..3 {
                let case = Case { cut, then: then.clone(), tail, steps, rows: rows.clone() };
                agrees(&case).unwrap_or_else(|error| panic!("{case:?}, {shown:?}: {error}"));
            }
        }
    }
}

/// Loops that are compiled do what they did before.
#[test]
fn many_rows_are_what_their_frames_are() {
    let some = [vec!["ab", "7", "x"], vec!["7", "12", "y"], vec!["a7", "3", "y", "z"]];
    let rows: Vec<_> = some.iter().cycle().take(450).cloned().collect();
    for (steps, shown) in STEPS.iter().enumerate() {
        for (cut, tail) in [(Cut::Byte(b'\t'), 1), (Cut::Blanks, 0), (Cut::Byte(b','), 2)] {
            let case = Case { cut, then: vec![], tail, steps, rows: rows.clone() };
            agrees(&case).unwrap_or_else(|error| panic!("{cut:?}, {tail}, {shown:?}: {error}"));
        }
    }
}

#[test]
fn lines_are_what_their_frames_are() {
    let rows: Vec<_> = ["ab", "7", "", "a7x", "aXa 12"].map(|line| vec![line]).to_vec();
    for (steps, shown) in STEPS.iter().enumerate() {
        for tail in 0..3 {
            let (cut, then) = (Cut::Byte(b'\t'), Vec::new());
            let case = Case { cut, then, tail, steps, rows: rows.clone() };
            let by_lines = vm(case.segment(Head::Rows(Layout::Lines)));
            let by_frames = vm(case.segment(Head::Rows(Layout::Frames)));
            let (lines, (frames, _)) = (case.lines(), case.frames());
            for _ in 0..2 {
                let got = run(&by_lines, Rows::lines(&lines));
                assert_eq!(got, run(&by_frames, Rows::frames(&frames)), "{shown:?}");
            }
        }
    }
}

#[test]
fn many_short_rows_take_no_places_for_columns_that_they_lack() {
    let view = |then| Columns { cut: Cut::Byte(b','), then };
    let block = "\n".repeat(1 << 20);
    let ends: Vec<u32> = (0..1 << 20).collect();
    for then in [vec![], vec![(80, View::Numbers((1..=40).collect()))]] {
        let mut columns = crate::lua::columns::Columns::new(view(then));
        columns.load(block.as_bytes(), &ends, 1 << 20, 40, false);
        assert_eq!(columns.places(), 0);
    }
    // Rows that have them do.
    let block = "a,b\n".repeat(1000);
    let ends: Vec<u32> = (0..2000).map(|nth| 2 * nth + 1).collect();
    let mut columns = crate::lua::columns::Columns::new(view(vec![]));
    columns.load(block.as_bytes(), &ends, 1000, 2, false);
    assert_eq!(columns.places(), 4000);
}

/// One whose slots are nearly all taken is called as it is.
#[test]
fn functions_of_many_slots_are_left_alone() {
    let locals: Vec<String> = (0..196).map(|nth| format!("l{nth}")).collect();
    let ones = "1, ".repeat(36);
    let joined = ["a"; 12].join(" .. ");
    let locals = locals.join(", ");
    let text = format!("function(a, b) local {locals} = 1 return select(-1, {ones}{joined}) end");
    let cut = || Columns { cut: Cut::Byte(b'\t'), then: vec![] };
    let by_columns = vm(segment(Head::Columns(Layout::Lines, cut()), vec![map(1, &text)]));
    let (bytes, failed) = run(&by_columns, Rows::lines(b"x\ty\n"));
    assert_eq!((show(&bytes), failed), (vec!["\"xxxxxxxxxxxx\"".to_owned()], None));
}
