//! Functions over the rows of a key or of a partition, against models of a few lines.

use std::collections::BTreeMap;

use gleamflow::{Dataset, Flow};

use crate::harness::{assert_says, lines, many_words, same, same_error, values, without_hanging};

/// Rows of a word and its number.
fn numbered(flow: &Flow, words: &[String]) -> Dataset {
    flow.rows(words.iter().cloned().zip(1_i64..))
}

/// The numbers of each word.
fn groups_of(words: &[String]) -> BTreeMap<String, Vec<i64>> {
    let mut groups = BTreeMap::<String, Vec<i64>>::new();
    for (word, number) in words.iter().zip(1..) {
        groups.entry(word.clone()).or_default().push(number);
    }
    groups
}

#[test]
fn group_map_gives_each_key_its_rows_in_order() {
    for (count, different) in [(0, 1), (1, 1), (600, 1), (600, 23), (300, 290)] {
        let words = many_words(count, different);
        let mut model = String::new();
        for (word, numbers) in groups_of(&words) {
            for (i, number) in (1..).zip(&numbers) {
                model += &format!("{word}\t{i}\t{word}\t{number}\n");
            }
            model += &format!("{word}\tcount\t{}\n", numbers.len());
        }
        let text = same(|flow| {
            lines(&numbered(&flow, &words).group_map(
                [1],
                "function(key, rows)
                    local count = 0
                    for i, word, number in rows do
                        emit(key, i, word, number)
                        count = i
                    end
                    return unpack_rows({ { key, 'count', count } })
                end",
            ))
        });
        assert_eq!(text, model, "{count} rows of {different} keys");
    }
}

#[test]
fn rows_may_be_left_half_read() {
    let words = many_words(700, 9);
    for least in [0, 1, 3, 1000] {
        let mut model = String::new();
        for (word, numbers) in groups_of(&words) {
            let sum: i64 = numbers.iter().take(least).sum();
            model += &format!("{word}\t{sum}\n");
        }
        let text = same(|flow| {
            lines(&numbered(&flow, &words).group_map(
                [1],
                format!(
                    "function(key, rows)
                        local sum = 0
                        for i = 1, {least} do
                            local n, _, number = rows()
                            if not n then break end
                            sum = sum + number
                        end
                        emit(key, sum)
                    end"
                ),
            ))
        });
        assert_eq!(text, model, "{least} of each");
    }
}

#[test]
fn what_group_map_returns_is_taken_as_by_flat_map() {
    let words = many_words(400, 7);
    let mut model = String::new();
    for (word, numbers) in groups_of(&words) {
        numbers.iter().for_each(|number| model += &format!("{word}\t{}\n", 2 * number));
    }
    let iterator = "function(key, rows)
        return function()
            local i, _, number = rows()
            if i then return key, 2 * number end
        end
    end";
    let text = same(|flow| lines(&numbered(&flow, &words).group_map([1], iterator)));
    assert_eq!(text, model);
    let coroutine = "function(key, rows)
        return coroutine.wrap(function()
            local inner = coroutine.create(function()
                for i, _, number in rows do coroutine.yield(2 * number) end
            end)
            while true do
                local ok, number = coroutine.resume(inner)
                if number == nil then return end
                coroutine.yield(key, number)
            end
        end)
    end";
    let text = same(|flow| lines(&numbered(&flow, &words).group_map([1], coroutine)));
    assert_eq!(text, model);
    // Functions that were taken from the library before.
    let taken = "(function()
        local wrap, yield = coroutine.wrap, coroutine.yield
        return function(key, rows)
            return wrap(function() for i, _, number in rows do yield(key, 2 * number) end end)
        end
    end)()";
    let text = same(|flow| lines(&numbered(&flow, &words).group_map([1], taken)));
    assert_eq!(text, model);
    let text = same(|flow| {
        lines(&flow.range(0..3).group_map([1], "function(x) return { x, x * 10 } end"))
    });
    assert_eq!(text, "0\n0\n1\n10\n2\n20\n");
}

