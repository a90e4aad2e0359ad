//! What runs promise, held against a model: collect all rows, sort them stably, cut.
//!
//! A newcomer's trap: the key here is a byte string at the front of the payload, without the
//! escapes that make real keys self-delimiting, so one key may be the start of another.

use std::fs::File;
use std::slice;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, Failure};
use crate::plan::{cut::*, exchange::Keep};
use crate::row::layout::Rows;

/// A key, and how many bytes stand behind it.
type Row = (Vec<u8>, usize);

/// Payload: key length (u16), key, task and row (u32 each), zeros.
fn payload(task: usize, nth: usize, row: &Row) -> Vec<u8> {
    let mut bytes = (row.0.len() as u16).to_le_bytes().to_vec();
    bytes.extend_from_slice(&row.0);
    bytes.extend_from_slice(&(task as u32).to_le_bytes());
    bytes.extend_from_slice(&(nth as u32).to_le_bytes());
    bytes.resize(bytes.len() + row.1, 0);
    bytes
}

fn key(payload: &[u8]) -> &[u8] {
    let len = u16::from_le_bytes([payload[0], payload[1]]);
    &payload[2..2 + usize::from(len)]
}

fn append_key(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), Failure> {
    out.extend_from_slice(key(payload));
    Ok(())
}

struct Disk {
    store: RunStore,
    file: Arc<File>,
}

impl Disk {
    fn new() -> Disk {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let copy = Arc::clone(&file);
        Disk { store: RunStore::new(Box::new(move || Ok((7, copy.try_clone().unwrap())))), file }
    }

    fn write(&self, task: usize, rows: &[Row], arena: usize, keep: Keep) -> TaskRuns {
        let mut writer = RunWriter::new(append_key, keep, arena, self.store.clone());
        for (nth, row) in rows.iter().enumerate() {
            let payload = payload(task, nth, row);
            let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
            frame.extend_from_slice(&payload);
            writer.push(Rows::frames(&frame)).unwrap();
        }
        writer.finish().unwrap()
    }

    fn write_all(&self, tasks: &[Vec<Row>], arena: usize, keep: Keep) -> Vec<TaskRuns> {
        let numbered = tasks.iter().enumerate();
        numbered.map(|(task, rows)| self.write(task, rows, arena, keep)).collect()
    }

    fn open(
        &self,
        inputs: Vec<RunInput>,
        between: (Option<&Cut>, Option<&Cut>),
        buffer_bytes: usize,
        keep: Keep,
    ) -> Result<Merge, Failure> {
        let files = |file| {
            assert_eq!(file, 7);
            Ok(Arc::clone(&self.file))
        };
        Merge::open(inputs, &files, between.0, between.1, buffer_bytes, keep)
    }

    /// Payloads and starts of a whole merge.
    fn merge(
        &self,
        inputs: Vec<RunInput>,
        between: (Option<&Cut>, Option<&Cut>),
        buffer_bytes: usize,
        keep: Keep,
    ) -> Vec<(Vec<u8>, bool)> {
        read(self.open(inputs, between, buffer_bytes, keep).unwrap()).unwrap()
    }

    /// Merges the ranges between neighbouring cuts.
    fn merge_ranges(&self, inputs: &[RunInput], cuts: &[Cut]) -> Vec<Vec<Vec<u8>>> {
        let ends = || std::iter::once(None).chain(cuts.iter().map(Some)).chain([None]);
        ends()
            .zip(ends().skip(1))
            .map(|between| payloads(self.merge(inputs.to_vec(), between, 64 << 10, Keep::All)))
            .collect()
    }
}

fn read(mut merge: Merge) -> Result<Vec<(Vec<u8>, bool)>, Failure> {
    let mut rows = Vec::new();
    let mut has_ended = true;
    loop {
        let (mut frames, mut marks) = (Vec::new(), Vec::new());
        merge.next_marked(&mut frames, &mut marks, 5000)?;
        if frames.is_empty() {
            assert!(has_ended, "the last key was not said to end");
            return Ok(rows);
        }
        let mut marks = marks.into_iter();
        Rows::frames(&frames).try_each(|payload| {
            let mark = marks.next().expect("there is one for each row");
            assert!(mark.begins_key() || !has_ended, "a key that goes on was said to end");
            has_ended = mark.ends_key();
            rows.push((payload.to_vec(), mark.begins_key()));
            Ok::<(), Failure>(())
        })?;
        assert_eq!(marks.next(), None);
    }
}

