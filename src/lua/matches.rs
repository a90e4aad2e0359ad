//! The matches of a pattern in a whole block of lines.

use std::sync::atomic::Ordering;

use super::Progress;
use super::pattern::{MOST_CAPTURES, Pattern, Places};
use super::runs::{Found, Runs};

#[derive(Default)]
pub(super) struct Matches {
    pub found: Found,
    runs: Runs,
}

impl Matches {
    /// Finds the matches of a pattern without captures in each line.
    pub fn find(
        &mut self,
        pattern: &Pattern,
        block: &[u8],
        line_ends: &[u32],
        progress: &Progress,
    ) {
        self.found.spans.clear();
        self.found.ends.clear();
        match pattern.run() {
            Some(run) => {
                self.runs.find(&run, block, line_ends, &mut self.found);
            }
            None => {
                let row = progress.row.load(Ordering::Relaxed);
                self.find_in_lines(pattern, block, line_ends, progress);
                progress.row.store(row, Ordering::Relaxed);
            }
        }
    }

    /// Takes each line as one match.
    pub fn take_lines(&mut self, line_ends: &[u32]) {
        self.found.spans.clear();
        self.found.ends.clear();
        let starts = std::iter::once(0).chain(line_ends.iter().map(|end| end + 1));
        self.found.spans.extend(starts.zip(line_ends).flat_map(|(start, end)| [start, *end]));
    }

    fn find_in_lines(
        &mut self,
        pattern: &Pattern,
        block: &[u8],
        line_ends: &[u32],
        progress: &Progress,
    ) {
        let mut places: Places = [0; 2 * MOST_CAPTURES];
        let mut line_start = 0;
        for (row, &line_end) in (0..).zip(line_ends) {
            progress.row.store(row, Ordering::Relaxed);
            let line = &block[line_start as usize..line_end as usize];
            let mut from = 0;
            while from <= line.len()
                && let Some((start, end)) = pattern.find(line, from, &mut places)
            {
                self.found.spans.extend([line_start + start as u32, line_start + end as u32]);
                from = end.max(start + 1);
            }
            self.found.ends.push(self.found.spans.len() as u32 / 2);
            line_start = line_end + 1;
        }
    }
}
