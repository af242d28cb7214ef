//! Encodes a slot step by step, so that a strand with many partitions, or a partition with many
//! producers, does not hold its turn up. What is written lies in pieces: nothing that was written is
//! copied because more follows.

use std::fmt;

use rkyv::SerializeUnsized;
use rkyv::api::serialize_using;
use rkyv::rancor;
use rkyv::rancor::Strategy;
use rkyv::ser::Positional;
use rkyv::ser::Serializer;
use rkyv::ser::Writer;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::with_arena;

use crate::base::PAGE;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::log::Log;
use crate::log::Producer;
use crate::strand::checkpoint::CRC_AT;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::DOMAIN;
use crate::strand::checkpoint::MAGIC;
use crate::strand::checkpoint::STATE_CRC_AT;
use crate::strand::checkpoint::VERSION;
use crate::strand::checkpoint::stored::StoredCheckpoint;
use crate::strand::checkpoint::stored::StoredLog;
use crate::strand::checkpoint::stored::StoredProducer;
use crate::strand::checkpoint::stored::Written;
use crate::strand::fields::Filling;
use crate::strand::key::StoreKey;

/// Bytes of one piece of a slot; the last one is shorter. What is written, read back, compared or
/// summed up at once.
pub(in crate::strand) const PIECE_BYTES: usize = 256 << 10;

const _: () = assert!(PIECE_BYTES.is_multiple_of(PAGE), "pieces are whole pages");

/// A whole slot, as it lies on disk.
#[derive(Debug)]
pub(in crate::strand) struct EncodedSlot {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl EncodedSlot {
    /// A multiple of a page.
    pub(in crate::strand) fn len(&self) -> usize {
        self.bytes
    }

    /// The piece that begins at `at`, a multiple of [`PIECE_BYTES`] below the length.
    pub(in crate::strand) fn piece(&self, at: usize) -> &[u8] {
        &self.pieces[at / PIECE_BYTES]
    }

    /// All of it in one.
    #[cfg(test)]
    pub(super) fn concat(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// The slot while it is written.
pub(in crate::strand) struct SlotEncoder {
    key: StoreKey,
    strand: StrandId,
    out: Pieces,
    root: StoredCheckpoint,
    logs: Rows<StoredLog>,
    /// The log that was begun and not ended, and its producers.
    log: Option<(StoredLog, Rows<StoredProducer>)>,
    /// CRC of the state in the first pieces, and how many they are.
    summed: (u32, usize),
    /// Bytes of the state, once all of it is written.
    state_bytes: Option<usize>,
}

impl fmt::Debug for SlotEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces = self.out.pieces.len();
        f.debug_struct("SlotEncoder").field("pieces", &pieces).finish_non_exhaustive()
    }
}

impl SlotEncoder {
    /// Begins the slot that holds `head`, but for [`CheckpointHead::needs`], and some `logs`.
    pub(in crate::strand) fn new(
        key: &StoreKey,
        strand: StrandId,
        head: &CheckpointHead,
        logs: usize,
    ) -> Self {
        let mut out = Pieces::default();
        out.put(&[0; PAGE]);
        let root = StoredCheckpoint::begin(head, &mut out);
        Self {
            key: *key,
            strand,
            out,
            root,
            logs: Rows::new(logs),
            log: None,
            summed: (0, 0),
            state_bytes: None,
        }
    }

    /// The next partition, ascending, and its log but for the producers.
    pub(in crate::strand) fn begin_log(&mut self, partition: PartitionId, log: &Log) {
        assert!(self.log.is_none(), "the log before was ended");
        let stored = StoredLog::begin(partition, log, &mut self.out);
        self.log = Some((stored, Rows::new(log.producers().len())));
    }

    /// A producer of the log that was begun, ascending.
    pub(in crate::strand) fn producer(&mut self, id: i64, state: &Producer) {
        let (_, producers) = self.log.as_mut().expect("a log was begun");
        producers.rows.push(StoredProducer::begin(id, state, &mut self.out));
    }

    /// Ends the log that was begun, at most so many producers at a time. True when it is over.
    pub(in crate::strand) fn end_log(&mut self, rows: usize) -> bool {
        let (log, producers) = self.log.as_mut().expect("a log was begun");
        let Some(written) = producers.write(rows, &mut self.out) else { return false };
        log.producers = written;
        self.logs.rows.extend(self.log.take().map(|(log, _)| log));
        true
    }

