//! A block: many rows travelling together between engine and worker, behind one header.
//!
//! A newcomer's trap: the same header carries control messages; `kind` says what the payload is.
//! All integers are little-endian.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a header on the wire.
pub(crate) const HEADER_BYTES: usize = 32;

/// Rows of this many bytes make a block; a single larger row makes a larger one.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// What a block's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Rows as frames.
    Frames = 1,
    /// Raw lines, each ended by LF; one column each.
    Lines = 2,
    /// Raw lines, each ended by LF; columns separated by TAB.
    Columns = 3,
    /// Bytes for a writer; `rows` rows, not to be looked into.
    Text = 4,
    /// Engine to worker: the chains of a run.
    Setup = 16,
    /// Engine to worker: start a task.
    Open = 17,
    /// Engine to worker: process the next piece of the task's own source.
    Read = 18,
    /// Engine to worker: the task's input is complete.
    End = 19,
    /// Engine to worker: drop the task.
    Close = 20,
    /// Engine to worker: the run is over, drop all of it.
    Release = 21,
    /// Engine to worker: a file of runs comes with this block; `task` is its number.
    File = 22,
    /// Worker to engine: one block or `Read` of the task has been dealt with. `rows` is 1 when
    /// the task's own source has no more.
    Ack = 32,
    /// Worker to engine: the task is done; the payload says what came of it.
    Done = 33,
    /// Worker to engine: the task failed; the payload is a `Failure`.
    Failed = 34,
    /// Worker to engine: a task that was to be dropped is dropped.
    Closed = 36,
    /// Worker to engine: ready for work.
    Hello = 35,
    /// Worker to engine: something about a task that goes on; the payload is a `Warning`.
    Warning = 37,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        [
            Frames, Lines, Columns, Text, Setup, Open, Read, End, Close, Release, File, Ack, Done,
            Failed, Closed, Hello, Warning,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: Kind,
    pub partition: u32,
    pub task: u32,
    pub rows: u32,
    pub len: u32,
    /// Low half of XXH3-64 over the payload.
    pub checksum: u32,
}

/// Why a header or its payload was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged block: {0}")]
pub(crate) struct DamagedBlock(pub &'static str);

const MAGIC: u32 = 0x3157_4647; // "GFW1"

impl Header {
    pub(crate) fn new(kind: Kind, task: u32, partition: u32, rows: u32, payload: &[u8]) -> Header {
        Header {
            kind,
            partition,
            task,
            rows,
            len: u32::try_from(payload.len()).expect("blocks are cut far below 4 GiB"),
            checksum: checksum(payload),
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let words = [
            MAGIC,
            self.kind as u32,
            self.partition,
            self.task,
            self.rows,
            self.len,
            self.checksum,
        ];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let own = checksum(&bytes[..28]);
        bytes[28..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, DamagedBlock> {
        let word = |i: usize| {
            u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes were taken"))
        };
        if word(0) != MAGIC {
            return Err(DamagedBlock("not a block header"));
        }
        if word(7) != checksum(&bytes[..28]) {
            return Err(DamagedBlock("the header's checksum differs"));
        }
        let kind = u8::try_from(word(1)).ok().and_then(Kind::from_byte);
        Ok(Header {
            kind: kind.ok_or(DamagedBlock("unknown kind"))?,
            partition: word(2),
            task: word(3),
            rows: word(4),
            len: word(5),
            checksum: word(6),
        })
    }

    /// Checks a payload that arrived behind this header.
    pub(crate) fn verify(&self, payload: &[u8]) -> Result<(), DamagedBlock> {
        if payload.len() != self.len as usize || checksum(payload) != self.checksum {
            return Err(DamagedBlock("the payload's checksum differs"));
        }
        Ok(())
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    xxh3_64(bytes) as u32
}
