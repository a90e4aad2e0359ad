//! A loser tree: which of many sorted inputs comes next, with one comparison for each level.
//!
//! A newcomer's trap: an inner node keeps the input that lost there, and only node 0 the winner,
//! so that after the winner's input has advanced only its own path is played again.

use std::cmp::Ordering;

/// An input at its current entry. The prefix decides most comparisons without a look at the key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contender {
    /// `u64::MAX` for an input that has ended, though not only for such.
    pub prefix: u64,
    pub input: u32,
}

#[derive(Debug)]
pub(super) struct LoserTree {
    /// The leaf of input `i` would be at `nodes.len() + i`.
    nodes: Vec<Contender>,
}

impl LoserTree {
    /// `contenders[i]` is that of input `i`; there is at least one. `by_key` orders inputs of equal
    /// prefixes, and never calls two equal.
    pub(super) fn new(
        contenders: &[Contender],
        by_key: impl Fn(u32, u32) -> Ordering,
    ) -> LoserTree {
        let count = contenders.len();
        let mut nodes = vec![Contender::default(); count];
        // Winners of the nodes from the last to the first; the leaves win themselves.
        let mut winners = nodes.clone();
        winners.extend_from_slice(contenders);
        for node in (1..count).rev() {
            let (left, right) = (winners[2 * node], winners[2 * node + 1]);
            let left_wins = is_before(left, right, &by_key);
            (winners[node], nodes[node]) = if left_wins { (left, right) } else { (right, left) };
        }
        nodes[0] = winners[1];
        LoserTree { nodes }
    }

    #[inline]
    pub(super) fn winner(&self) -> Contender {
        self.nodes[0]
    }

    /// Plays again after the winner's input has advanced.
    #[inline]
    pub(super) fn replay(&mut self, prefix: u64, by_key: impl Fn(u32, u32) -> Ordering) {
        let mut winner = Contender { prefix, input: self.nodes[0].input };
        let mut node = (self.nodes.len() + winner.input as usize) / 2;
        while node > 0 {
            if is_before(self.nodes[node], winner, &by_key) {
                std::mem::swap(&mut self.nodes[node], &mut winner);
            }
            node /= 2;
        }
        self.nodes[0] = winner;
    }
}

#[inline]
fn is_before(left: Contender, right: Contender, by_key: impl Fn(u32, u32) -> Ordering) -> bool {
    match left.prefix.cmp(&right.prefix) {
        Ordering::Equal => by_key(left.input, right.input) == Ordering::Less,
        order => order == Ordering::Less,
    }
}
