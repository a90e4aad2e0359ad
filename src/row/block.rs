//! A block: many rows travelling together between engine and worker, behind one header.
//!
//! A newcomer's trap: the same header carries control messages, which are no rows; [`Content`] says
//! what the payload is. All integers are little-endian.

use xxhash_rust::xxh3::xxh3_64;

use super::layout::Layout;

/// Bytes of a header on the wire.
pub(crate) const HEADER_BYTES: usize = 36;

/// Those before the header's own checksum.
const CHECKED_BYTES: usize = HEADER_BYTES - 4;

/// Rows of this many bytes make a block; a single larger row makes a larger one.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// In the place of a partition: the block holds what has become of rows that a task left out.
pub(crate) const LETTERS: u32 = u32::MAX;

/// What a block's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Rows(Layout),
    Control(Control),
}

/// What a block without rows says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Control {
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
    /// Worker to engine: it cannot go on; the payload is a `Failure`.
    Ending = 38,
}

impl Control {
    fn from_byte(byte: u8) -> Option<Control> {
        use Control::*;
        [
            Setup, Open, Read, End, Close, Release, File, Ack, Done, Failed, Closed, Hello,
            Warning, Ending,
        ]
        .into_iter()
        .find(|control| *control as u8 == byte)
    }

    /// Whether it is the last that a worker says of a task.
    pub(crate) fn ends_task(self) -> bool {
        matches!(self, Control::Done | Control::Failed | Control::Closed)
    }
}

impl Content {
    /// Layouts are below 16, control messages are not.
    fn byte(self) -> u8 {
        match self {
            Content::Rows(layout) => layout as u8,
            Content::Control(control) => control as u8,
        }
    }

    fn from_byte(byte: u8) -> Option<Content> {
        let rows = Layout::from_byte(byte).map(Content::Rows);
        rows.or_else(|| Control::from_byte(byte).map(Content::Control))
    }
}

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub content: Content,
    pub partition: u32,
    pub task: u32,
    /// The number of the block among those of its task that go the same way. What belongs to no
    /// task has 0.
    pub sequence: u32,
    pub rows: u32,
    pub len: u32,
    /// Low half of XXH3-64 over the payload.
    pub checksum: u32,
}

/// Why a header or its payload was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged block: {0}")]
pub(crate) struct DamagedBlock(pub &'static str);

const MAGIC: u32 = 0x3257_4647; // "GFW2"

impl Header {
    /// The first block of a task, or one of none.
    pub(crate) fn new(content: Content, task: u32, rows: u32, payload: &[u8]) -> Header {
        Header {
            content,
            partition: 0,
            task,
            sequence: 0,
            rows,
            len: u32::try_from(payload.len()).expect("blocks are cut far below 4 GiB"),
            checksum: checksum(payload),
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let words = [
            MAGIC,
            u32::from(self.content.byte()),
            self.partition,
            self.task,
            self.sequence,
            self.rows,
            self.len,
            self.checksum,
        ];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let own = checksum(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, DamagedBlock> {
        let word = |i: usize| {
            u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes were taken"))
        };
        if word(0) != MAGIC {
            return Err(DamagedBlock("not a block header"));
        }
        if word(8) != checksum(&bytes[..CHECKED_BYTES]) {
            return Err(DamagedBlock("the header's checksum differs"));
        }
        let content = u8::try_from(word(1)).ok().and_then(Content::from_byte);
        Ok(Header {
            content: content.ok_or(DamagedBlock("unknown kind"))?,
            partition: word(2),
            task: word(3),
            sequence: word(4),
            rows: word(5),
            len: word(6),
            checksum: word(7),
        })
    }

    /// Checks that it is the next block of its task; one was lost or came twice if it is not.
    pub(crate) fn verify_sequence(&self, next: u32) -> Result<(), DamagedBlock> {
        match self.sequence == next {
            true => Ok(()),
            false => Err(DamagedBlock("it is not the next of its task")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let rows = Header::new(Content::Rows(Layout::Columns), 7, 2, b"a\tb\nc\n");
        Header { partition: 3, sequence: 11, ..rows }
    }

    #[test]
    fn every_kind_of_block_reads_back() {
        let known: Vec<Content> = (0..=255).filter_map(Content::from_byte).collect();
        assert_eq!(known.len(), 4 + 14);
        for content in known {
            let header = Header { content, ..header() };
            assert_eq!(Header::decode(&header.encode()), Ok(header));
        }
    }

    #[test]
    fn a_damaged_header_or_payload_is_refused() {
        let whole = header().encode();
        for at in 0..HEADER_BYTES {
            let mut bytes = whole;
            bytes[at] ^= 4;
            assert!(Header::decode(&bytes).is_err(), "byte {at}");
        }
        assert!(header().verify(b"a\tb\nc\n").is_ok());
        assert!(header().verify(b"a\tb\nd\n").is_err());
        assert!(header().verify(b"a\tb\n").is_err());
    }

    #[test]
    fn a_lost_block_and_one_that_comes_twice_are_refused() {
        assert!(header().verify_sequence(11).is_ok());
        for next in [10, 12] {
            let damage = header().verify_sequence(next).unwrap_err();
            assert_eq!(damage.to_string(), "damaged block: it is not the next of its task");
        }
    }
}
