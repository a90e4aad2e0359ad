//! What only this program has of a plan, before the run: its sources, opened, and its closures.
//!
//! A newcomer's trap: all of them are opened before the first is read, so that a run which cannot begin
//! takes nothing from a reader.

use std::collections::HashMap;

use crate::error::{Error, Failure, Warning};
use crate::flow::Flow;
use crate::local::closures::{self, Codes};
use crate::local::session::Session;
use crate::local::settings::Resolved;
use crate::plan::stage::{Input, StageId, Work};
use crate::source::open::{Opened, Opening, PartsInOrder};
use crate::source::registry;

/// Opens all sources of a plan, so that a run which cannot begin reads none of them.
pub(super) fn open_sources(
    flow: &Flow,
    session: &Session,
) -> Result<HashMap<StageId, Opened>, Error> {
    let held = flow.state().held.clone();
    let Resolved { limits, split_bytes, .. } = &session.settings;
    let (max_row, split_bytes) = (limits.max_row, *split_bytes);
    let mut sources = HashMap::new();
    for (id, stage) in session.plan.stages.iter().enumerate() {
        let Input::Source(source) = &stage.input else { continue };
        let mut opening =
            Opening { held: &held, max_row, split_bytes, warnings: Vec::new(), bytes: None };
        let opened = registry::source(&source.code).and_then(|code| code.open(&mut opening));
        let opened = opened.map_err(|failure| session.error(failure.at_step(stage.step)))?;
        session.tally.to_read(opening.bytes);
        for warning in opening.warnings {
            session.warnings.add(Warning::new(warning).at_step(stage.step));
        }
        let opened = match opened {
            // Without steps nothing of it is worth a worker.
            Opened::Parts(parts) if stage.work.chain().is_none() => {
                Opened::Stream(Box::new(PartsInOrder::new(parts, source.layout, max_row)))
            }
            opened => opened,
        };
        sources.insert(id, opened);
    }
    Ok(sources)
}

/// Finds what the plan names of the program's own code.
pub(super) fn find_closures(
    flow: &Flow,
    session: &Session,
) -> Result<HashMap<StageId, Codes>, Error> {
    let held = flow.state().held.clone();
    let stages = session.plan.stages.iter().enumerate();
    let of_stages = stages.filter_map(|(id, stage)| match &stage.work {
        Work::Closures(closures) => Some(closures::find(&held, closures).map(|codes| (id, codes))),
        _ => None,
    });
    of_stages.collect::<Result<_, Failure>>().map_err(|failure| session.error(failure))
}
