//! Rows that the program gives: encoded as they are handed over, and kept for any number of runs.
//!
//! A newcomer's trap: they are taken when the flow is built, since what they borrow may be gone
//! when it runs. What is more than a little of them waits in a file without a name, which a run
//! reads as it reads any file, so that neither needs memory for them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;

use crate::error::Failure;
use crate::row::layout::Layout;

/// So many bytes of rows are kept in memory.
pub(crate) const MEMORY_BYTES: usize = 1 << 20;

/// Takes encoded rows, one after another.
pub(crate) struct Keeper {
    layout: Layout,
    directory: PathBuf,
    memory_bytes: usize,
    /// Rows that are not in the file yet. A row is appended here.
    pub bytes: Vec<u8>,
    pub rows: u64,
    file: Option<(File, u64)>,
}

/// What a [`Keeper`] has kept.
pub(crate) enum Kept {
    Memory(Bytes),
    File(KeptFile),
}

/// Whole rows in a file without a name.
#[derive(Debug)]
pub(crate) struct KeptFile {
    layout: Layout,
    file: File,
    len: u64,
}

impl Keeper {
    pub(crate) fn new(layout: Layout, directory: PathBuf, memory_bytes: usize) -> Keeper {
        Keeper { layout, directory, memory_bytes, bytes: Vec::new(), rows: 0, file: None }
    }

    /// A row has been appended to `bytes`.
    pub(crate) fn row_ended(&mut self) -> Result<(), Failure> {
        self.rows += 1;
        if self.bytes.len() <= self.memory_bytes { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), Failure> {
        let (file, len) = match &mut self.file {
            Some(file) => file,
            none => {
                let file = tempfile::tempfile_in(&self.directory).map_err(|error| {
                    let place = self.directory.display();
                    Failure::temporary(format!("cannot create a temporary file in {place}"), &error)
                })?;
                none.insert((file, 0))
            }
        };
        file.write_all_at(&self.bytes, *len)
            .map_err(|error| Failure::temporary("cannot write to a temporary file", &error))?;
        *len += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Kept, Failure> {
        if self.file.is_some() {
            self.write()?;
        }
        Ok(match self.file {
            Some((file, len)) => Kept::File(KeptFile { layout: self.layout, file, len }),
            None => Kept::Memory(Bytes::from(self.bytes)),
        })
    }
}

impl KeptFile {
    /// Replaces `out` by the rows from `offset` on, about `block_bytes` of them, and moves the
    /// offset behind them. False: there are no more.
    pub(crate) fn next_block(
        &self,
        offset: &mut u64,
        out: &mut Vec<u8>,
        block_bytes: usize,
    ) -> Result<bool, Failure> {
        let left = self.len - *offset;
        let mut wanted = block_bytes.max(1);
        let end = loop {
            let len = left.min(wanted as u64) as usize;
            out.resize(len, 0);
            self.file
                .read_exact_at(out, *offset)
                .map_err(|error| Failure::temporary("cannot read a temporary file", &error))?;
            let whole = self.layout.whole(out, 0, usize::MAX).expect("they are our own encoder's");
            match whole.bytes {
                // One row is more than a block.
                0 if len > 0 => wanted = len.saturating_mul(2),
                end => break end,
            }
        };
        out.truncate(end);
        *offset += end as u64;
        Ok(end > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::frame;

    fn kept(rows: &[&[u8]], layout: Layout, memory_bytes: usize) -> Kept {
        let mut keeper = Keeper::new(layout, std::env::temp_dir(), memory_bytes);
        for row in rows {
            match layout {
                Layout::Frames => frame::put(&mut keeper.bytes, row).unwrap(),
                _ => keeper.bytes.extend_from_slice(&[row, &b"\n"[..]].concat()),
            }
            keeper.row_ended().unwrap();
        }
        assert_eq!(keeper.rows, rows.len() as u64);
        keeper.finish().unwrap()
    }

    #[test]
    fn rows_come_back_from_a_file_as_they_do_from_memory() {
        let long = b"z".repeat(100);
        let rows: [&[u8]; 5] = [b"a", b"bc", &long, b"\xff", b"last"];
        for layout in [Layout::Lines, Layout::Frames] {
            let Kept::Memory(whole) = kept(&rows, layout, 1000) else { panic!("it is little") };
            for memory_bytes in [0, 10, 100] {
                let Kept::File(file) = kept(&rows, layout, memory_bytes) else {
                    panic!("too much")
                };
                for block_bytes in [1, 7, 1000] {
                    // Twice, as two runs read it.
                    for _ in 0..2 {
                        let (mut offset, mut block, mut read) = (0, Vec::new(), Vec::new());
                        while file.next_block(&mut offset, &mut block, block_bytes).unwrap() {
                            assert_eq!(
                                layout.whole(&block, 0, usize::MAX).unwrap().bytes,
                                block.len()
                            );
                            read.extend_from_slice(&block);
                        }
                        assert_eq!(read, whole);
                    }
                }
            }
            assert!(matches!(kept(&[], layout, 0), Kept::Memory(bytes) if bytes.is_empty()));
        }
    }
}