fn payloads(rows: Vec<(Vec<u8>, bool)>) -> Vec<Vec<u8>> {
    rows.into_iter().map(|row| row.0).collect()
}

fn inputs(tasks: &[TaskRuns]) -> Vec<RunInput> {
    let mut inputs = Vec::new();
    for (task, runs) in (0..).zip(tasks) {
        let numbered = (0..).zip(runs.runs.clone());
        inputs.extend(numbered.map(|(sequence, run)| RunInput { task, sequence, run }));
    }
    inputs
}

/// Merges neighbours until no more than `fan_in` runs are left.
fn passes(disk: &Disk, mut inputs: Vec<RunInput>, fan_in: usize, keep: Keep) -> Vec<RunInput> {
    while inputs.len() > fan_in {
        inputs = inputs
            .chunks(fan_in)
            .map(|some| {
                let merge = disk.open(some.to_vec(), (None, None), 1 << 20, keep).unwrap();
                let run = merge.write_run(&mut disk.store.clone()).unwrap();
                RunInput { run, ..some[0].clone() }
            })
            .collect();
    }
    inputs
}

fn cuts(tasks: &[TaskRuns], ranges: usize, divide_keys: bool) -> Vec<Cut> {
    let sampled: Vec<_> = (0..).zip(tasks).map(|(task, runs)| runs.sampled(task)).collect();
    choose_cuts(&sampled, ranges, divide_keys)
}

/// The ten-line model.
fn model(tasks: &[Vec<Row>], keep: Keep) -> Vec<(Vec<u8>, bool)> {
    let mut rows = Vec::new();
    for (task, its_rows) in tasks.iter().enumerate() {
        rows.extend(its_rows.iter().enumerate().map(|(nth, row)| payload(task, nth, row)));
    }
    rows.sort_by(|left, right| key(left).cmp(key(right)));
    let starts: Vec<bool> =
        (0..rows.len()).map(|i| i == 0 || key(&rows[i - 1]) != key(&rows[i])).collect();
    let marked = rows.into_iter().zip(starts);
    match keep {
        Keep::All => marked.collect(),
        Keep::First => marked.filter(|row| row.1).collect(),
        Keep::Top(rows) => marked.take(rows as usize).collect(),
    }
}

/// Keys that tie in their first bytes, end in zeros, or are longer than what a cut keeps.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let tail = || vec(prop_oneof![Just(0_u8), Just(b'a'), Just(0xff)], 0..12);
    prop_oneof![
        8 => tail(),
        1 => Just(b"hot".to_vec()),
        1 => tail().prop_map(|tail| [b"shared by many", &tail[..]].concat()),
        1 => (250_usize..260, tail())
            .prop_map(|(len, tail)| [&vec![b'p'; len][..], &tail].concat()),
    ]
}

fn any_tasks() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let bytes = prop_oneof![6 => 0..60_usize, 3 => 500..3000_usize, 1 => 8000..9000_usize];
    vec(vec((any_key(), bytes), 0..150), 0..5)
}

