//! Side tables: that loops which look into them are compiled.

use std::rc::Rc;

use super::loops::assert_comes_to_rest;
use super::*;
use crate::row::side_table::SideTable;

const ROWS: u64 = 5000;

fn vm_with_tables(text: &str) -> Vm {
    let table = |columns, row: &dyn Fn(u64) -> Vec<rmpv::Value>| {
        let frames: Vec<u8> = (0..ROWS).flat_map(|n| frame(&row(n))).collect();
        Rc::new(SideTable::of_frames(columns, &frames).expect("the keys are different"))
    };
    let tables = vec![
        (
            "names".to_owned(),
            table(2, &|n| vec![format!("key {n}").into(), format!("v{n}").into()]),
        ),
        ("sizes".to_owned(), table(2, &|n| vec![n.into(), (n as f64 / 4.0).into()])),
        ("both".to_owned(), table(3, &|n| vec![n.into(), format!("v{n}").into(), (2 * n).into()])),
        ("known".to_owned(), table(1, &|n| vec![(n as f64).into()])),
        ("flags".to_owned(), table(2, &|n| vec![n.into(), (n % 2 == 0).into()])),
    ];
    let head = Head::Rows(Layout::Frames);
    let segments = vec![segment(head, vec![map(1, text)])];
    let progress = Arc::new(Progress::default());
    Vm::new(&[], segments, tables, MEMORY, MAX_ROW, progress).expect("compiles")
}

#[test]
fn lookups_are_compiled() {
    let frames: Vec<u8> =
        (0..20_000_u64).flat_map(|n| frame(&[format!("key {n}").into(), n.into()])).collect();
    for text in [
        "function(k, n) return k, tables.names[k] or 'none' end",
        "function(k, n) return k, tables.sizes[n] end",
        "function(k, n) local name, twice = tables.both(n) return name, twice end",
        "function(k, n) local row = tables.both[n] return row and row[1], row and row[2] end",
        "function(k, n) return tables.known[n], tables.flags[n], tables.known[k] end",
        "function(k, n) return tables.sizes[tables.sizes[n % 16]] end",
        "function(k, n) return tables.sizes[n % 2 == 0] end",
    ] {
        assert_comes_to_rest(20, &vm_with_tables(text), Rows::frames(&frames));
    }
}

#[test]
fn a_key_that_is_refused_leaves_nothing_behind() {
    let vm = vm_with_tables(
        "function(k) return pcall(function() return tables.sizes[{ {}, print }] end), tables.sizes[8LL] end",
    );
    let rows = task(&vm, Rows::frames(&frame(&["x".into()]))).expect("runs");
    assert_eq!(rows, ["false|2"]);
}
