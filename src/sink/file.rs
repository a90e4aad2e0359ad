//! A file that appears whole or not at all.
//!
//! A newcomer's trap: nothing is at the path before `commit`. The bytes go to a file of the same
//! directory which has no name until then, where the file system can do that: the library
//! installs no signal handler, so that after Ctrl-C nobody is left to remove a named one.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, access, linkat, open};
use tempfile::{NamedTempFile, TempPath};

use super::save::{Output, Target};
use super::terminal::Consume;
use crate::error::{ErrorKind, Failure};
use crate::local::block::Block;
use crate::process::with_file_size_as_error;

const BUFFER_BYTES: usize = 256 << 10;
const PREFIX: &str = ".gleamflow-";

/// A file being written; dropped without `commit`, it leaves what was there before.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    /// As the user named it.
    path: PathBuf,
    /// Taken by `commit` or when dropped.
    to: Option<BufWriter<Temporary>>,
}

/// Where the bytes are until they are committed.
#[derive(Debug)]
enum Temporary {
    /// In a file without a name, which ends with this process.
    Unnamed { file: File, target: PathBuf },
    /// In a file that is removed when it is dropped.
    Named { file: NamedTempFile, target: PathBuf },
    /// In a file that had no name until all was written.
    Linked { file: File, name: TempPath, target: PathBuf },
    /// In a pipe or a device, gone for good.
    Straight(File),
}

impl AtomicFile {
    pub(crate) fn create(path: impl AsRef<Path>) -> Result<AtomicFile, Failure> {
        AtomicFile::create_with(path.as_ref(), Temporary::unnamed)
    }

