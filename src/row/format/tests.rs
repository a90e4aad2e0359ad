//! The texts in the tables are those of the LuaJIT that the library is built with, but for the sign
//! of `+nan`, and of glibc for the denormals of `%a`.

use proptest::prelude::*;

use super::*;
use crate::row::model;

#[rustfmt::skip]
const DOUBLES: [f64; 17] = [0.0, -0.0, 0.5, 2.5, -1.5, 0.125, std::f64::consts::PI, 1e15, 123_456_789.0, 1e-5, 0.0001, 999999.5, 9.995, 1e23, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

#[rustfmt::skip]
const DOUBLE_TEXTS: &[(&str, &str)] = &[
    ("%.0f", "0;-0;0;2;-2;0;3;1000000000000000;123456789;0;0;1000000;10;99999999999999991611392;inf;-inf;nan"),
    ("%.2f", "0.00;-0.00;0.50;2.50;-1.50;0.12;3.14;1000000000000000.00;123456789.00;0.00;0.00;999999.50;9.99;99999999999999991611392.00;inf;-inf;nan"),
    ("%f", "0.000000;-0.000000;0.500000;2.500000;-1.500000;0.125000;3.141593;1000000000000000.000000;123456789.000000;0.000010;0.000100;999999.500000;9.995000;99999999999999991611392.000000;inf;-inf;nan"),
    ("%+.1f", "+0.0;-0.0;+0.5;+2.5;-1.5;+0.1;+3.1;+1000000000000000.0;+123456789.0;+0.0;+0.0;+999999.5;+10.0;+99999999999999991611392.0;+inf;-inf;+nan"),
    ("% .1f", " 0.0;-0.0; 0.5; 2.5;-1.5; 0.1; 3.1; 1000000000000000.0; 123456789.0; 0.0; 0.0; 999999.5; 10.0; 99999999999999991611392.0; inf;-inf; nan"),
    ("%010.3f", "000000.000;-00000.000;000000.500;000002.500;-00001.500;000000.125;000003.142;1000000000000000.000;123456789.000;000000.000;000000.000;999999.500;000009.995;99999999999999991611392.000;       inf;      -inf;       nan"),
    ("%-9.1f|", "0.0      |;-0.0     |;0.5      |;2.5      |;-1.5     |;0.1      |;3.1      |;1000000000000000.0|;123456789.0|;0.0      |;0.0      |;999999.5 |;10.0     |;99999999999999991611392.0|;inf      |;-inf     |;nan      |"),
    ("%#.0f", "0.;-0.;0.;2.;-2.;0.;3.;1000000000000000.;123456789.;0.;0.;1000000.;10.;99999999999999991611392.;inf;-inf;nan"),
    ("%e", "0.000000e+00;-0.000000e+00;5.000000e-01;2.500000e+00;-1.500000e+00;1.250000e-01;3.141593e+00;1.000000e+15;1.234568e+08;1.000000e-05;1.000000e-04;9.999995e+05;9.995000e+00;1.000000e+23;inf;-inf;nan"),
    ("%.0e", "0e+00;-0e+00;5e-01;2e+00;-2e+00;1e-01;3e+00;1e+15;1e+08;1e-05;1e-04;1e+06;1e+01;1e+23;inf;-inf;nan"),
    ("%.3E", "0.000E+00;-0.000E+00;5.000E-01;2.500E+00;-1.500E+00;1.250E-01;3.142E+00;1.000E+15;1.235E+08;1.000E-05;1.000E-04;1.000E+06;9.995E+00;1.000E+23;INF;-INF;NAN"),
    ("%#.0e", "0.e+00;-0.e+00;5.e-01;2.e+00;-2.e+00;1.e-01;3.e+00;1.e+15;1.e+08;1.e-05;1.e-04;1.e+06;1.e+01;1.e+23;inf;-inf;nan"),
    ("%g", "0;-0;0.5;2.5;-1.5;0.125;3.14159;1e+15;1.23457e+08;1e-05;0.0001;1e+06;9.995;1e+23;inf;-inf;nan"),
    ("%.3g", "0;-0;0.5;2.5;-1.5;0.125;3.14;1e+15;1.23e+08;1e-05;0.0001;1e+06;9.99;1e+23;inf;-inf;nan"),
    ("%#.3g", "0.00;-0.00;0.500;2.50;-1.50;0.125;3.14;1.00e+15;1.23e+08;1.00e-05;0.000100;1.00e+06;9.99;1.00e+23;inf;-inf;nan"),
    ("%.0g", "0;-0;0.5;2;-2;0.1;3;1e+15;1e+08;1e-05;0.0001;1e+06;1e+01;1e+23;inf;-inf;nan"),
    ("%G", "0;-0;0.5;2.5;-1.5;0.125;3.14159;1E+15;1.23457E+08;1E-05;0.0001;1E+06;9.995;1E+23;INF;-INF;NAN"),
    ("%+8g", "      +0;      -0;    +0.5;    +2.5;    -1.5;  +0.125;+3.14159;  +1e+15;+1.23457e+08;  +1e-05; +0.0001;  +1e+06;  +9.995;  +1e+23;    +inf;    -inf;    +nan"),
    ("%.17g", "0;-0;0.5;2.5;-1.5;0.125;3.1415926535897931;1000000000000000;123456789;1.0000000000000001e-05;0.0001;999999.5;9.9949999999999992;9.9999999999999992e+22;inf;-inf;nan"),
    ("%012g", "000000000000;-00000000000;0000000000.5;0000000002.5;-000000001.5;00000000.125;000003.14159;00000001e+15;01.23457e+08;00000001e-05;0000000.0001;00000001e+06;00000009.995;00000001e+23;         inf;        -inf;         nan"),
    ("%a", "0x0p+0;-0x0p+0;0x1p-1;0x1.4p+1;-0x1.8p+0;0x1p-3;0x1.921fb54442d18p+1;0x1.c6bf52634p+49;0x1.d6f3454p+26;0x1.4f8b588e368f1p-17;0x1.a36e2eb1c432dp-14;0x1.e847fp+19;0x1.3fd70a3d70a3dp+3;0x1.52d02c7e14af6p+76;inf;-inf;nan"),
    ("%.0a", "0x0p+0;-0x0p+0;0x1p-1;0x1p+1;-0x2p+0;0x1p-3;0x2p+1;0x2p+49;0x2p+26;0x1p-17;0x2p-14;0x2p+19;0x1p+3;0x1p+76;inf;-inf;nan"),
    ("%.2A", "0X0.00P+0;-0X0.00P+0;0X1.00P-1;0X1.40P+1;-0X1.80P+0;0X1.00P-3;0X1.92P+1;0X1.C7P+49;0X1.D7P+26;0X1.50P-17;0X1.A3P-14;0X1.E8P+19;0X1.40P+3;0X1.53P+76;INF;-INF;NAN"),
    ("%018a", "0x0000000000000p+0;-0x000000000000p+0;0x0000000000001p-1;0x00000000001.4p+1;-0x0000000001.8p+0;0x0000000000001p-3;0x1.921fb54442d18p+1;0x01.c6bf52634p+49;0x0001.d6f3454p+26;0x1.4f8b588e368f1p-17;0x1.a36e2eb1c432dp-14;0x000001.e847fp+19;0x1.3fd70a3d70a3dp+3;0x1.52d02c7e14af6p+76;               inf;              -inf;               nan"),
    ("%F", "0.000000;-0.000000;0.500000;2.500000;-1.500000;0.125000;3.141593;1000000000000000.000000;123456789.000000;0.000010;0.000100;999999.500000;9.995000;99999999999999991611392.000000;INF;-INF;NAN"),
];

#[rustfmt::skip]
const INTEGERS: [i64; 6] = [0, 1, -42, 255, i64::MAX, i64::MIN];

#[rustfmt::skip]
const INTEGER_TEXTS: &[(&str, &str)] = &[
    ("%d", "0;1;-42;255;9223372036854775807;-9223372036854775808"),
    ("%i", "0;1;-42;255;9223372036854775807;-9223372036854775808"),
    ("%5d", "    0;    1;  -42;  255;9223372036854775807;-9223372036854775808"),
    ("%-5d|", "0    |;1    |;-42  |;255  |;9223372036854775807|;-9223372036854775808|"),
    ("%05d", "00000;00001;-0042;00255;9223372036854775807;-9223372036854775808"),
    ("%+d", "+0;+1;-42;+255;+9223372036854775807;-9223372036854775808"),
    ("% d", " 0; 1;-42; 255; 9223372036854775807;-9223372036854775808"),
    ("%+ d", "+0;+1;-42;+255;+9223372036854775807;-9223372036854775808"),
    ("%.3d", "000;001;-042;255;9223372036854775807;-9223372036854775808"),
    ("%8.3d", "     000;     001;    -042;     255;9223372036854775807;-9223372036854775808"),
    ("%08.3d", "     000;     001;    -042;     255;9223372036854775807;-9223372036854775808"),
    ("%-05d|", "0    |;1    |;-42  |;255  |;9223372036854775807|;-9223372036854775808|"),
    ("%.0d", ";1;-42;255;9223372036854775807;-9223372036854775808"),
    ("%u", "0;1;18446744073709551574;255;9223372036854775807;9223372036854775808"),
    ("%20u", "                   0;                   1;18446744073709551574;                 255; 9223372036854775807; 9223372036854775808"),
    ("%x", "0;1;ffffffffffffffd6;ff;7fffffffffffffff;8000000000000000"),
    ("%X", "0;1;FFFFFFFFFFFFFFD6;FF;7FFFFFFFFFFFFFFF;8000000000000000"),
    ("%#x", "0;0x1;0xffffffffffffffd6;0xff;0x7fffffffffffffff;0x8000000000000000"),
    ("%#X", "0;0X1;0XFFFFFFFFFFFFFFD6;0XFF;0X7FFFFFFFFFFFFFFF;0X8000000000000000"),
    ("%.0x", ";1;ffffffffffffffd6;ff;7fffffffffffffff;8000000000000000"),
    ("%#.0x", ";0x1;0xffffffffffffffd6;0xff;0x7fffffffffffffff;0x8000000000000000"),
    ("%+x", "0;1;ffffffffffffffd6;ff;7fffffffffffffff;8000000000000000"),
    ("%08x", "00000000;00000001;ffffffffffffffd6;000000ff;7fffffffffffffff;8000000000000000"),
    ("%#10x", "         0;       0x1;0xffffffffffffffd6;      0xff;0x7fffffffffffffff;0x8000000000000000"),
    ("%-#10x|", "0         |;0x1       |;0xffffffffffffffd6|;0xff      |;0x7fffffffffffffff|;0x8000000000000000|"),
    ("%#010x", "0000000000;0x00000001;0xffffffffffffffd6;0x000000ff;0x7fffffffffffffff;0x8000000000000000"),
    ("%#12.5x", "       00000;     0x00001;0xffffffffffffffd6;     0x000ff;0x7fffffffffffffff;0x8000000000000000"),
    ("%o", "0;1;1777777777777777777726;377;777777777777777777777;1000000000000000000000"),
    ("%#o", "0;01;01777777777777777777726;0377;0777777777777777777777;01000000000000000000000"),
    ("%#.0o", "0;01;01777777777777777777726;0377;0777777777777777777777;01000000000000000000000"),
    ("%#8.5o", "   00000;   00001;01777777777777777777726;   00377;0777777777777777777777;01000000000000000000000"),
];

#[rustfmt::skip]
const STRING_TEXTS: &[(&str, &[u8], &[u8])] = &[
    ("%s", b"abc", b"abc"),
    ("%s", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8"),
    ("%s", b"", b""),
    ("%5s", b"abc", b"  abc"),
    ("%5s", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8"),
    ("%5s", b"", b"     "),
    ("%-5s|", b"abc", b"abc  |"),
    ("%-5s|", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8|"),
    ("%-5s|", b"", b"     |"),
    ("%.2s", b"abc", b"ab"),
    ("%.2s", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"a\""),
    ("%.2s", b"", b""),
    ("%5.2s", b"abc", b"   ab"),
    ("%5.2s", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"   a\""),
    ("%5.2s", b"", b"     "),
    ("%-5.1s|", b"abc", b"a    |"),
    ("%-5.1s|", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"a    |"),
    ("%-5.1s|", b"", b"     |"),
    ("%.s", b"abc", b""),
    ("%.s", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b""),
    ("%.s", b"", b""),
    ("%05s", b"abc", b"  abc"),
    ("%05s", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8"),
    ("%05s", b"", b"     "),
    ("%q", b"abc", b"\"abc\""),
    ("%q", b"a\"\\\x0a\x0d\x001\x00x\x7f\x09\x7f2\xc8", b"\"a\\\"\\\\\\\x0a\\13\\0001\\0x\\127\\9\\1272\xc8\""),
    ("%q", b"", b"\"\""),
];

fn formatted(format: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = b"before\n".to_vec();
    let format = Format::parse(format).expect("the format is good");
    let result = format.append(&mut out, payload);
    let appended = out.split_off(7);
    assert_eq!(out, b"before\n");
    match result {
        Ok(()) => {
            let line = appended.strip_suffix(b"\n").expect("a row ends in a line feed");
            Ok(line.to_vec())
        }
        Err(error) => {
            assert_eq!(appended, b"", "nothing is appended on an error");
            Err(error.to_string())
        }
    }
}

fn row(values: &[rmpv::Value]) -> Vec<u8> {
    values.iter().flat_map(model::encode).collect()
}

#[track_caller]
fn text(format: &str, value: impl Into<rmpv::Value>) -> String {
    let line = formatted(format, &row(&[value.into()])).expect("the value fits the format");
    String::from_utf8(line).expect("the line is text")
}

#[track_caller]
fn refusal(format: &str, values: &[rmpv::Value]) -> String {
    formatted(format, &row(values)).expect_err("the row does not fit the format")
}

#[test]
fn doubles_are_written_as_luajit_writes_them() {
    for (format, texts) in DOUBLE_TEXTS {
        let ours = DOUBLES.map(|number| text(format, number));
        assert_eq!(ours.join(";"), *texts, "{format}");
    }
}

#[test]
fn integers_are_written_as_luajit_writes_them() {
    for (format, texts) in INTEGER_TEXTS {
        let ours = INTEGERS.map(|number| text(format, number));
        assert_eq!(ours.join(";"), *texts, "{format}");
    }
}

#[test]
fn strings_are_written_as_luajit_writes_them() {
    for (format, string, text) in STRING_TEXTS {
        let mut payload = Vec::new();
        msgpack::put_text(&mut payload, string);
        assert_eq!(formatted(format, &payload).as_deref(), Ok(*text), "{format}");
    }
}

#[test]
fn very_small_doubles_are_zero_as_fixed() {
    assert_eq!(text("%f", 5e-324), "0.000000");
    assert_eq!(text("%.3f", -1e-300), "-0.000");
    assert_eq!(text("%.3g", 5e-324), "4.94e-324");
}

#[test]
fn hexadecimal_doubles_are_written_as_glibc_writes_them() {
    #[rustfmt::skip]
    let denormals = [5e-324, f64::MIN_POSITIVE.next_down(), f64::MIN_POSITIVE, f64::MIN_POSITIVE / 2.0, 1.03125, 1.09375, 1e-310];
    #[rustfmt::skip]
    let texts = [
        ("%a", "0x0.0000000000001p-1022;0x0.fffffffffffffp-1022;0x1p-1022;0x0.8p-1022;0x1.08p+0;0x1.18p+0;0x0.012688b70e62bp-1022"),
        ("%.0a", "0x0p-1022;0x1p-1022;0x1p-1022;0x0p-1022;0x1p+0;0x1p+0;0x0p-1022"),
        ("%.1a", "0x0.0p-1022;0x1.0p-1022;0x1.0p-1022;0x0.8p-1022;0x1.0p+0;0x1.2p+0;0x0.0p-1022"),
        ("%.5A", "0X0.00000P-1022;0X1.00000P-1022;0X1.00000P-1022;0X0.80000P-1022;0X1.08000P+0;0X1.18000P+0;0X0.01269P-1022"),
        ("%.15a", "0x0.000000000000100p-1022;0x0.fffffffffffff00p-1022;0x1.000000000000000p-1022;0x0.800000000000000p-1022;0x1.080000000000000p+0;0x1.180000000000000p+0;0x0.012688b70e62b00p-1022"),
        ("%018.2a", "0x0000000.00p-1022;0x0000001.00p-1022;0x0000001.00p-1022;0x0000000.80p-1022;0x0000000001.08p+0;0x0000000001.18p+0;0x0000000.01p-1022"),
    ];
    for (format, expected) in texts {
        assert_eq!(denormals.map(|number| text(format, number)).join(";"), expected, "{format}");
    }
}

#[test]
fn whole_text_is_written_digit_by_digit_or_refused() {
    assert_eq!(text("%d", "9007199254740993.0"), "9007199254740993");
    assert_eq!(text("%x", "1e2"), "64");
    assert_eq!(text("%d", "-0"), "0");
    for number in ["-9223372036854775809", "9007199254740992.5", "1.00000000000000000001", "1e-400"]
    {
        let message = format!("column 1: %d takes an integer, not \"{number}\"");
        assert_eq!(refusal("%d", &[number.into()]), message);
    }
    assert_eq!(refusal("%g", &["1e400".into()]), "column 1: %g takes a number, not \"1e400\"");
}

#[test]
fn a_byte_is_written_for_its_number() {
    for (format, number, bytes) in [
        ("%c", 65, &b"A"[..]),
        ("%c", 255, b"\xff"),
        ("%c", 256 + 66, b"B"),
        ("%3c", 0, b"  \0"),
        ("%-3c", 65, b"A  "),
    ] {
        assert_eq!(formatted(format, &row(&[number.into()])).as_deref(), Ok(bytes));
    }
}

#[test]
fn every_value_but_a_table_is_text() {
    for format in ["%s", "%.9s"] {
        assert_eq!(text(format, rmpv::Value::Nil), "");
        assert_eq!(text(format, true), "true");
        assert_eq!(text(format, 2.0), "2");
        assert_eq!(text(format, 0.1), "0.1");
        assert_eq!(text(format, -7), "-7");
        let message = refusal(format, &[rmpv::Value::Array(vec![])]);
        assert_eq!(message, "column 1: a table has no text form");
    }
    assert_eq!(text("%6.3s|", 1234), "   123|");
    assert_eq!(text("%q", 12), "\"12\"");
}

#[test]
fn whole_numbers_come_in_any_dress() {
    assert_eq!(text("%d", u64::MAX), "18446744073709551615");
    assert_eq!(text("%d", -9_223_372_036_854_775_808.0), "-9223372036854775808");
    assert_eq!(text("%d", 1e19), "10000000000000000000");
    assert_eq!(text("%d", " -12 "), "-12");
    assert_eq!(text("%d", "18446744073709551615"), "18446744073709551615");
    assert_eq!(text("%x", "3.0"), "3");
    assert_eq!(text("%.1f", "2.25"), "2.2");
    assert_eq!(text("%.1f", 3), "3.0");
    assert_eq!(text("%d", -0.0), "0");
}

#[test]
fn what_is_not_a_number_is_refused_and_shown() {
    let nil = rmpv::Value::Nil;
    for (format, value, message) in [
        ("%d", 1.5.into(), "column 2: %d takes an integer, not 1.5"),
        ("%d", "fox".into(), "column 2: %d takes an integer, not \"fox\""),
        ("%d", "1.5".into(), "column 2: %d takes an integer, not \"1.5\""),
        ("%d", f64::NAN.into(), "column 2: %d takes an integer, not nan"),
        ("%d", 1e300.into(), "column 2: %d takes an integer, not 1e300"),
        ("%5x", true.into(), "column 2: %x takes an integer, not true"),
        ("%c", nil.clone(), "column 2: %c takes an integer, not nil"),
        ("%g", nil, "column 2: %g takes a number, not nil"),
        ("%g", "0x10".into(), "column 2: %g takes a number, not \"0x10\""),
        ("%f", rmpv::Value::Map(vec![]), "column 2: %f takes a number, not a table"),
    ] {
        assert_eq!(refusal(&format!("%s {format}"), &["x".into(), value]), message);
    }
}

#[test]
fn too_few_and_too_many_columns_are_errors() {
    let three = [1.into(), 2.into(), rmpv::Value::Array(vec![3.into()])];
    assert_eq!(refusal("%s,%d", &three), "the format has 2 directives, the row 3 columns");
    assert_eq!(refusal("%s,%d", &three[..1]), "the format has 2 directives, the row 1 column");
    assert_eq!(refusal("%s", &three), "the format has 1 directive, the row 3 columns");
}

#[test]
fn lines_are_formatted_without_frames() {
    let format = Format::parse("<%s|%d>").expect("the format is good");
    let mut out = Vec::new();
    format.append_line_columns(&mut out, b"a\t7", true).expect("it fits");
    assert_eq!(out, b"<a|7>\n");
    let error = format.append_line_columns(&mut out, b"a\t7", false).expect_err("one column");
    assert_eq!(error.to_string(), "the format has 2 directives, the row 1 column");
    let error = format.append_line_columns(&mut out, b"a\t7\t", true).expect_err("three columns");
    assert_eq!(error.to_string(), "the format has 2 directives, the row 3 columns");
    assert_eq!(out, b"<a|7>\n");
    let format = Format::parse("100%% %s").expect("the format is good");
    format.append_line_columns(&mut out, b"", false).expect("an empty line is one empty string");
    assert_eq!(out, b"<a|7>\n100% \n");
}

#[test]
fn a_bad_directive_is_named_with_its_place() {
    for (format, message) in [
        ("%s,%y", "unknown directive `%y` at position 4 of the format"),
        ("ü%5.2ü", "unknown directive `%5.2ü` at position 3 of the format"),
        ("%5%", "unknown directive `%5%` at position 1 of the format"),
        ("%p", "unknown directive `%p` at position 1 of the format"),
        ("%ld", "unknown directive `%l` at position 1 of the format"),
        ("a%", "the format ends within the directive `%` at position 2"),
        ("%s%-5.", "the format ends within the directive `%-5.` at position 3"),
        ("%100d", "width or precision over 99 at position 1 of the format"),
        ("%.100f", "width or precision over 99 at position 1 of the format"),
        ("100%%", "the format has no directive, but a row has at least one column"),
    ] {
        let error = Format::parse(format).expect_err(format);
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(Format::parse("%%%s%%%-05.1f%%").map(|format| format.columns), Ok(2));
}

proptest! {
    #[test]
    fn any_format_is_parsed_without_panic(format in "[%a-z0-9.# +ü-]{0,12}") {
        if let Ok(format) = Format::parse(&format) {
            let mut out = Vec::new();
            let _ = format.append_line_columns(&mut out, b"1\t2.5\tx", true);
            let _ = format.append(&mut out, &[7]);
        }
    }

    #[test]
    fn any_double_keeps_its_width_and_value(number: f64, width in 0usize..40, left: bool) {
        let flag = if left { "-" } else { "" };
        let shown = text(&format!("%{flag}{width}.17g"), number);
        prop_assert!(shown.len() >= width);
        if number.is_finite() {
            prop_assert_eq!(shown.trim().parse(), Ok(number));
        }
    }
}