fn any_arena() -> impl Strategy<Value = usize> {
    prop_oneof![0..500_usize, 500..20_000_usize, 20_000..400_000_usize, Just(1 << 30)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn rows_samples_and_cuts_are_the_same_for_any_arena(
        tasks in any_tasks(), arena in any_arena(), buffer in 0..200_000_usize,
    ) {
        let disk = Disk::new();
        let written = disk.write_all(&tasks, arena, Keep::All);
        prop_assert_eq!(
            disk.merge(inputs(&written), (None, None), buffer, Keep::All),
            model(&tasks, Keep::All)
        );
        let others = Disk::new().write_all(&tasks, 10_000, Keep::All);
        for (one, other) in written.iter().zip(&others) {
            prop_assert_eq!(&one.samples, &other.samples);
            prop_assert_eq!((one.rows, one.bytes), (other.rows, other.bytes));
        }
        prop_assert_eq!(cuts(&written, 5, true), cuts(&others, 5, true));
    }

    #[test]
    fn ranges_between_chosen_cuts_hold_each_row_once(
        tasks in any_tasks(), arena in any_arena(), ranges in 1..12_usize, divide in any::<bool>(),
        fan_in in 2..20_usize,
    ) {
        let disk = Disk::new();
        let written = disk.write_all(&tasks, arena, Keep::All);
        let cuts = cuts(&written, ranges, divide);
        prop_assert!(cuts.len() < ranges);
        prop_assert!(cuts.is_sorted_by(|left, right| left < right));
        let parts = disk.merge_ranges(&passes(&disk, inputs(&written), fan_in, Keep::All), &cuts);
        if !divide {
            let filled: Vec<_> = parts.iter().filter(|part| !part.is_empty()).collect();
            for pair in filled.windows(2) {
                prop_assert_ne!(key(pair[0].last().unwrap()), key(&pair[1][0]));
            }
        }
        prop_assert_eq!(parts.concat(), payloads(model(&tasks, Keep::All)));
    }

    #[test]
    fn ranges_between_any_cuts_hold_each_row_once(
        tasks in any_tasks(), arena in any_arena(),
        places in vec((any_key(), 0..5_u32, 0..150_u32), 0..6),
    ) {
        let disk = Disk::new();
        let written = disk.write_all(&tasks, arena, Keep::All);
        let mut cuts: Vec<_> = places
            .into_iter()
            .map(|(mut key, task, row)| {
                key.truncate(KEY_BYTES);
                Cut { key, task, row }
            })
            .collect();
        cuts.sort();
        let parts = disk.merge_ranges(&inputs(&written), &cuts);
        prop_assert_eq!(parts.concat(), payloads(model(&tasks, Keep::All)));
    }

    #[test]
    fn top_keeps_the_first_rows_of_the_order(
        tasks in any_tasks(), arena in any_arena(), rows in 0..200_u64, fan_in in 2..20_usize,
    ) {
        let (disk, keep) = (Disk::new(), Keep::Top(rows));
        let written = disk.write_all(&tasks, arena, keep);
        prop_assert_eq!(
            disk.merge(passes(&disk, inputs(&written), fan_in, keep), (None, None), 0, keep),
            model(&tasks, keep)
        );
    }

    #[test]
    fn first_only_keeps_the_first_row_of_each_key(tasks in any_tasks(), arena in any_arena()) {
        let disk = Disk::new();
        let written = disk.write_all(&tasks, arena, Keep::First);
        prop_assert_eq!(
            disk.merge(inputs(&written), (None, None), 0, Keep::First),
            model(&tasks, Keep::First)
        );
    }
}

#[test]
fn ten_thousand_runs_of_one_row_merge_in_passes() {
    let rows: Vec<Row> =
        (0..10_000_u32).map(|i| ((i * 7919 % 1000).to_be_bytes().to_vec(), 20)).collect();
    let tasks: Vec<Vec<Row>> = rows.chunks(2500).map(<[Row]>::to_vec).collect();
    let disk = Disk::new();
    let written = disk.write_all(&tasks, 0, Keep::All);
    assert_eq!(written.iter().map(|task| task.runs.len()).sum::<usize>(), 10_000);

    let few = passes(&disk, inputs(&written), 20, Keep::All);
    assert!(few.len() <= 20 && few.iter().all(|input| input.run.len() > 0));
    assert_eq!(disk.merge(few.clone(), (None, None), 0, Keep::All), model(&tasks, Keep::All));

    let cuts = cuts(&written, 6, true);
    assert!(cuts.len() >= 3);
    let parts = disk.merge_ranges(&few, &cuts);
    assert!(parts.iter().all(|part| !part.is_empty()));
    assert_eq!(parts.concat(), payloads(model(&tasks, Keep::All)));
}

#[test]
fn cuts_divide_a_key_that_all_rows_share() {
    let tasks = vec![vec![(b"hot".to_vec(), 1000); 2000]; 3];
    let disk = Disk::new();
    let written = disk.write_all(&tasks, 300_000, Keep::All);
    let chosen = cuts(&written, 8, true);
    assert_eq!(chosen.len(), 7);
    let parts = disk.merge_ranges(&inputs(&written), &chosen);
    for part in &parts {
        assert!((600..900).contains(&part.len()), "{} rows", part.len());
    }
    assert_eq!(parts.concat(), payloads(model(&tasks, Keep::All)));
    assert!(cuts(&written, 8, false).is_empty(), "a grouping keeps the key whole");
}

#[test]
fn cuts_weigh_bytes_and_not_tasks() {
    let small = (0..64).map(|i| vec![(vec![b'a', i], 100)]);
    let large = (0..4000_u32).map(|i| ([b"z", &i.to_be_bytes()[..]].concat(), 1000)).collect();
    let tasks: Vec<_> = small.chain([large]).collect();
    let disk = Disk::new();
    let written = disk.write_all(&tasks, 1 << 30, Keep::All);
    let parts = disk.merge_ranges(&inputs(&written), &cuts(&written, 4, false));
    assert_eq!(parts.len(), 4);
    for part in parts {
        assert!((800..1300).contains(&part.len()), "{} rows", part.len());
    }
}

#[test]
fn thinned_samples_still_cut_all_rows_into_even_ranges() {
    let disk = Disk::new();
    let rows: Vec<Row> = (0..4000_u32).map(|i| (i.to_be_bytes().to_vec(), 2000)).collect();
    let mut written = vec![disk.write(0, &rows, 1 << 20, Keep::All)];
    let before = written[0].samples.len();
    assert_eq!(written[0].thin_samples(), before.div_ceil(2));
    assert_eq!(written[0].samples[0].at, 0);
    let parts = disk.merge_ranges(&inputs(&written), &cuts(&written, 4, false));
    assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), 4000);
    assert!(parts.iter().all(|part| (800..1300).contains(&part.len())));
    while written[0].thin_samples() > 1 {}
    assert_eq!(written[0].thin_samples(), 1);
}

