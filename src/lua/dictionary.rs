//! The numbers of texts that come often: of equal texts, the same number.
//!
//! A newcomer's trap: numbers only save work. Which text has one depends on what the VM has seen,
//! so nothing that leaves a task may depend on them; `lua/words.lua` keeps the text of each. Few of
//! them are better than many: each text is a string that every cycle of the collector walks over.

use super::text_key::{TextKey, part};
use super::text_table::{BATCH, Batch, TextTable};

/// The number of a text that has none; the others begin at 1.
const NONE: u32 = 0;
/// A longer text gets no number.
const MOST_BYTES: u32 = 64;
/// After new texts that hardly came again, so many blocks go without numbers.
const REST_BLOCKS: u32 = 64;

pub(super) struct Dictionary {
    /// With more, those that come least are forgotten before the next block. Numbers go up to
    /// twice this, which a block seldom needs.
    most: usize,
    table: TextTable,
    /// Numbers that mean no text, and those of them that did until the last block.
    free: Vec<u32>,
    forgotten: Vec<u32>,
    /// Since texts were last forgotten: how many came, and how many of them new.
    came: u64,
    added: u64,
    resting: u32,
}

impl Dictionary {
    /// About `most` texts at a time have numbers.
    pub fn new(most: usize) -> Dictionary {
        Dictionary {
            most,
            table: TextTable::new(),
            free: Vec::new(),
            forgotten: Vec::new(),
            came: 0,
            added: 0,
            resting: 0,
        }
    }

    /// To be called before each block; the numbers of texts that are forgotten, if any are.
    pub fn prepare(&mut self) -> Option<&[u32]> {
        self.resting = self.resting.saturating_sub(1);
        if self.table.next_id() as usize - 1 - self.free.len() <= self.most {
            return None;
        }
        if self.came < 3 * self.added {
            self.resting = REST_BLOCKS;
        }
        (self.came, self.added) = (0, 0);
        self.forget();
        Some(&self.forgotten)
    }

    /// Keeps the texts that came most, at most half of them; what they came before counts half.
    fn forget(&mut self) {
        let mut counts: Vec<u32> = self.table.counts().map(|(_, count)| count).collect();
        let rare = counts.len() - self.most / 2;
        let (_, most_of_rare, _) = counts.select_nth_unstable(rare);
        let is_rare = |(_, count): &(u32, u32)| count <= most_of_rare;
        self.forgotten = self.table.counts().filter(is_rare).map(|(id, _)| id).collect();
        self.table.remove(&self.forgotten);
        // Low numbers are given again first: what is close together shares the caches.
        self.free.extend(&self.forgotten);
        self.free.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Of each span of the block, the number of its text; and the places among them where a number
    /// begins to mean a text.
    pub fn number(
        &mut self,
        block: &[u8],
        spans: &[[u32; 2]],
        ids: &mut Vec<u32>,
        fresh: &mut Vec<u32>,
    ) {
        ids.clear();
        fresh.clear();
        if self.resting > 0 {
            ids.resize(spans.len(), NONE);
            return;
        }
        ids.reserve(spans.len());
        self.came += spans.len() as u64;
        let mut batch = Batch::new();
        for spans in spans.chunks(BATCH) {
            let ids_after = self.table.next_id() as usize + BATCH;
            self.table.make_room(ids_after.min(2 * self.most + 1));
            self.table.count_batch(block, spans, &mut batch);
            let first = ids.len();
            ids.extend_from_slice(&batch.ids[..spans.len()]);
            while batch.others != 0 {
                let nth = batch.others.trailing_zeros() as usize;
                batch.others &= batch.others - 1;
                let (id, is_fresh) = self.look_up(&batch.keys[nth], part(block, spans[nth]));
                ids[first + nth] = id;
                if is_fresh {
                    fresh.push((first + nth) as u32);
                }
            }
        }
    }

    /// The number of a text, and whether it has just got it.
    #[inline(never)]
    fn look_up(&mut self, key: &TextKey, bytes: &[u8]) -> (u32, bool) {
        if key.size() > MOST_BYTES {
            return (NONE, false);
        }
        match self.table.count(key, bytes) {
            Ok(id) => (id, false),
            Err(place) => {
                let Some(id) = self.free_number() else { return (NONE, false) };
                self.table.insert(place, id, key, bytes);
                self.added += 1;
                (id, true)
            }
        }
    }

    fn free_number(&mut self) -> Option<u32> {
        let next = self.table.next_id();
        self.free.pop().or((next as usize <= 2 * self.most).then_some(next))
    }
}
