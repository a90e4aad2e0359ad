//! A program that links gleamflow and uses none of it.

use gleamflow as _;

fn main() {
    println!("my own main, started as {}", std::env::args().next().unwrap_or_default());
}
