//! Which file a path stood for when its splits were cut, and whether it is still that one.
//!
//! A newcomer's trap: a file that has grown is not another file. Logs are written to while they
//! are read; what was there before is still the input, and what came later is no part of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Failure};

/// The last bytes of a file, by which one that was appended to can be told from one that was
/// written anew and became longer.
const TAIL_BYTES: u64 = 64;

/// A regular file as it was when it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// Its size in bytes. What is appended later is not read.
    pub len: u64,
    device: u64,
    inode: u64,
    /// Seconds and nanoseconds of its last modification.
    modified: (i64, i64),
    /// A hash of its last bytes.
    tail: u64,
}

impl Identity {
    pub(crate) fn of(file: &File) -> io::Result<Identity> {
        let found = file.metadata()?;
        Ok(Identity {
            len: found.len(),
            device: found.dev(),
            inode: found.ino(),
            modified: (found.mtime(), found.mtime_nsec()),
            tail: tail_hash(file, found.len())?,
        })
    }

    /// Refuses an open file that is another one, or no longer what it was.
    pub(crate) fn check(&self, file: &File, path: &Path) -> Result<(), Failure> {
        let unreadable = |error| super::paths::cannot_read(path, &error);
        let found = file.metadata().map_err(unreadable)?;
        if (found.dev(), found.ino()) != (self.device, self.inode) {
            return Err(changed(path, "another file has taken its place since the run began"));
        }
        if found.len() < self.len {
            return Err(self.became_shorter(path));
        }
        let same = match found.len() == self.len {
            true => (found.mtime(), found.mtime_nsec()) == self.modified,
            false => tail_hash(file, self.len).map_err(unreadable)? == self.tail,
        };
        match same {
            true => Ok(()),
            false => Err(changed(path, "it has been rewritten since the run began")),
        }
    }

    pub(crate) fn became_shorter(&self, path: &Path) -> Failure {
        changed(path, &format!("it has become shorter than the {} bytes it had", self.len))
    }

    /// What a test knows of a file that it will not open.
    #[cfg(test)]
    pub(crate) fn of_len(len: u64) -> Identity {
        Identity { len, device: 0, inode: 0, modified: (0, 0), tail: 0 }
    }
}

fn changed(path: &Path, how: &str) -> Failure {
    Failure::new(ErrorKind::Input, format!("cannot read {}: {how}", path.display()))
        .hint("while a flow reads a file, it may only be appended to")
}

fn tail_hash(file: &File, len: u64) -> io::Result<u64> {
    let mut bytes = [0; TAIL_BYTES as usize];
    let tail = &mut bytes[..len.min(TAIL_BYTES) as usize];
    match file.read_exact_at(tail, len - tail.len() as u64) {
        Ok(()) => Ok(xxhash_rust::xxh3::xxh3_64(tail)),
        // It has just become shorter, so that nothing is equal to what it was.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_appended_to_stays_the_file_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "one\ntwo\n").unwrap();
        let was = Identity::of(&File::open(&path).unwrap()).unwrap();
        let now = || was.check(&File::open(&path).unwrap(), &path).map_err(|f| f.message);
        assert_eq!(now(), Ok(()));
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(now(), Ok(()));
        let text = |how: &str| Err(format!("cannot read {}: {how}", path.display()));
        fs::write(&path, "one\n2\nthree and four\n").unwrap();
        assert_eq!(now(), text("it has been rewritten since the run began"));
        fs::write(&path, "one\n").unwrap();
        assert_eq!(now(), text("it has become shorter than the 8 bytes it had"));
    }

    #[test]
    fn a_file_of_the_same_size_is_known_by_its_time_and_its_place_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("in"), dir.path().join("other"));
        fs::write(&path, "same\n").unwrap();
        let was = Identity::of(&File::open(&path).unwrap()).unwrap();
        let now = || was.check(&File::open(&path).unwrap(), &path).map_err(|f| f.message);
        let text = |how: &str| Err(format!("cannot read {}: {how}", path.display()));
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
        assert_eq!(now(), text("it has been rewritten since the run began"));
        fs::write(&other, "same\n").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(now(), text("another file has taken its place since the run began"));
    }
}