#[test]
fn a_task_without_rows_leaves_nothing() {
    let disk = Disk::new();
    let written = disk.write(0, &[], 1 << 20, Keep::All);
    assert_eq!(written, TaskRuns::default());
    assert!(cuts(&[written], 4, true).is_empty());
    assert!(disk.merge(vec![], (None, None), 0, Keep::All).is_empty());
}

#[test]
fn a_small_task_stays_off_the_disk() {
    let disk = Disk::new();
    let rows: Vec<Row> = (0..100_u32).map(|i| (i.to_le_bytes().to_vec(), 50)).collect();
    let written = disk.write(0, &rows, 1 << 20, Keep::All);
    assert!(matches!(&written.runs[..], [Run::Inline(bytes)] if bytes.len() < INLINE_BYTES));
    assert_eq!(disk.file.metadata().unwrap().len(), 0);
    let sent = rmp_serde::to_vec(&written).unwrap();
    assert!((sent.len() as u64) < written.runs[0].len() + 200);
    assert_eq!(rmp_serde::from_slice::<TaskRuns>(&sent).unwrap(), written);
    let json = serde_json::to_string(&written).unwrap();
    assert_eq!(serde_json::from_str::<TaskRuns>(&json).unwrap(), written);
}

#[test]
fn rows_of_one_mib_pass_a_buffer_of_8_kib() {
    let rows: Vec<Row> = (0..6_u8).map(|i| (vec![i % 3], 1 << (10 + i % 2 * 10))).collect();
    let tasks = vec![rows.clone(), rows];
    let disk = Disk::new();
    let written = disk.write_all(&tasks, 100_000, Keep::All);
    let least = written[0].runs.iter().map(Run::least_buffer);
    assert!(least.max().is_some_and(|bytes| (1 << 20..(1 << 20) + 100).contains(&bytes)));
    assert_eq!(
        disk.merge(inputs(&written), (None, None), 8 << 10, Keep::All),
        model(&tasks, Keep::All)
    );
    let few = passes(&disk, inputs(&written), 2, Keep::All);
    assert_eq!(disk.merge(few, (None, None), 8 << 10, Keep::All), model(&tasks, Keep::All));
}

