//! What is known of one partition's log: which batch lies where. A place is never given twice, and a
//! batch never has two places.

use std::collections::BTreeMap;

use strandlog::record::Codec;
use strandlog::record::Records;
use strandlog::record::decompress;

use super::Place;

/// A batch of this run; it is in the value of every record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BatchId(pub u64);

/// Batches of one domain lie in the order of their numbers: those of an idempotent producer, or of
/// one connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Order {
    pub domain: u64,
    pub number: u64,
}

/// A batch that a client made.
#[derive(Clone, Debug)]
pub struct Batch {
    pub place: Place,
    pub order: Order,
    pub count: i32,
    pub bytes: i64,
    pub crc: u32,
    /// Timestamps of the first and the last record: each is a millisecond after the one before.
    pub oldest_ms: i64,
    pub newest_ms: i64,
    /// It is damaged: the node must refuse it.
    pub is_spoilt: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Log {
    /// By base offset: end, and the batch.
    places: BTreeMap<i64, (i64, BatchId)>,
    bases: BTreeMap<BatchId, i64>,
    orders: BTreeMap<Order, i64>,
    /// The highest end of what was visible, and the highest start, that anybody was shown.
    pub high: i64,
    pub start: i64,
    /// Up to here somebody asked for deletion.
    pub deletable: i64,
}

impl Log {
    /// Batches that lie between two offsets.
    pub fn between(&self, from: i64, to: i64) -> impl Iterator<Item = BatchId> + '_ {
        self.places.range(from..to).map(|(_, (_, id))| *id)
    }

    /// Batches that are known to lie below `to` and to end above `from`.
    pub fn known(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, BatchId)> + '_ {
        let below = self.places.range(..to);
        below.filter(move |(_, (end, _))| *end > from).map(|(base, (_, id))| (*base, *id))
    }

    /// The batch lies at `base`: gives its end.
    pub fn put(&mut self, id: BatchId, batch: &Batch, base: i64) -> i64 {
        let end = base + i64::from(batch.count);
        if let Some(before) = self.bases.get(&id) {
            assert_eq!(*before, base, "duplicate: a batch lies at two places: {batch:?}");
            return end;
        }
        if let Some((other, (other_end, other_id))) = self.places.range(..end).next_back() {
            assert!(
                *other_end <= base,
                "order: {other}..{other_end} is {other_id:?}, and also {batch:?} at {base}"
            );
        }
        let next = self.orders.range(batch.order..).next();
        if let Some((order, next)) = next.filter(|(order, _)| order.domain == batch.order.domain) {
            assert!(*next >= end, "order: {order:?} lies at {next}, before {batch:?} at {base}");
        }
        let before = self.orders.range(..batch.order).next_back();
        if let Some((order, last)) = before.filter(|(order, _)| order.domain == batch.order.domain)
        {
            assert!(*last < base, "order: {order:?} lies at {last}, behind {batch:?} at {base}");
        }
        self.places.insert(base, (end, id));
        self.bases.insert(id, base);
        self.orders.insert(batch.order, base);
        end
    }
}

/// The batch that a stored batch says it is.
pub fn first_id(found: &strandlog::record::Batch<'_>) -> Option<BatchId> {
    let codec = found.header.attributes.codec().ok()?;
    let mut plain = Vec::new();
    let payload = match codec {
        Codec::None => found.payload(),
        _ => {
            decompress(codec, found.payload(), 1 << 20, &mut plain).ok()?;
            &plain
        }
    };
    let mut first = None;
    for (number, record) in (0u8..).zip(Records::new(payload, found.header.count)) {
        let value = record.ok()?.value?;
        let id = BatchId(u64::from_be_bytes(*value.first_chunk()?));
        if *first.get_or_insert(id) != id || value.get(8).copied() != Some(number) {
            return None;
        }
    }
    first
}
