//! Buffers that go round: from whoever reads rows to whoever is done with them, and back.
//!
//! A newcomer's trap: a block in a queue counts by its rows' bytes. So only a buffer that is
//! nearly full travels as it is; what fills less is copied, and the buffer stays.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// How many buffers wait to be used again, and how large each may be.
const MOST_KEPT: usize = 16;
const LARGEST_KEPT: usize = 512 << 10;

/// Fresh memory costs the kernel more than the rows that are read into it.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// An empty buffer, whose capacity may be that of one used before.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.kept().pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(crate) fn keep(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.kept();
        if kept.len() < MOST_KEPT && (1..=LARGEST_KEPT).contains(&buffer.capacity()) {
            kept.push(buffer);
        }
    }

    /// What is in a buffer, which comes back when nobody needs that any more.
    pub(crate) fn freeze(&self, buffer: Vec<u8>) -> Bytes {
        if buffer.len() < buffer.capacity() / 4 * 3 {
            let bytes = Bytes::copy_from_slice(&buffer);
            self.keep(buffer);
            return bytes;
        }
        Bytes::from_owner(Lent { buffer, home: self.clone() })
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Lent {
    buffer: Vec<u8>,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.keep(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_comes_back_and_one_with_little_in_it_stays() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take();
        buffer.extend_from_slice(&[7; 1000]);
        buffer.shrink_to_fit();
        let place = buffer.as_ptr();
        let bytes = buffers.freeze(buffer);
        assert_eq!(bytes, [7; 1000][..]);
        assert_eq!(bytes.as_ptr(), place);
        let part = bytes.slice(5..9);
        drop(bytes);
        assert_eq!(buffers.take().capacity(), 0);
        drop(part);
        let mut buffer = buffers.take();
        assert_eq!((buffer.as_ptr(), buffer.len()), (place, 0));
        buffer.push(8);
        let bytes = buffers.freeze(buffer);
        assert_eq!(bytes, [8][..]);
        let buffer = buffers.take();
        assert_eq!(buffer.as_ptr(), place);
    }
}
