//! What index files say of what is still live: their summaries, read file by file and looked at a
//! slice per turn. Nothing of a file counts before all of its summary was read and validated.

use std::collections::BTreeMap;

use crate::base::Block;
use crate::base::Now;
use crate::base::PAGE;
use crate::strand::Damage;
use crate::strand::DamageReport;
use crate::strand::File;
use crate::strand::IndexHead;
use crate::strand::IndexId;
use crate::strand::IndexSummary;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::extents::Live;
use crate::strand::index::SUMMARY_BYTES;
use crate::strand::machine::SLICE_PAUSE_US;
use crate::strand::machine::Strand;
use crate::strand::ops::Purpose;

/// What is read of a summary at once: whole pages, and whole summaries.
const PIECE_BYTES: usize = 12 * SUMMARY_BYTES * PAGE / 8;

const _: () = assert!(
    PIECE_BYTES.is_multiple_of(PAGE) && PIECE_BYTES.is_multiple_of(SUMMARY_BYTES),
    "no summary is cut"
);

/// The part of a sweep that goes over index files.
#[derive(Debug, Default)]
pub(super) struct FileSweep {
    /// Files that are still to be read, newest last.
    todo: Vec<IndexId>,
    reading: Option<Reading>,
}

/// A file that is being read.
#[derive(Debug)]
struct Reading {
    index: IndexId,
    /// `None`: the head is being read.
    head: Option<IndexHead>,
    /// Bytes of the summary that were read, and their CRC.
    read: u64,
    crc: u32,
    /// The last of them, and how many of those were looked at.
    piece: Option<(Block, usize)>,
    /// When the next slice comes.
    due_us: u64,
    /// By use.
    sums: BTreeMap<u64, Sum>,
}

/// What one use holds.
#[derive(Clone, Copy, Default, Debug)]
struct Sum {
    stored_bytes: u64,
    live: Option<Live>,
}

impl FileSweep {
    pub(super) fn begin(&mut self, files: impl Iterator<Item = IndexId>) {
        self.todo = files.collect();
    }

    pub(super) fn holds(&self, index: IndexId) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.index == index)
    }

    pub(super) fn is_running(&self) -> bool {
        self.reading.is_some() || !self.todo.is_empty()
    }

    /// When the next slice of what was read is looked at.
    pub(super) fn deadline(&self) -> Option<u64> {
        let reading = self.reading.as_ref()?;
        reading.piece.as_ref().map(|_| reading.due_us)
    }
}

impl Strand {
    pub(super) fn sweep_next(&mut self, out: &mut Output) {
        // Files may have been given up since the sweep began.
        let index = loop {
            match self.liveness.files.todo.pop() {
                Some(index) if self.indexes.contains_key(&index) => break index,
                Some(_) => {}
                None => {
                    self.sweep_is_over(out);
                    return;
                }
            }
        };
        self.liveness.files.reading = Some(Reading {
            index,
            head: None,
            read: 0,
            crc: 0,
            piece: None,
            due_us: 0,
            sums: BTreeMap::new(),
        });
        let op = Op::Read { file: File::Index(index), position: 0, bytes: PAGE as u32 };
        self.ops.issue(Purpose::Sweep, op, out);
    }

    pub(super) fn on_sweep(&mut self, now: Now, outcome: &Outcome, out: &mut Output) {
        let reading = self.liveness.files.reading.take();
        let mut reading = reading.expect("a sweep reads one file at a time");
        let Outcome::Read(block) = outcome else {
            self.sweep_found_damage(reading.index, out);
            return;
        };
        let Some(head) = &reading.head else {
            let (key, strand) = (&self.identity.key, self.identity.strand);
            match IndexHead::parse(block.bytes(), key, strand, reading.index) {
                Some(head) => {
                    reading.head = Some(head);
                    self.read_summaries(reading, out);
                }
                None => self.sweep_found_damage(reading.index, out),
            }
            return;
        };
        if block.len() != piece_bytes(head, reading.read) {
            self.sweep_found_damage(reading.index, out);
            return;
        }
        reading.crc = crc32c::crc32c_append(reading.crc, block.bytes());
        reading.piece = Some((block.clone(), 0));
        self.liveness.files.reading = Some(reading);
        self.sum_up(now, out);
    }

