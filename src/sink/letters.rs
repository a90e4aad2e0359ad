//! The dead letter files of a run: see [`OnError::dead_letter`](crate::OnError::dead_letter).
//!
//! A newcomer's trap: they are opened before the first row moves, as files of sinks are, and appear
//! with those when the run has succeeded.

use std::io::Write;
use std::sync::Arc;

use super::file::AtomicFile;
use super::together::{commit_all, find_same};
use crate::error::{ErrorKind, Failure, Result, StepId};
use crate::local::Running;
use crate::local::letters::Letters;
use crate::process::with_file_size_as_error;

/// Refuses a file that is a sink's too, or has another path in a second step.
fn refuse_same(letters: &[AtomicFile], sinks: &[&AtomicFile]) -> Result<(), (usize, Failure)> {
    let all: Vec<&AtomicFile> = sinks.iter().copied().chain(letters).collect();
    let letter = |index: usize| index.checked_sub(sinks.len());
    let Some((first, second)) = find_same(&all) else { return Ok(()) };
    let Some(file) = letter(second).or(letter(first)) else { return Ok(()) };
    let path = letters[file].path().display();
    let other = all[first].path().display();
    let message = format!("{path} is to hold dead letters, and {other} is the same file");
    Err((file, Failure::new(ErrorKind::Plan, message).hint("each needs a file of its own")))
}

/// Files for rows that steps leave out.
#[must_use = "they appear when they are committed"]
pub(crate) struct LetterFiles {
    pub(super) letters: Arc<Letters>,
    pub(super) files: Vec<AtomicFile>,
    /// The first step that names each.
    pub(super) steps: Vec<StepId>,
}

impl LetterFiles {
    /// Opens them; none of them may be one of the sinks'.
    pub(super) fn open<'a>(
        running: &Running,
        sinks: impl IntoIterator<Item = &'a AtomicFile>,
    ) -> Result<LetterFiles> {
        let letters = running.letters();
        let (mut files, mut steps) = (Vec::new(), Vec::new());
        for (path, step) in letters.paths() {
            let file = AtomicFile::create(path).map_err(|failure| letters.error(step, failure))?;
            files.push(file);
            steps.push(step);
        }
        let all: Vec<&AtomicFile> = sinks.into_iter().collect();
        refuse_same(&files, &all).map_err(|(file, failure)| letters.error(steps[file], failure))?;
        Ok(LetterFiles { letters, files, steps })
    }

    /// Writes what has been left out, once the run is over.
    pub(super) fn write(&mut self) -> Result<()> {
        let LetterFiles { letters, files, steps } = self;
        for (file, step) in files.iter_mut().zip(steps) {
            let path = file.path().to_owned();
            let written = letters.each_frame(&path, |frame| {
                let written = with_file_size_as_error(|| file.write_all(frame));
                written.map_err(|error| file.failure(&error))
            });
            written.map_err(|failure| letters.error(*step, failure))?;
        }
        Ok(())
    }

    /// Both, where nothing is left of the run.
    pub(super) fn write_and_commit(mut self) -> Result<()> {
        self.write()?;
        self.commit()
    }

    /// Puts the files in their places, where nothing else is to appear with them.
    pub(super) fn commit(self) -> Result<()> {
        let LetterFiles { letters, files, steps } = self;
        with_file_size_as_error(|| commit_all(files))
            .map_err(|(index, failure)| letters.error(steps[index], failure))
    }
}