#[test]
fn nil_keys_and_nil_columns_do_not_end_the_rows() {
    let rows = [(None, Some(1)), (Some("a"), None), (None, None), (Some("a"), Some(2))];
    let text =
        same(|flow| {
            values(&flow.rows(rows).group_map(
                [1],
                "function(k, rows) for i, a, b in rows do emit(k, i, a, b) end end",
            ))
        });
    assert_eq!(text, "nil 1 nil 1\nnil 2 nil nil\n\"a\" 1 \"a\" nil\n\"a\" 2 \"a\" 2\n");
}

#[test]
fn several_keys_and_none() {
    let rows = [(1, "b", 2), (2, "a", 2), (3, "b", 1), (4, "b", 2)];
    let count = "function(...)
        local n = select('#', ...)
        local rows, count = select(n, ...), 0
        for i in rows do count = i end
        local row = { ... }
        row[n] = count
        return unpack_rows({ row })
    end";
    let text = same(|flow| lines(&flow.rows(rows).group_map([3, 2], count)));
    assert_eq!(text, "1\tb\t1\n2\ta\t1\n2\tb\t2\n");
    let text = same(|flow| lines(&flow.rows(rows).group_map([], count)));
    assert_eq!(text, "4\n");
    let text = same(|flow| lines(&flow.range(0..0).group_map([], count)));
    assert_eq!(text, "");
}

#[test]
fn rows_of_any_width_come_whole() {
    let wide = "function(n) local row = {} for i = 1, n do row[i] = i end return unpack(row) end";
    let text = same(|flow| {
        lines(&flow.range(1..14).map(wide).group_map(
            [1],
            "function(key, rows)
                local function take(i, ...)
                    if not i then return false end
                    emit(i, select('#', ...), (select(-1, ...)))
                    return true
                end
                while take(rows()) do end
            end",
        ))
    });
    let model: String = (1..14).map(|n| format!("{n}\t{n}\t{n}\n")).collect();
    assert_eq!(text, model);
}

#[test]
fn a_function_that_throws_in_the_middle_of_a_group_is_named_with_its_line_and_row() {
    let words = many_words(500, 5);
    let throws = "function(key, rows)
        for i, word, number in rows do
            if number == 250 then
                error('no 250')
            end
        end
    end";
    let message = same_error(|flow| lines(&numbered(&flow, &words).group_map([1], throws)));
    let place = concat!(file!(), ":");
    assert_says(
        &message,
        &[place, ", group_map, line 4 of its function: no 250", "on \"w3\", 250"],
    );
    // Behind a limit that is satisfied before, nobody is told.
    let emits = throws.replace("if number", "emit(number) if number");
    let text = same(|flow| lines(&numbered(&flow, &words).group_map([1], emits.as_str()).limit(2)));
    assert_eq!(text, "1\n6\n");
}

#[test]
fn an_endless_function_ends_with_the_limit_behind_it() {
    let text = without_hanging(|| {
        same(|flow| {
            let endless = "function(key, rows) while true do emit(key) end end";
            lines(&flow.range(0..20).group_map([1], endless).limit(3))
        })
    });
    assert_eq!(text, "0\n0\n0\n");
}

#[test]
fn group_map_refuses_what_is_no_iterator_and_columns_that_are_not_there() {
    let error =
        same_error(|flow| lines(&flow.range(0..2).group_map([1], "function() return 1 end")));
    assert_says(
        &error,
        &["group_map: expected an iterator, a list or nothing, got number", "on 0"],
    );
    let error = same_error(|flow| lines(&flow.range(0..2).group_map([2], "function() end")));
    assert_says(&error, &["group_map: there is no column 2: the row has 1 column", "`pad(2)`"]);
    let error = same_error(|flow| lines(&flow.range(0..2).group_map([1], "{}")));
    assert_says(&error, &["group_map", "expected a function, got a table"]);
    let error = same_error(|flow| {
        lines(&flow.range(0..2).group_map([1], "function() coroutine.yield(1) end"))
    });
    assert_says(&error, &["group_map, line 1", "attempt to yield from outside a coroutine"]);
}

