//! Commands that are run again when they have failed: their input is kept, and their output held
//! back until they have succeeded.
//!
//! A newcomer's trap: what is kept may be as large as all of the input. It waits in a queue like
//! every other, in memory while the run's share lasts and then on disk.

use std::time::Duration;

use crate::error::{ErrorKind, Failure, Warning};
use crate::local::block::Block;
use crate::local::command::Site;
use crate::local::edge::{Reader, Stop, Writer, held};
use crate::plan::command::Command;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often a command may yet be run.
pub(crate) struct Attempts<'a> {
    site: &'a Site,
    command: &'a Command,
    /// How often it has been run again.
    again: u32,
    pause: Duration,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(site: &'a Site, command: &'a Command) -> Attempts<'a> {
        Attempts { site, command, again: 0, pause: FIRST_PAUSE }
    }

    /// Waits until the command is to be run again, unless it has ended for good: by success, by a
    /// failure that is not its own, or because it has been run often enough.
    pub(crate) async fn next(&mut self, result: Result<(), Stop>) -> Result<bool, Stop> {
        let failure = match result {
            Err(Stop::Failed(failure)) if is_its_own(&failure) => failure,
            other => return other.map(|()| false),
        };
        if self.again == self.command.setup.retries {
            return Err(Stop::Failed(self.last(failure)));
        }
        self.again += 1;
        self.site.session.tally.retry(self.command.step);
        let message = match failure.message.split_once('\n') {
            Some((first, _)) => first,
            None => &failure.message,
        };
        let warning = Warning::new(format!("{message}; it is run again"));
        self.site.session.warnings.add(warning.at_step(self.command.step));
        tokio::time::sleep(self.pause).await;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        Ok(true)
    }

    fn last(&self, mut failure: Failure) -> Failure {
        if self.again > 0 {
            let end = failure.message.find('\n').unwrap_or(failure.message.len());
            failure.message.insert_str(end, &format!(", in the last of {} runs", self.again + 1));
        }
        failure
    }
}

/// Whether the command has failed, and not what is around it.
pub(crate) fn is_its_own(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Command | ErrorKind::Timeout)
}

/// A command's input.
pub(crate) struct Source {
    rows: Reader,
    /// Whether the rows have ended with a failure, which is not the command's.
    pub failed: bool,
    kept: Option<Kept>,
}

/// What has been read once.
struct Kept {
    /// What is read again, before more is.
    before: Option<Reader>,
    /// All that has been read since the beginning.
    keep: Writer,
    read: Reader,
}

impl Source {
    /// Rows that are read once.
    pub(crate) fn new(rows: Reader) -> Source {
        Source { rows, failed: false, kept: None }
    }

    /// Rows that may be read [again](Source::rewind).
    pub(crate) fn kept(rows: Reader, site: &Site) -> Source {
        let (keep, read) = held_at(site);
        Source { kept: Some(Kept { before: None, keep, read }), ..Source::new(rows) }
    }

    /// The next block, `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Block>, Failure> {
        let next = match &mut self.kept {
            Some(kept) => kept.next(&mut self.rows).await,
            None => self.rows.next().await,
        };
        self.failed |= next.is_err();
        next
    }

    /// Begins anew.
    pub(crate) async fn rewind(&mut self, site: &Site) -> Result<(), Failure> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        while kept.next_before().await?.is_some() {}
        kept.keep.settle(Ok(()));
        let (keep, read) = held_at(site);
        kept.keep = keep;
        kept.before = Some(std::mem::replace(&mut kept.read, read));
        Ok(())
    }
}

impl Kept {
    async fn next(&mut self, rows: &mut Reader) -> Result<Option<Block>, Failure> {
        if let Some(block) = self.next_before().await? {
            return Ok(Some(block));
        }
        let next = rows.next().await?;
        if let Some(block) = &next {
            self.keep(block).await;
        }
        Ok(next)
    }

    /// The next block that has been read before.
    async fn next_before(&mut self) -> Result<Option<Block>, Failure> {
        let Some(before) = &mut self.before else { return Ok(None) };
        let next = before.next().await?;
        match &next {
            Some(block) => self.keep(block).await,
            None => self.before = None,
        }
        Ok(next)
    }

    async fn keep(&self, block: &Block) {
        // What cannot be kept is a failure when it is read again.
        let _ = self.keep.push(Block { partition: 0, ..block.clone() }).await;
    }
}

/// Where rows of any partition wait until they are known to be wanted.
pub(crate) fn held_at(site: &Site) -> (Writer, Reader) {
    held(&site.session.meter, site.session.plan.stages[site.stage].step)
}

/// Passes on what one command has written.
pub(crate) async fn pass_on(mut rows: Reader, out: &Writer, partition: u32) -> Result<(), Stop> {
    while let Some(block) = rows.next().await? {
        out.push(Block { partition, ..block }).await?;
    }
    Ok(())
}