    /// Ends the slot, at most so many logs, or one piece, at a time. `needs` is the highest sequence
    /// that may be inside. `None`: it is not over, and is to be called again with the same.
    pub(in crate::strand) fn finish(&mut self, needs: u64, rows: usize) -> Option<EncodedSlot> {
        let state_bytes = match self.state_bytes {
            Some(bytes) => bytes,
            None => self.end_state(needs, rows)?,
        };
        let (crc, pieces) = self.summed;
        let piece = &self.out.pieces[pieces];
        let state = if pieces == 0 { &piece[PAGE..] } else { &piece[..] };
        let state_crc = crc32c::crc32c_append(crc, state);
        self.summed = (state_crc, pieces + 1);
        if pieces + 1 < self.out.pieces.len() {
            return None;
        }
        self.seal(state_bytes, state_crc);
        let Pieces { pieces, bytes } = std::mem::take(&mut self.out);
        Some(EncodedSlot { pieces, bytes })
    }

    /// Writes some more logs, and behind the last one what all of it hangs from.
    fn end_state(&mut self, needs: u64, rows: usize) -> Option<usize> {
        self.root.logs = self.logs.write(rows, &mut self.out)?;
        self.root.needs = needs;
        serialize(&mut self.out, |out| serialize_using(&self.root, out));
        let state_bytes = self.out.bytes - PAGE;
        self.state_bytes = Some(state_bytes);
        let padding = self.out.bytes.next_multiple_of(PAGE) - self.out.bytes;
        self.out.put(&[0; PAGE][..padding]);
        Some(state_bytes)
    }

    fn seal(&mut self, state_bytes: usize, state_crc: u32) {
        let page = &mut self.out.pieces[0][..PAGE];
        let mut fields = Filling::new(page);
        fields.put(&MAGIC);
        fields.u16(VERSION);
        fields.u16(self.strand.0);
        fields.u64(self.root.generation);
        fields.u64(state_bytes as u64);
        page[STATE_CRC_AT..CRC_AT].copy_from_slice(&state_crc.to_le_bytes());
        let crc = self.key.crc(&DOMAIN, &page[..CRC_AT]);
        page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    }
}

/// What is archived as one vector once all of it is known.
struct Rows<T> {
    rows: Vec<T>,
    /// Where those that were written begin, and how many they are.
    written: Option<(usize, usize)>,
}

impl<T> Rows<T> {
    fn new(expected: usize) -> Self {
        Self { rows: Vec::with_capacity(expected), written: None }
    }

    /// Writes at most `most` more. `Some`: that was all.
    fn write(&mut self, most: usize, out: &mut Pieces) -> Option<Written<T>>
    where
        [T]: for<'a> SerializeUnsized<Archiver<'a>>,
    {
        let begin = self.written.map_or(0, |(_, rows)| rows);
        let end = self.rows.len().min(begin.saturating_add(most));
        if begin < end || self.written.is_none() {
            let part = serialize(out, |out| self.rows[begin..end].serialize_unsized(out));
            let at = self.written.map_or(part, |(at, _)| at);
            self.written = Some((at, end));
        }
        let (at, rows) = self.written?;
        (rows == self.rows.len()).then(|| Written::new(at, rows))
    }
}

/// What the archive's types are written with.
pub(super) type Archiver<'a> =
    Strategy<Serializer<&'a mut Pieces, ArenaHandle<'a>, ()>, rancor::Error>;

/// Writes to `out` with `work`.
pub(super) fn serialize<R>(
    out: &mut Pieces,
    work: impl for<'a> FnOnce(&mut Archiver<'a>) -> Result<R, rancor::Error>,
) -> R {
    with_arena(|arena| {
        let mut serializer = Serializer::new(out, arena.acquire(), ());
        work(Strategy::wrap(&mut serializer)).expect("memory takes whatever is written")
    })
}

/// Bytes in pieces of [`PIECE_BYTES`].
#[derive(Default)]
pub(super) struct Pieces {
    pieces: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pieces {
    fn put(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len();
        while !bytes.is_empty() {
            let is_full = self.pieces.last().is_none_or(|last| last.len() == PIECE_BYTES);
            if is_full {
                self.pieces.push(Vec::with_capacity(PIECE_BYTES));
            }
            let last = self.pieces.last_mut().expect("one was just made");
            let (fits, rest) = bytes.split_at(bytes.len().min(PIECE_BYTES - last.len()));
            last.extend_from_slice(fits);
            bytes = rest;
        }
    }
}

impl Positional for Pieces {
    fn pos(&self) -> usize {
        self.bytes
    }
}

impl<E> Writer<E> for Pieces {
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.put(bytes);
        Ok(())
    }
}
