//! The engine's end of a link, with a worker that says what a test wants.

use std::time::Duration;

use super::*;
use crate::error::Origin;
use crate::plan::stage::{Input, Output, Plan, Slice, Stage, Work};
use crate::row::layout::Layout;
use crate::worker::task::TaskInput;

/// A plan with one stage, for whose tasks something is counted.
fn plan() -> Plan {
    let slice = Work::Slice(Slice { skip: 0, take: None });
    let (input, output) = (Input::Stages(Vec::new()), Output::Rows(Layout::Lines));
    let stage = Stage { step: 0, input, work: slice, output, held: Vec::new(), partitions: 1 };
    let origins = vec![Origin::new("limit", std::panic::Location::caller())];
    Plan { stages: vec![stage], origins, ..Plan::default() }
}

/// What comes of a task whose worker acknowledges blocks under these numbers, and is then done.
fn last_item(sequences: &[u32]) -> Item {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (socket, _theirs) = UnixStream::pair().unwrap();
        let (writer, output) = pipe::pipe().unwrap();
        let link = Link::start(socket, output, Body::Thread, Duration::from_secs(10));
        let meter = Arc::new(Meter::new(1 << 20, 1 << 20, std::env::temp_dir()));
        let spec = TaskSpec {
            stage: 0,
            seed: 1,
            input: TaskInput::Blocks,
            held: Vec::new(),
            tables: Vec::new(),
        };
        let (warnings, tally) = (Warnings::new(Vec::new()), Tally::new(&plan()));
        let task = link.open_task(&spec, &meter, &Arc::new(warnings), &Arc::new(tally));
        let mut said: Vec<(Control, u32, Vec<u8>)> =
            sequences.iter().map(|sequence| (Control::Ack, *sequence, Vec::new())).collect();
        let result = rmp_serde::to_vec(&TaskResult::default()).unwrap();
        said.push((Control::Done, sequences.len() as u32, result));
        writer.writable().await.unwrap();
        for (control, sequence, payload) in said {
            let header = Header::new(Content::Control(control), task.number, 0, &payload);
            let header = Header { sequence, ..header }.encode();
            writer.try_write(&[&header[..], &payload].concat()).unwrap();
        }
        task.inbox.spool.pop().await
    })
}

#[test]
fn a_block_of_a_worker_that_is_not_the_next_of_its_task_fails_it() {
    assert!(matches!(last_item(&[0, 1]), Item::Done(_)));
    for sequences in [&[0, 2][..], &[0, 0], &[1]] {
        let Item::Failed(failure) = last_item(sequences) else { panic!("it is done") };
        let reason = "damaged block: it is not the next of its task";
        assert_eq!(failure.message, format!("a worker thread ended ({reason})"));
    }
}