    fn create_with(
        path: &Path,
        temporary: fn(&Path, &Path) -> io::Result<Temporary>,
    ) -> Result<AtomicFile, Failure> {
        let opened = match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(is_a_directory(path)),
            Ok(found) if !found.is_file() => straight(path),
            found => match resolve_links(path) {
                Ok(Some(target)) => {
                    let directory = directory_of(&target);
                    if target.file_name().is_none() || ends_with_slash(path) {
                        return Err(is_a_directory(path));
                    }
                    if !directory.is_dir() {
                        return Err(has_no_directory(path, directory));
                    }
                    may_replace(&target).and_then(|()| temporary(directory, &target)).and_then(
                        |temporary| match found {
                            Ok(found) => temporary.resemble(&found).map(|()| temporary),
                            Err(_) => Ok(temporary),
                        },
                    )
                }
                Ok(None) => straight(path),
                Err(error) => Err(error),
            },
        };
        let to = opened.map_err(|error| cannot_write(path, &error))?;
        let to = BufWriter::with_capacity(BUFFER_BYTES, to);
        Ok(AtomicFile { path: path.to_owned(), to: Some(to) })
    }

    /// Gives the file a name beside its place, from where it only has to be renamed.
    pub(super) fn give_name(&mut self) -> io::Result<()> {
        match self.discard_buffer().map(Temporary::give_name) {
            Some(named) => {
                self.to = Some(BufWriter::with_capacity(0, named?));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Puts a file that has a name in its place. The path as the user named it comes back.
    pub(super) fn rename(mut self) -> Result<PathBuf, Failure> {
        let renamed = self.discard_buffer().map_or(Ok(()), Temporary::rename);
        renamed.map_err(|error| self.failure(&error))?;
        Ok(std::mem::take(&mut self.path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory and the name of what will be replaced.
    pub(super) fn target(&self) -> Option<&Path> {
        match self.to.as_ref()?.get_ref() {
            Temporary::Unnamed { target, .. }
            | Temporary::Named { target, .. }
            | Temporary::Linked { target, .. } => Some(target),
            Temporary::Straight(_) => None,
        }
    }

    /// Waits until the bytes are on the disk, which may turn out to be full only now.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        match self.writer().get_ref() {
            Temporary::Straight(_) => Ok(()),
            temporary => temporary.file().sync_data(),
        }
    }

    fn writer(&mut self) -> &mut BufWriter<Temporary> {
        self.to.as_mut().expect("only `commit` and `drop` take it, and they come last")
    }

    /// A `BufWriter` that is dropped writes what it holds, to a disk that may just have been
    /// found full.
    fn discard_buffer(&mut self) -> Option<Temporary> {
        self.to.take().map(|to| to.into_parts().0)
    }

    /// What a failed write to this file is for the user.
    pub(crate) fn failure(&self, error: &io::Error) -> Failure {
        cannot_write(&self.path, error)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        drop(self.discard_buffer());
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

impl Temporary {
    /// A file without a name, or one with a name where that can't be had.
    fn unnamed(directory: &Path, target: &Path) -> io::Result<Temporary> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        // The mode is subject to the umask, as for any new file.
        let opened = open(directory, flags, Mode::from_raw_mode(0o666));
        if let Ok(fd) = opened {
            let file = File::from(fd);
            // Giving it a name later needs /proc.
            if own_path(&file).exists() {
                return Ok(Temporary::Unnamed { file, target: target.to_owned() });
            }
        }
        Temporary::named(directory, target)
    }

    fn named(directory: &Path, target: &Path) -> io::Result<Temporary> {
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory)
            // Its error's text would be the temporary name, which the user never chose.
            .map_err(|error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error))?;
        Ok(Temporary::Named { file, target: target.to_owned() })
    }

    fn file(&self) -> &File {
        match self {
            Temporary::Unnamed { file, .. }
            | Temporary::Linked { file, .. }
            | Temporary::Straight(file) => file,
            Temporary::Named { file, .. } => file.as_file(),
        }
    }

    /// Takes over the owner, as far as we may, and the permissions of the file to be replaced.
    fn resemble(&self, found: &std::fs::Metadata) -> io::Result<()> {
        let file = self.file();
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
            let _ = fchown(file, Some(found.uid()), Some(found.gid()));
        }
        file.set_permissions(found.permissions())
    }

    /// A link can't replace a file, so that one without a name takes two steps.
    fn give_name(self) -> io::Result<Temporary> {
        let Temporary::Unnamed { file, target } = self else { return Ok(self) };
        let name =
            tempfile::Builder::new().prefix(PREFIX).make_in(directory_of(&target), |name| {
                Ok(linkat(CWD, own_path(&file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
            })?;
        Ok(Temporary::Linked { file, name: name.into_temp_path(), target })
    }

    fn rename(self) -> io::Result<()> {
        match self {
            Temporary::Straight(_) => Ok(()),
            Temporary::Named { file, target } => {
                file.persist(target).map(drop).map_err(|refused| refused.error)
            }
            Temporary::Linked { name, target, .. } => {
                name.persist(target).map_err(|refused| refused.error)
            }
            Temporary::Unnamed { .. } => unreachable!("it is given a name first"),
        }
    }
}

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn own_path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Opens what can't be replaced. Appending, because behind `/dev/stdout` may be a file that
/// others have written to.
fn straight(path: &Path) -> io::Result<Temporary> {
    OpenOptions::new().append(true).open(path).map(Temporary::Straight)
}

/// What a path stands for once its last name is no link. None: for an open file of a process,
/// as `/dev/stdout` does, whose name, if it still has one, is not ours to replace.
fn resolve_links(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut target = path.to_owned();
    for _ in 0..40 {
        let Ok(link) = std::fs::read_link(&target) else {
            return Ok(Some(target));
        };
        let directory = directory_of(&target);
        if directory.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        target = directory.join(link);
    }
    Err(io::Error::from_raw_os_error(rustix::io::Errno::LOOP.raw_os_error()))
}

pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that its owner has protected from writing is not replaced either.
fn may_replace(target: &Path) -> io::Result<()> {
    match access(target, Access::WRITE_OK) {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::io(format_args!("cannot write {}", path.display()), error)
}

fn is_a_directory(path: &Path) -> Failure {
    let message = format!("cannot write {}: it names a directory", path.display());
    Failure::new(ErrorKind::Io, message)
        .hint(format!("name a file in it, such as {}", path.join("out.txt").display()))
}

fn has_no_directory(path: &Path, directory: &Path) -> Failure {
    let directory = directory.display();
    let message = format!("cannot write {}: there is no directory {directory}", path.display());
    Failure::new(ErrorKind::Io, message).hint(format!("make it first: mkdir -p {directory}"))
}

/// A file that appears whole when a run has succeeded.
pub(super) struct PathTarget(pub PathBuf);

impl Target for PathTarget {
    type Output = AtomicFile;

    fn open(self) -> Result<AtomicFile, Failure> {
        AtomicFile::create(self.0)
    }
}

impl Output for AtomicFile {
    fn into_file(self: Box<Self>) -> Option<AtomicFile> {
        Some(*self)
    }
}

impl Consume for AtomicFile {
    fn file(&self) -> Option<&AtomicFile> {
        Some(self)
    }

    fn block(&mut self, block: &Block) -> Result<ControlFlow<()>, Failure> {
        match with_file_size_as_error(|| self.write_all(&block.bytes)) {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
