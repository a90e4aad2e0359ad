//! The operators of the graphs; each has its model in `model.rs`.
//!
//! A newcomer's trap: all rows are of two text columns, so an operator that makes others is followed
//! by what brings them back.

use std::sync::atomic::{AtomicUsize, Ordering};

use gleamflow::{Agg, Dataset, Join, OnError, Shell, Sort, Text};
use proptest::prelude::*;

/// An operator on rows of two text columns, which gives rows of two text columns. Some read a second
/// dataset too.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Swap,
    Shorten,
    Lengths,
    Rejoin,
    Double,
    Keep,
    LeaveOut,
    LeaveOutNumbers,
    EmitSwapped,
    SwapRows,
    KeepRows,
    DoubleRows,
    Fields,
    SplitPattern,
    Pad,
    Select,
    SelectTwice,
    Reduce,
    ReduceBy,
    Fold,
    Distinct,
    CountBy,
    CountByBoth,
    Aggregate,
    AggregateAll,
    GroupMap,
    MapPartitions,
    Accumulate,
    Scan,
    ScanBy,
    Lag(u64),
    Window(u64, u64),
    Branch,
    Sort,
    SortBy,
    SortDown,
    Top(u64),
    Limit(u64),
    Skip(u64),
    Union,
    Join,
    FullJoin,
    BroadcastAnti,
    BroadcastLeft,
    LookUp,
    MergeSorted,
    Zip,
    WithIndex,
    Reverse,
    GroupBy,
    Intersect,
    Subtract,
    Partition(u32),
    PartitionBy(u32),
    RoundRobin(u32),
    Cat,
    SortCommand,
    Head,
    CatRows,
    CatJson,
    PipeColumns,
    PipeBoth,
    Args,
}

pub fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        Just(Op::Swap),
        Just(Op::Shorten),
        Just(Op::Lengths),
        Just(Op::Rejoin),
        Just(Op::Double),
        Just(Op::Keep),
        Just(Op::LeaveOut),
        Just(Op::LeaveOutNumbers),
        Just(Op::EmitSwapped),
        Just(Op::SwapRows),
        Just(Op::KeepRows),
        Just(Op::DoubleRows),
        Just(Op::Fields),
        Just(Op::SplitPattern),
        Just(Op::Pad),
        Just(Op::Select),
        Just(Op::SelectTwice),
        Just(Op::Reduce),
        Just(Op::ReduceBy),
        Just(Op::Fold),
        Just(Op::Distinct),
        Just(Op::CountBy),
        Just(Op::CountByBoth),
        Just(Op::Aggregate),
        Just(Op::AggregateAll),
        Just(Op::GroupMap),
        Just(Op::MapPartitions),
        Just(Op::Accumulate),
        Just(Op::Scan),
        Just(Op::ScanBy),
        (1..4u64).prop_map(Op::Lag),
        (1..5u64, 1..5u64).prop_map(|(size, step)| Op::Window(size, step)),
        Just(Op::Branch),
        Just(Op::Sort),
        Just(Op::SortBy),
        Just(Op::SortDown),
        number_of_rows().prop_map(Op::Top),
        number_of_rows().prop_map(Op::Limit),
        number_of_rows().prop_map(Op::Skip),
        Just(Op::Union),
        Just(Op::Join),
        Just(Op::FullJoin),
        Just(Op::BroadcastAnti),
        Just(Op::BroadcastLeft),
        Just(Op::LookUp),
        Just(Op::MergeSorted),
        Just(Op::Zip),
        Just(Op::WithIndex),
        Just(Op::Reverse),
        Just(Op::GroupBy),
        Just(Op::Intersect),
        Just(Op::Subtract),
        (1..5u32).prop_map(Op::Partition),
        (1..5u32).prop_map(Op::PartitionBy),
        (1..5u32).prop_map(Op::RoundRobin),
        Just(Op::Cat),
        Just(Op::SortCommand),
        Just(Op::Head),
        Just(Op::CatRows),
        Just(Op::CatJson),
        Just(Op::PipeColumns),
        Just(Op::PipeBoth),
        Just(Op::Args),
    ]
}