#[test]
fn a_task_of_any_length_has_few_samples() {
    let mut sampler = cut::Sampler::new();
    for row in 0..10_000 {
        sampler.see(b"k", row, 40_000);
    }
    let (samples, bytes) = sampler.finish();
    assert!((512..=1024).contains(&samples.len()), "{} samples", samples.len());
    assert_eq!((samples[0].at, bytes), (0, 400_000_000));
    assert!(samples.windows(2).all(|pair| pair[1].at - pair[0].at < 1 << 20));
}

#[test]
fn a_failing_write_names_the_cause_and_a_way_out() {
    let named = tempfile::NamedTempFile::new().unwrap();
    let path = named.path().to_owned();
    let store = RunStore::new(Box::new(move || Ok((0, File::open(&path).unwrap()))));
    let mut writer = RunWriter::new(append_key, Keep::All, 0, store);
    writer.push(Rows::frames(b"\x03\0\0\0\x01\0a")).unwrap();
    let failure = writer.push(Rows::frames(b"\x03\0\0\0\x01\0b")).unwrap_err().failure;
    assert_eq!(failure.kind, ErrorKind::Io);
    assert_eq!(
        failure.message,
        "cannot write to a temporary file: Bad file descriptor (os error 9)"
    );
    assert_eq!(failure.hint.as_deref(), Some("`temp_dir` or GLEAMFLOW_TMPDIR names another place"));
}

#[test]
fn a_changed_byte_is_reported_as_damage() {
    use std::os::unix::fs::FileExt;
    let rows: Vec<Row> = (0..5000_u32).map(|i| (i.to_be_bytes().to_vec(), 50)).collect();
    let disk = Disk::new();
    let written = disk.write(0, &rows, 1 << 30, Keep::All);
    let cut = Cut { key: 2000_u32.to_be_bytes().to_vec(), task: 0, row: 0 };
    // The last is in the middle record of the index, where a search begins.
    let chunks = written.runs[0].len();
    let middle = chunks + (disk.file.metadata().unwrap().len() - chunks) / 2;
    for at in [0, 5, 100, chunks / 2, chunks - 1, middle] {
        let mut byte = [0];
        disk.file.read_exact_at(&mut byte, at).unwrap();
        disk.file.write_all_at(&[byte[0] ^ 4], at).unwrap();
        let merge = |low| disk.open(inputs(slice::from_ref(&written)), (low, None), 0, Keep::All);
        let whole = merge(None).and_then(read).map(drop);
        let half = merge(Some(&cut)).and_then(read).map(drop);
        let failure = whole.and(half).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Io);
        assert!(failure.message.starts_with("damaged temporary file"), "{}", failure.message);
        disk.file.write_all_at(&byte, at).unwrap();
    }
}

#[test]
fn rows_behind_the_last_number_keep_their_order() {
    let disk = Disk::new();
    let mut writer = RunWriter::new(append_key, Keep::All, 200, disk.store.clone());
    writer.rows = u64::from(u32::MAX) - 5;
    for nth in 0..60 {
        let payload = payload(0, nth, &(vec![b'a' + nth as u8 % 2], 0));
        let frame = [&(payload.len() as u32).to_le_bytes(), &payload[..]].concat();
        writer.push(Rows::frames(&frame)).unwrap();
    }
    let written = writer.finish().unwrap();
    assert!(written.runs.len() > 5);
    let tasks = vec![(0..60).map(|nth| (vec![b'a' + nth % 2], 0)).collect()];
    let few = passes(&disk, inputs(&[written]), 3, Keep::All);
    assert_eq!(disk.merge(few, (None, None), 0, Keep::All), model(&tasks, Keep::All));
}
