//! Side tables: rows of another dataset that Lua looks up.

use gleamflow::{Dataset, Flow};

use crate::harness::{assert_says, lines, pairs, same, same_error, values, without_hanging};

/// Code, name, millions of people.
fn countries(flow: &Flow) -> Dataset {
    flow.rows([("fr", "France", 68), ("it", "Italy", 59), ("mt", "Malta", 1)])
}

fn codes(flow: &Flow) -> Dataset {
    flow.lines(["it", "xx", "fr", "mt", "it", "fr"])
}

#[test]
fn a_row_is_found_by_its_first_column() {
    let text = same(|flow| {
        let names = countries(&flow).select([1, 2]);
        let rows = codes(&flow).with_table("names", &names);
        lines(&rows.map("function(code) return code, tables.names[code] or 'none' end"))
    });
    assert_eq!(text, "it\tItaly\nxx\tnone\nfr\tFrance\nmt\tMalta\nit\tItaly\nfr\tFrance\n");
}

#[test]
fn several_columns_are_a_list_or_values() {
    let text = same(|flow| {
        let nameless = countries(&flow).union(&flow.rows([("xx", (), 0)]));
        let rows = codes(&flow).with_table("countries", &nameless);
        values(&rows.map(
            "function(code)
                local name, millions = tables.countries(code)
                local list = tables.countries[code]
                return name, millions, list, list[1] == null, select('#', tables.countries('no'))
            end",
        ))
    });
    assert!(
        text.starts_with("\"Italy\" 59 [\"Italy\", 59] false 1\nnil 0 [nil, 0] true 1\n"),
        "{text}"
    );
}

#[test]
fn keys_without_columns_are_true() {
    let text = same(|flow| {
        let stop = flow.lines(["the", "a"]);
        let words = flow.lines(["the", "quick", "a", "fox"]).with_table("stop", &stop);
        let kept = words.filter("function(word) return not tables.stop[word] end");
        lines(&kept.union(&words.filter("function(word) return tables.stop(word) end")))
    });
    assert_eq!(text, "quick\nfox\nthe\na\n");
}

