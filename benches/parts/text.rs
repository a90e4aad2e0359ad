//! Inputs of a fixed seed: lines of words, and rows of a word and a number.

use gleamflow::bench::put_row;

/// Splitmix64, as a sequence of numbers.
pub fn numbers() -> impl Iterator<Item = u64> {
    (1_u64..).map(|nth| {
        let seed = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// Words, a few of them often and most of them seldom.
pub fn words() -> impl Iterator<Item = String> {
    numbers().map(|number| {
        let rank = (number >> 32) % (1 + number % 20_000);
        format!("w{rank:x}")
    })
}

/// Lines of six words, about as long as lines of source text.
pub fn lines(bytes: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut words = words();
    while text.len() < bytes {
        for (nth, word) in words.by_ref().take(6).enumerate() {
            text += ["", ", ", " = ", "(", "; ", " "][nth];
            text += &word;
        }
        text += "\n";
    }
    text.into_bytes()
}

/// Frames of a word and a number.
pub fn rows(count: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for (word, number) in words().zip(numbers()).take(count) {
        put_row(&mut frames, word.as_bytes(), (number % 100_000) as i64);
    }
    frames
}