    /// Asks for the next piece, or takes what all of them said.
    fn read_summaries(&mut self, reading: Reading, out: &mut Output) {
        let Some(head) = &reading.head else { return };
        let bytes = piece_bytes(head, reading.read);
        if bytes == 0 {
            match head.is_summary(reading.crc) {
                true => self.take_sums(head, &reading.sums),
                false => self.tell_damaged_index(reading.index, out),
            }
            self.sweep_next(out);
            return;
        }
        let position = head.summary_start() + reading.read;
        let op = Op::Read { file: File::Index(reading.index), position, bytes: bytes as u32 };
        self.liveness.files.reading = Some(reading);
        self.ops.issue(Purpose::Sweep, op, out);
    }

    /// Looks at some more of what was read.
    pub(super) fn sum_up(&mut self, now: Now, out: &mut Output) {
        if self.liveness.files.deadline().is_none() {
            return;
        }
        let Some(mut reading) = self.liveness.files.reading.take() else { return };
        let (Some(head), Some((piece, seen))) = (&reading.head, &mut reading.piece) else { return };
        let first = (reading.read + *seen as u64) / SUMMARY_BYTES as u64;
        let rest = &piece.bytes()[*seen..];
        let part = &rest[..rest.len().min(self.config.sweep_runs * SUMMARY_BYTES)];
        let mut is_sound = true;
        for of in head.summaries_from(first, part) {
            let Some(of) = of else {
                is_sound = false;
                break;
            };
            let live = self.live_part(&of);
            let sum = reading.sums.entry(of.place.number).or_default();
            sum.stored_bytes = sum.stored_bytes.saturating_add(of.bytes);
            if let Some(live) = live {
                sum.live.get_or_insert_default().add(live);
            }
        }
        *seen += part.len();
        if !is_sound {
            self.sweep_found_damage(reading.index, out);
        } else if *seen < piece.len() {
            reading.due_us = now.mono_us.saturating_add(SLICE_PAUSE_US);
            self.liveness.files.reading = Some(reading);
        } else {
            reading.read += piece.len() as u64;
            reading.piece = None;
            self.read_summaries(reading, out);
        }
    }

    /// What of a summary is still in its partition's log, in proportion: an estimate, except that it
    /// is above 0 while anything is live. Nobody has validated it yet: any number may stand there.
    fn live_part(&self, of: &IndexSummary) -> Option<Live> {
        let log = self.logs.get(&of.partition)?;
        let (from, to) = (of.from.max(log.start()), of.to.min(log.end()));
        if from >= to {
            return None;
        }
        let width = |from: i64, to: i64| to.saturating_sub(from) as f64;
        let share = width(from, to) / width(of.from, of.to);
        Some(Live {
            bytes: ((of.bytes as f64 * share) as u64).saturating_add(1),
            batches: ((f64::from(of.batches) * share) as u64).saturating_add(1),
        })
    }

    /// What a damaged index file covers stays as it is until the file is made anew: nothing of it dies.
    fn sweep_found_damage(&mut self, index: IndexId, out: &mut Output) {
        self.tell_damaged_index(index, out);
        self.sweep_next(out);
    }

    fn tell_damaged_index(&mut self, index: IndexId, out: &mut Output) {
        let damage = Damage::Index;
        let report =
            DamageReport { file: File::Index(index), position: 0, partition: None, damage };
        out.notices.push(Notice::Damage(report));
        self.reindexing.report(index);
    }

    fn take_sums(&mut self, head: &IndexHead, sums: &BTreeMap<u64, Sum>) {
        for place in &head.uses {
            let is_here =
                self.extents.used(place.number).is_some_and(|of| of.index == Some(head.index));
            if !is_here {
                continue;
            }
            let sum = sums.get(&place.number).copied().unwrap_or_default();
            if let Some(extent) = self.extents.used_mut(place.number) {
                extent.stored_bytes = sum.stored_bytes;
            }
            self.is_alive_with(place.number, sum.live);
        }
    }
}

/// Length of the piece that begins at `read`; 0: the summary ends there.
fn piece_bytes(head: &IndexHead, read: u64) -> usize {
    head.summary_bytes().saturating_sub(read).min(PIECE_BYTES as u64) as usize
}