#[test]
fn keys_are_equal_as_everywhere() {
    let text = same(|flow| {
        let keys = flow.range(0..1).flat_map(
            "function()
                emit(1, 'one') emit('1', 'text') emit(0/0, 'nan') emit(true, 'true')
                emit({ 1, 'x' }, 'list') emit({ a = 1 }, 'map') emit(nil, 'nil') emit(nil, 'nil')
                emit(9007199254740993LL, 'large') emit(0, 'zero') emit(1.5, 'half') emit('\\255', 'bytes')
                emit(18446744073709551615ULL, 'largest')
            end",
        );
        lines(&flow.range(0..1).with_table("of", &keys).flat_map(
            "function()
                local all = {
                    1.0, '1', -(0/0), true, { 1, 'x' }, { a = 1 }, 9007199254740993LL, -0.0, 1.5, '\\255',
                    18446744073709551615ULL, false, '', 2, 9007199254740992, { 1 }, {}, null,
                }
                local found = {}
                for i, key in ipairs(all) do found[i] = tables.of[key] or '-' end
                found[#found + 1] = tables.of[nil] or '-'
                found[#found + 1] = tables.of[1LL]
                return { table.concat(found, ' ') }
            end",
        ))
    });
    assert_eq!(
        text,
        "one text nan true list map large zero half bytes largest - - - - - - - - one\n"
    );
}

#[test]
fn all_kinds_of_values_come_as_they_are() {
    let text = same(|flow| {
        let table = flow.range(0..1).flat_map(
            "function()
                emit(1, { 1, null, 'x' }) emit(2, { a = { 1 } }) emit(3, nil) emit(4, false)
                emit(5, 9007199254740993LL) emit(6, 0.5) emit(7, 1e300) emit(8, -5) emit(9, 'x')
            end",
        );
        let rows = flow.range(1..11).with_table("of", &table);
        values(&rows.map("function(x) return x, tables.of[x], (tables.of(x)) end"))
    });
    assert_eq!(
        text,
        "1 [1, nil, \"x\"] [1, nil, \"x\"]\n2 {\"a\": [1]} {\"a\": [1]}\n3 nil nil\n4 false false\n\
         5 9007199254740993 9007199254740993\n6 0.5 0.5\n7 1e300 1e300\n8 -5 -5\n9 \"x\" \"x\"\n10 nil nil\n"
    );
}

#[test]
fn rows_of_many_columns_come_whole() {
    let text = same(|flow| {
        let of = |count: u32| {
            let numbers: Vec<String> = (1..count).map(|n| n.to_string()).collect();
            format!("function(x) return x, {} end", numbers.join(", "))
        };
        let (some, many) = (flow.range(0..3).map(of(30)), flow.range(0..3).map(of(90)));
        let rows = flow.range(2..3).with_table("some", &some).with_table("many", &many);
        lines(&rows.map(
            "function(x)
                local some, many = { tables.some(x) }, { tables.many(x) }
                return #some, some[29], #many, many[89], #tables.some[x], #tables.many[x], tables.many[x][88]
            end",
        ))
    });
    assert_eq!(text, "29\t29\t89\t89\t29\t89\t88\n");
}

#[test]
fn every_kind_of_function_looks_up() {
    let text = same(|flow| {
        let weights = flow.rows([("a", 1), ("b", 10), ("c", 100)]);
        let rows = pairs(&flow, &["a x", "b y", "a z", "c x"]).with_table("weights", &weights);
        let all = [
            rows.flat_map("function(k, v) return { tables.weights[k], v } end"),
            rows.select([2, 1]).reduce(
                "function(a, b)
                    local one, other = tables.weights[a], tables.weights[b]
                    return one > other and a or b
                end",
            ),
            rows.fold("function(a, b, c, d) return c, tables.weights[c] .. b end"),
            rows.group_map(
                [1],
                "function(k, rows) for _, v in rows do emit(v, tables.weights[k]) end end",
            ),
            rows.scan("function(sum, _, k, v) return sum .. tables.weights[k], v end").limit(3),
            rows.sort_by(1, "function(k) return -tables.weights[k] end").limit(1),
            rows.for_each("function(k) assert(tables.weights[k]) end").limit(1),
            rows.partition(3)
                .map_partitions(
                    "function(rows) for _, k in rows do emit(tables.weights[k]) end end",
                )
                .sort(1),
        ];
        let first = all[0].clone();
        lines(&all[1..].iter().fold(first, |rows, more| rows.union(more)))
    });
    assert_eq!(
        text,
        "1\nx\n10\ny\n1\nz\n100\nx\nx\tc\ny\tb\nz\ta\nc\t100110x\na\t1\na\t1\nb\t10\nc\t100\n\
         a\tx\na10\ty\na101\tz\nc\tx\na\tx\n1\n1\n10\n100\n"
    );
}

#[test]
fn shared_code_looks_up_too() {
    let text = same(|flow| {
        let flow = flow.lua("function name_of(code) return tables.names[code] end");
        let names = countries(&flow).select([1, 2]);
        let rows = codes(&flow).with_table("names", &names);
        lines(&rows.map("function(code) return name_of(code) or '-' end"))
    });
    assert_eq!(text, "Italy\n-\nFrance\nMalta\nItaly\nFrance\n");
}

#[test]
fn a_computed_dataset_serves_as_a_table_of_its_own_source() {
    let text = same(|flow| {
        let words = flow.lines(["b", "a", "b", "c", "b", "a"]);
        let counts = words.map("function(word) return word, 1 end");
        let counts = counts.reduce("function(x, y) return x + y end");
        let rows = words.with_table("counts", &counts);
        let rows = rows.map("function(word) return word, tables.counts[word] end");
        lines(
            &rows.partition(2).filter("function(word) return tables.counts[word] > 1 end").sort(1),
        )
    });
    assert_eq!(text, "a\t2\na\t2\nb\t3\nb\t3\nb\t3\n");
}

#[test]
fn a_table_has_tables_itself_and_joined_branches_have_those_of_both() {
    let text = same(|flow| {
        let first = flow.rows([("x", "y")]);
        let second = flow.lines(["x"]).with_table("first", &first);
        let second = second.map("function(k) return tables.first[k], k .. 'z' end");
        let left = flow.lines(["y"]).with_table("second", &second);
        let right = flow.lines(["x"]).with_table("third", &first).map("function(k) return k end");
        lines(&left.union(&right).map("function(k) return tables.second[k], tables.third[k] end"))
    });
    assert_eq!(text, "xz\t\n\ty\n");
}

#[test]
fn the_steps_before_do_not_see_the_table() {
    let error = same_error(|flow| {
        let names = countries(&flow).select([1, 2]);
        let rows = codes(&flow).map("function(code) return tables.names[code] end");
        rows.with_table("names", &names).map("function(x) return tables.names[x] end").count()
    });
    assert_says(
        &error,
        &["tests/flows/tables.rs:", "map, line 1", "'tables'", "hint: `with_table`"],
    );
}

#[test]
fn a_table_that_nobody_names_is_not_computed() {
    let flow = Flow::new();
    let broken = flow.range(0..5).map("function() error('it ran') end").sort(1);
    let rows = flow.range(0..3).with_table("broken", &broken);
    assert_eq!(rows.map("function(x) return x end").count().unwrap(), 3);
    assert_eq!(rows.count().unwrap(), 3);
    let explained = rows.map("function(x) return x end").explain().unwrap();
    assert_eq!(explained, "stage 1: range 0..3 → map\nsink 1: stage 1, in order\n");
    let error = rows.map("function(x) return tables.broken[x] end").count().unwrap_err();
    assert_says(&error.to_string(), &["map", "it ran"]);
}

#[test]
fn a_plan_shows_its_tables() {
    let flow = Flow::new();
    let names = countries(&flow).select([1, 2]);
    let rows = codes(&flow).map("function(x) return x end").with_table("names", &names);
    let explained = rows.map("function(code) return tables.names[code] end").explain().unwrap();
    let expected = "\
stage 1: rows (3) → select 1, 2
stage 2: lines (6), with table names → map → map
table names: stage 1, by column 1
sink 1: stage 2, in order
";
    assert_eq!(explained, expected);
}

#[test]
fn wrong_tables_are_errors() {
    let twice = same_error(|flow| {
        let table = flow.rows([("a", 1), ("b", 2), ("a", 3)]);
        flow.lines(["a"])
            .with_table("of", &table)
            .map("function(x) return tables.of[x] end")
            .count()
    });
    assert_says(
        &twice,
        &[
            "with_table: ",
            "the table has two rows with the key \"a\"",
            "\"a\", 3",
            "hint: `distinct_by(1)`",
        ],
    );
    let widths = same_error(|flow| {
        let table =
            flow.rows([("a", 1), ("b", 2)]).map("function(k, n) return k, n == 1 and n end");
        let table = table.union(&flow.lines(["c"]));
        flow.lines(["a"])
            .with_table("of", &table)
            .map("function(x) return tables.of[x] end")
            .count()
    });
    assert_says(
        &widths,
        &["with_table: ", "rows of 2 and of 1 columns", "\"c\"", "hint: `pad(2)`"],
    );
    let failed = same_error(|flow| {
        let table = flow.lines(["a"]).map("function(x) error('no table') end");
        flow.lines(["a"])
            .with_table("of", &table)
            .map("function(x) return tables.of[x] end")
            .count()
    });
    assert_says(&failed, &["tests/flows/tables.rs:", "map", "no table"]);
}

#[test]
fn names_that_nobody_has_given_are_errors() {
    let error = same_error(|flow| {
        let rows = codes(&flow).with_table("countries", &countries(&flow));
        let rows = rows.with_table("others", &countries(&flow));
        rows.map("function(code) return tables.contries[code] end").count()
    });
    assert_says(
        &error,
        &[
            "map, line 1 of its function: there is no table \"contries\": the tables known here are countries, others",
            "hint: is \"countries\" meant?",
        ],
    );
    let refused = |rows: Dataset, parts: &[&str]| {
        assert_says(&rows.count().unwrap_err().to_string(), parts);
    };
    let flow = Flow::new();
    let rows = codes(&flow).with_table("of", &countries(&flow));
    refused(rows.with_table("of", &codes(&flow)), &["with_table: there is a table \"of\" already"]);
    refused(
        rows.with_table("no name", &codes(&flow)),
        &["\"no name\" is no name", "hint: letters"],
    );
    refused(rows.with_table("end", &codes(&flow)), &["\"end\" is no name"]);
    refused(rows.with_table("x", &Flow::new().lines(["x"])), &["with_table", "another flow"]);
    let other = codes(&flow).with_table("of", &codes(&flow));
    refused(rows.union(&other), &["union: its inputs have different tables of the name \"of\""]);
    assert_eq!(rows.union(&rows.map("function(x) return x end")).count().unwrap(), 12);
}

#[test]
fn what_tables_are_not_good_for_is_an_error() {
    let fails = |step: &str, parts: &[&str]| {
        let flow = Flow::new();
        let rows = codes(&flow).with_table("of", &countries(&flow));
        assert_says(&rows.map(step).count().unwrap_err().to_string(), parts);
    };
    fails("function(x) return tables.of[print] end", &["tables.of: a function is no key"]);
    fails("function(x) tables.of[x] = 1 end", &["tables.of: a table is only read"]);
    fails("function(x) tables.mine = {} end", &["`tables` holds what `with_table`"]);
    fails(
        "function(x) for k in pairs(tables.of) do emit(k) end end",
        &["table expected, got userdata"],
    );
    fails("function(x) return tables.of end", &["column 1 is a userdata"]);
    // Where there are no tables the name is anybody's.
    let rows = Flow::new().lua("tables = { x = 1 }").lines(["x"]);
    assert_eq!(rows.map("function(x) return tables[x] end").collect::<i64>().unwrap(), [1]);
}

#[test]
fn a_table_larger_than_the_heap_of_a_vm_works() {
    let flow = Flow::new().workers(2).memory(128 << 20);
    let rows = 200_000;
    let large = "function(x) return x, ('x'):rep(400) .. x end";
    let large = flow.range(0..rows).map(large);
    let found = flow.range(0..rows).with_table("large", &large).map(
        "function(x)
            local text = tables.large[(x * 7919) % 200000]
            return #text, tonumber(text:sub(401)) == (x * 7919) % 200000
        end",
    );
    let wrong = found.filter("function(_, right) return not right end").count().unwrap();
    assert_eq!(wrong, 0);
}

#[test]
fn whoever_has_enough_does_not_wait_for_a_table_for_ever() {
    without_hanging(|| {
        let flow = Flow::new().workers(1);
        let numbers = flow.range(0..100_000);
        let table = numbers.map("function(x) return x, x end").sort(1);
        let rows = numbers.with_table("of", &table).map("function(x) return tables.of[x] end");
        assert_eq!(rows.limit(3).collect::<i64>().unwrap(), [0, 1, 2]);
        assert_eq!(rows.limit(0).count().unwrap(), 0);
    });
}
