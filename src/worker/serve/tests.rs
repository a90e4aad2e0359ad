//! The task loop from outside: what an engine sends, and what comes back.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::*;
use crate::plan::chain::{Chain, Head, Tail};
use crate::row::block::HEADER_BYTES;
use crate::worker::task::{Limits, StageWork, TaskInput};

fn setup() -> Setup {
    let chain = Chain { head: Head::Rows(Layout::Lines), steps: Vec::new(), tail: Tail::Count };
    let limits = Limits {
        lua_bytes: 64 << 20,
        arena_bytes: 1 << 20,
        merge_bytes: 1 << 20,
        held_bytes: 1 << 20,
        max_row: 1 << 20,
        block_bytes: 1 << 10,
        step_timeout_ms: None,
    };
    let stages = vec![(0, StageWork { chain, keep: None })];
    Setup { shared: Vec::new(), stages, limits, run_file: 0 }
}

/// What a worker says when blocks with these numbers are sent to an open task.
fn said(sequences: &[u32]) -> Vec<Control> {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let (output, theirs_out) = rustix::pipe::pipe().unwrap();
    let worker = std::thread::spawn(move || serve(theirs.into(), theirs_out, Home::Thread));
    let mut send = |content, sequence, payload: &[u8]| {
        let header = Header { sequence, ..Header::new(content, 0, 1, payload) }.encode();
        // A worker that has ended takes no more.
        let _ = ours.write_all(&[&header[..], payload].concat());
    };
    let spec = TaskSpec {
        stage: 0,
        seed: 1,
        input: TaskInput::Blocks,
        held: Vec::new(),
        tables: Vec::new(),
    };
    send(Content::Control(Control::Setup), 0, &rmp_serde::to_vec(&setup()).unwrap());
    send(Content::Control(Control::Open), 0, &rmp_serde::to_vec(&spec).unwrap());
    for sequence in sequences {
        send(Content::Rows(Layout::Lines), *sequence, b"x\n");
    }
    send(Content::Control(Control::End), sequences.len() as u32 + 1, b"");
    let (mut output, mut said) = (File::from(output), Vec::new());
    let mut header = [0; HEADER_BYTES];
    while said.last() != Some(&Control::Done) && output.read_exact(&mut header).is_ok() {
        let header = Header::decode(&header).unwrap();
        output.read_exact(&mut vec![0; header.len as usize]).unwrap();
        if let Content::Control(control) = header.content {
            said.push(control);
        }
    }
    drop(ours);
    worker.join().unwrap();
    said
}

#[test]
fn a_block_that_is_not_the_next_of_its_task_ends_the_worker() {
    use Control::{Ack, Done, Ending, Hello};
    assert_eq!(said(&[1, 2, 3]), [Hello, Ack, Ack, Ack, Done]);
    assert_eq!(said(&[1, 3, 4]), [Hello, Ack, Ending]);
    assert_eq!(said(&[1, 1, 2]), [Hello, Ack, Ending]);
    assert_eq!(said(&[0]), [Hello, Ending]);
}

/// The kinds of blocks in a worker's output, and the last one's payload.
fn output_of(input: &[u8]) -> (Vec<Content>, Vec<u8>) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let (mut output, theirs_out) = UnixStream::pair().unwrap();
    ours.write_all(input).unwrap();
    drop(ours);
    serve(theirs.into(), theirs_out.into(), Home::Thread);
    let (mut kinds, mut payload) = (Vec::new(), Vec::new());
    let mut header = [0; HEADER_BYTES];
    while output.read_exact(&mut header).is_ok() {
        let header = Header::decode(&header).unwrap();
        kinds.push(header.content);
        payload.resize(header.len as usize, 0);
        output.read_exact(&mut payload).unwrap();
    }
    (kinds, payload)
}

#[test]
fn a_worker_that_cannot_go_on_says_why() {
    for (input, why) in [
        (vec![7; HEADER_BYTES], "damaged block"),
        (
            Header::new(Content::Control(Control::Hello), 0, 0, &[]).encode().to_vec(),
            "does not send Hello",
        ),
        (
            Header::new(Content::Control(Control::File), 0, 0, &[]).encode().to_vec(),
            "a file was to come",
        ),
    ] {
        let (kinds, payload) = output_of(&input);
        assert_eq!(kinds, [Control::Hello, Control::Ending].map(Content::Control));
        let failure: Failure = rmp_serde::from_slice(&payload).unwrap();
        assert!(failure.message.starts_with("a worker cannot go on: "), "{failure:?}");
        assert!(failure.message.contains(why), "{failure:?}");
    }
    assert_eq!(output_of(&[]).0, [Content::Control(Control::Hello)]);
}