#[test]
fn rows_that_are_read_inside_a_sort_are_refused_with_a_way_out() {
    let words = many_words(400, 1);
    let error = same_error(|flow| {
        lines(&numbered(&flow, &words).group_map(
            [1],
            "function(key, rows)
                table.sort({ 3, 2, 1 }, function(a, b) for _ in rows do end return a < b end)
            end",
        ))
    });
    let says = "rows cannot be read inside a function that `table.sort` or `string.gsub` calls";
    assert_says(&error, &[says, "on \"w0\", 1", "hint: collect"]);
    let error = same_error(|flow| {
        let reads =
            "function(key, rows) return { ((key):gsub('w', function() return rows() end)) } end";
        lines(&flow.lines(["w0"]).group_map([1], reads))
    });
    assert_says(&error, &[says]);
    // What has failed is over.
    let text = same(|flow| {
        let fails = "function(key, rows)
            pcall(table.sort, { 1, 2, 3 }, function(a, b) error('no') end)
            return { key, (rows()), (key:gsub('w', string.upper)) }
        end";
        lines(&flow.lines(["w0"]).group_map([1], fails))
    });
    assert_eq!(text, "w0\n1\nW0\n");
}

#[test]
fn map_partitions_sees_each_partition_in_its_order() {
    let words = many_words(300, 40);
    let ends = "function(rows)
        local count, first, last = 0, nil, nil
        for i, x in rows do
            if i == 1 then first = x end
            count, last = i, x
        end
        emit(count, first, last)
    end";
    let text = same(|flow| lines(&flow.lines(&words).map_partitions(ends)));
    assert_eq!(text, format!("300\t{}\t{}\n", words[0], words[299]));
    for count in [1, 3, 7] {
        let mut model = String::new();
        for part in 0..count {
            let part: Vec<&String> = words.iter().skip(part).step_by(count).collect();
            model += &format!("{}\t{}\t{}\n", part.len(), part[0], part[part.len() - 1]);
        }
        let text =
            same(|flow| lines(&flow.lines(&words).round_robin(count as u32).map_partitions(ends)));
        assert_eq!(text, model, "{count} partitions");
        // What follows looks through the partitions, this does not.
        let text = same(|flow| {
            let parts = flow.lines(&words).round_robin(count as u32);
            lines(&parts.map_partitions(ends).sort(1))
        });
        assert_eq!(text.lines().count(), count, "{text}");
    }
}

#[test]
fn map_partitions_is_called_for_no_rows_too() {
    let count = "function(rows) local n = 0 for i in rows do n = i end emit(n) end";
    let text = same(|flow| lines(&flow.range(0..0).map_partitions(count)));
    assert_eq!(text, "0\n");
    let text = same(|flow| lines(&flow.range(0..2).round_robin(4).map_partitions(count)));
    assert_eq!(text, "1\n1\n0\n0\n");
    let text = same(|flow| {
        let piped = flow.lines(["b\tc", "a"]).pipe("cat");
        lines(&piped.map_partitions("function(rows) for i, x, y in rows do emit(y, x) end end"))
    });
    assert_eq!(text, "c\tb\n\ta\n");
}

#[test]
fn map_partitions_ends_its_source_with_the_limit_behind_it() {
    let text = without_hanging(|| {
        let flow = Flow::new();
        let endless = flow.reader(crate::harness::Endless::new(b"some line\n"));
        let twice = "function(rows) for i, line in rows do emit(i, line) end end";
        String::from_utf8(lines(&endless.map_partitions(twice).limit(2)).unwrap()).unwrap()
    });
    assert_eq!(text, "1\tsome line\n2\tsome line\n");
}

#[test]
fn a_function_that_keeps_all_rows_or_calls_itself_without_end_fails_like_any_other() {
    let flow = Flow::new().memory(96 << 20).workers(1);
    let keeps = "function(rows)
        local all = {}
        for i, x in rows do all[i] = { x, x, x } end
        emit(#all)
    end";
    let error = flow.range(0..3_000_000).group_map([], keeps).count().unwrap_err().to_string();
    assert_says(&error, &["group_map", "the Lua code needs more memory than it may use", "hint: "]);
    let error = same_error(|flow| {
        let deep =
            "function(key, rows) local function f(x) return 1 + f(x) end return { f(1) } end";
        lines(&flow.range(0..3).group_map([1], deep))
    });
    assert_says(&error, &["group_map: stack overflow"]);
}
