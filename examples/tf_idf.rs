//! The words that set documents apart: how often a document has them, times the logarithm of how
//! few documents do. `cargo run --example tf_idf`.

use gleamflow::{Flow, Sort};

const DOCUMENTS: [(&str, &str); 3] = [
    ("fox", "the quick brown fox jumps over the lazy dog and the dog sleeps"),
    ("sea", "the sea is calm and the ship is far from the land"),
    ("tea", "the tea is hot and the cake is sweet and the tea is good"),
];

fn main() -> gleamflow::Result<()> {
    let words = Flow::new().rows(DOCUMENTS).flat_map(
        "function(name, text)
            local words = text:gmatch('%a+')
            return function()
                local word = words()
                if word then return word, name end
            end
        end",
    );
    let often = words.count_by([1, 2]);
    let in_how_many = words.distinct().count_by(1);
    often
        .join(&in_how_many, 1)
        .map("function(word, name, n, found) return name, word, n * math.log(3 / found) end")
        .sort(Sort::by(1).then(3).descending().then(2))
        // Of each document the two best.
        .group_map(
            1,
            "function(_, rows)
            for i, name, word, score in rows do
                if i <= 2 then emit(name, word, score) end
            end
        end",
        )
        .save_text_to(std::io::stdout(), "%s: %s %.2f")
}