fn number_of_rows() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..20u64, Just(700)]
}

/// The first and the last of what was folded: associative and not commutative.
const ENDS: &str = "function(x, y) return x:match('^[^~]*') .. '~' .. y:match('[^~]*$') end";
const ENDS_OF_BOTH: &str = "function(a, b, c, d)
    return a:match('^[^~]*') .. '~' .. c:match('[^~]*$'), b:match('^[^~]*') .. '~' .. d:match('[^~]*$')
end";

/// The same as states.
const ENDS_OF_STATES: &str = "return {
    init = function() return {} end,
    step = function(s, k, v)
        s[1], s[2] = s[1] or v, v
        s.n = (s.n or 0) + 1
        return s
    end,
    merge = function(a, b) return { a[1], b[2], n = a.n + b.n } end,
    finish = function(s)
        return s.n == 1 and s[1] or s[1]:match('^[^~]*') .. '~' .. s[2]:match('[^~]*$')
    end,
}";

impl Op {
    pub fn apply(self, rows: &Dataset, other: &Dataset) -> Dataset {
        match self {
            Op::Swap => rows.map("function(k, v) return v, k end"),
            Op::Shorten => rows.map("function(k, v) return k:sub(1, 2), v end"),
            Op::Lengths => rows
                .map("function(k, v) return k, tostring(#v) end")
                .numbers([2])
                .map("function(k, n) return k, str(n) end"),
            Op::Rejoin => rows.map("function(k, v) return k .. ':' .. v end").split(":"),
            Op::Double => rows.flat_map(
                "function(k, v)
                    local left = 2
                    return function()
                        left = left - 1
                        if left == 1 then return k, v elseif left == 0 then return v, k end
                    end
                end",
            ),
            Op::LeaveOut => rows
                .map("function(k, v) if #k % 2 == 0 then error('even') end return k, v end")
                .on_error(OnError::skip()),
            Op::LeaveOutNumbers => rows
                .map("function(k, v) return k, v, #k % 2 == 1 and '1' or 'even' end")
                .numbers([3])
                .on_error(OnError::skip())
                .select([1, 2]),
            Op::Keep => rows.filter("function(k, v) return #k % 2 == 1 end"),
            Op::EmitSwapped => rows.for_each("function(k, v) if k < 'c' then emit(v, k) end end"),
            Op::SwapRows => rows.map_rows(|(k, v): (String, String)| (v, k)),
            Op::KeepRows => rows.filter_rows(|(k, _): &(String, String)| k.len() % 2 == 1),
            Op::DoubleRows => rows.flat_map_rows(|(k, v): (String, String)| {
                [(k.clone(), v.clone()), (v, k)]
            }),
            Op::Fields => rows.map("function(k, v) return ' ' .. k .. '\t ' .. v end").fields(),
            Op::SplitPattern => {
                rows.map("function(k, v) return k .. ' :: ' .. v end").split_pattern(" *:+ *")
            }
            Op::Pad => rows
                .pad(4)
                .select([4, 1, 2])
                .map("function(x, k, v) return k, v .. tostring(x) end"),
            Op::Select => rows.select([2, 1]),
            Op::SelectTwice => rows.select([2, 2]),
            Op::Reduce => rows.reduce(ENDS),
            Op::ReduceBy => rows.reduce_by([2], ENDS),
            Op::Fold => rows.fold(ENDS_OF_BOTH),
            Op::Distinct => rows.distinct(),
            Op::CountBy => rows.count_by([2]).map("function(v, n) return v, str(n) end"),
            Op::CountByBoth => {
                rows.count_by([2, 1]).map("function(v, k, n) return v, k .. str(n) end")
            }
            Op::Aggregate => rows
                .aggregate([2], [Agg::max(1), Agg::last(1), Agg::mode(1), Agg::list(1)])
                .map("function(v, x, l, m, all) return v, x .. l .. m .. str(#all) end"),
            Op::AggregateAll => rows
                .aggregate([], [Agg::count(), Agg::min(1), Agg::first(2), Agg::count_distinct(2)])
                .map("function(n, x, f, d) return str(n), tostring(x) .. tostring(f) .. str(d) end"),
            Op::GroupMap => rows.group_map(
                [2],
                "function(v, rows) for i, k in rows do emit(v, k .. i) if i == 3 then break end end end",
            ),
            Op::MapPartitions => rows.map_partitions(
                "function(rows)
                    local n, last = 0, 'none'
                    for i, k, v in rows do n, last = i, k end
                    emit(last, str(n))
                end",
            ),
            Op::Accumulate => rows.accumulate([1], ENDS_OF_STATES),
            Op::Scan => rows.scan(ENDS_OF_BOTH).into(),
            Op::ScanBy => rows.scan(ENDS).by([1]),
            Op::Lag(back) => {
                rows.lag(back).by([2]).map("function(v, k, l) return v, k .. tostring(l) end")
            }
            Op::Window(size, step) => rows
                .window(size, step, "function(rows) local _, k = rows() return k end")
                .map("function(first, last, k) return k, str(first) .. '-' .. str(last) end"),
            Op::Branch => {
                let (yes, no) = rows.branch("function(k) return k < 'c' end");
                no.union(&yes)
            }
            Op::Sort => rows.sort(1),
            Op::SortBy => rows.sort_by(1, "function(k, v) return #v end"),
            Op::SortDown => rows.sort(Sort::by(2).descending().then(1)),
            Op::Top(most) => rows.top(most, Sort::by(2).descending()),
            Op::Limit(most) => rows.limit(most),
            Op::Skip(first) => rows.skip(first),
            Op::Union => rows.union(other),
            Op::Join => rows
                .join(&other.distinct_by(1), 1)
                .map("function(k, v, w) return k, v .. w end"),
            Op::FullJoin => rows
                .join(&other.distinct_by(1), Join::full(1).left_width(2).right_width(2))
                .map("function(k, v, w) return k, (v or '') .. (w or '') end"),
            Op::BroadcastAnti => rows.join(other, Join::anti(1).broadcast()),
            Op::BroadcastLeft => rows
                .join(&other.distinct_by(1), Join::left(1).right_width(2).broadcast())
                .map("function(k, v, w) return k, v .. (w or '') end"),
            Op::LookUp => {
                // Of two that come together no two have the same name.
                static TABLES: AtomicUsize = AtomicUsize::new(0);
                let name = format!("of{}", TABLES.fetch_add(1, Ordering::Relaxed));
                let step = format!("function(k, v) return k, v .. (tables.{name}[k] or '') end");
                rows.with_table(name, &other.distinct_by(1)).map(step)
            }
            Op::MergeSorted => rows.merge_sorted(other, 2),
            Op::Zip => rows.zip(other).longest().map(
                "function(a, b, c, d) return (a or '') .. (c or ''), (b or '') .. (d or '') end",
            ),
            Op::WithIndex => rows.with_index().map("function(k, v, i) return k, v .. str(i) end"),
            Op::Reverse => rows.reverse(),
            Op::GroupBy => rows.group_by(1).map(
                "function(k, rows) return k, str(#rows) .. rows[1][2] .. rows[#rows][2] end",
            ),
            Op::Intersect => rows.intersect(other),
            Op::Subtract => rows.subtract(other),
            Op::Partition(count) => rows.partition(count),
            Op::PartitionBy(count) => rows.partition_by([2, 1], count),
            Op::RoundRobin(count) => rows.round_robin(count),
            Op::Cat => rows.pipe("cat"),
            Op::SortCommand => rows.pipe("LC_ALL=C sort"),
            Op::Head => rows.pipe("head -n 3"),
            Op::CatRows => rows.pipe_rows("cat"),
            Op::CatJson => rows.pipe(Shell::new("cat").text(Text::json_lines())),
            Op::PipeColumns => rows.pipe_columns(2, "cat"),
            Op::PipeBoth => rows.pipe_columns([2, 1], "cat"),
            Op::Args => rows.limit(2).pipe_as_args("printf '%s\\t%s\\n' \"$1\" \"$2\""),
        }
    }
}
