//! A folder for the temporary files of commands, which goes with its session.
//!
//! A newcomer's trap: it goes also when the program is killed; then the guard removes it.

use std::path::Path;

use crate::process::guard::GuardedFolder;

/// The folder's name begins so; the guard removes no other.
pub(super) const PREFIX: &str = "gleamflow-";

/// A folder that only this user may look into. Dropped, it is removed with all that is in it.
pub(crate) struct Folder {
    // Removed before the guard is told so.
    folder: tempfile::TempDir,
    _guarded: GuardedFolder,
}

impl Folder {
    pub(crate) fn create_in(place: &Path) -> std::io::Result<Folder> {
        let place = std::path::absolute(place)?;
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
        let guarded = GuardedFolder::new(folder.path());
        Ok(Folder { folder, _guarded: guarded })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Most are empty, and need no look into them.
        if std::fs::remove_dir(self.folder.path()).is_ok() {
            self.folder.disable_cleanup(true);
        }
    }
}
