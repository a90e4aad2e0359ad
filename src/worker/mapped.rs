//! A file as bytes in memory: its pages are those of the system's cache, one copy for all processes
//! that map it, and they leave memory when others need it.
//!
//! A newcomer's trap: a page that a file no longer has ends the process when it is read. Only files
//! that nobody can cut short are mapped: temporary ones, without a name.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ptr::NonNull;

use bytes::Bytes;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

/// The first `len` bytes of a temporary file. They have been written, and will not be again.
///
/// # Safety contract
/// The mapping is of `len` bytes from the pointer on, readable until it is dropped. The file has no
/// name and is only ever appended to by this program, so that no page of the mapping vanishes or
/// changes; a file that is shorter is refused.
pub(crate) fn map(file: &File, len: u64) -> io::Result<Bytes> {
    let len = usize::try_from(len).map_err(io::Error::other)?;
    if file.metadata()?.len() < len as u64 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if len == 0 {
        return Ok(Bytes::new());
    }
    let (none, read, shared) = (std::ptr::null_mut(), ProtFlags::READ, MapFlags::SHARED);
    // SAFETY: a new mapping at a place of the system's choice touches no other memory.
    let start = unsafe { mmap(none, len, read, shared, file, 0) }?;
    let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
    Ok(Bytes::from_owner(Mapped { start, len }))
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: see the contract of `map`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `map`, and nobody has a reference into it any more. It cannot
        // fail for a mapping that is there.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}

// SAFETY: it is memory that nobody writes.
unsafe impl Send for Mapped {}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 10_000]).unwrap();
        let bytes = map(&file, 10_000).unwrap();
        let clone = bytes.clone();
        drop((file, bytes));
        assert_eq!(std::thread::spawn(move || clone.to_vec()).join().unwrap(), [7; 10_000]);
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(map(&file, 1).is_err());
        assert!(map(&file, 0).unwrap().is_empty());
    }
}
