//! What is sent: one prepared batch whose stamp is changed for every send, and how the stamp is
//! found again by who reads.

use std::ops::Range;
use strandlog::base::Rng;
use strandlog::record::Batch;
use strandlog::record::BatchBuilder;
use strandlog::record::Records;

const CRC: Range<usize> = 17..21;
const BASE_TIMESTAMP: Range<usize> = 27..35;
const MAX_TIMESTAMP: Range<usize> = 35..43;
const PRODUCER_ID: Range<usize> = 43..51;
const PRODUCER_EPOCH: Range<usize> = 51..53;
const BASE_SEQUENCE: Range<usize> = 53..57;

/// What the first record of every batch says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    /// Tells runs on the same topic apart.
    pub(crate) run: u64,
    /// The connection that sent it.
    pub(crate) connection: u32,
    pub(crate) partition: u32,
    /// Counts the batches of this connection to this partition.
    pub(crate) sequence: u64,
    /// When it was meant to be sent, on the clock of this machine.
    pub(crate) intended_ns: u64,
}

impl Stamp {
    /// Also the least size of a record's value.
    pub(crate) const BYTES: usize = 32;

    fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0..8].copy_from_slice(&self.run.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.connection.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.intended_ns.to_be_bytes());
        bytes
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let bytes = value.first_chunk::<{ Self::BYTES }>()?;
        let long = |at: usize| bytes[at..].first_chunk().map(|bytes| u64::from_be_bytes(*bytes));
        let short = |at: usize| bytes[at..].first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        Some(Self {
            run: long(0)?,
            connection: short(8)?,
            partition: short(12)?,
            sequence: long(16)?,
            intended_ns: long(24)?,
        })
    }
}

/// An idempotent producer's part of a batch header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProducerStamp {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
}

/// A batch that is made once.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) batch: Vec<u8>,
    /// Where the stamp lies in it.
    stamp: Range<usize>,
}

impl Template {
    /// `records` values of `record_bytes` each, which do not compress. Every value but the first
    /// begins with its position in the batch.
    pub(crate) fn new(records: u32, record_bytes: usize) -> Self {
        assert!(records > 0 && record_bytes >= Stamp::BYTES, "checked with the arguments");
        let mut rng = Rng::new(u64::from(records));
        let mut batch = BatchBuilder::new();
        let mut stamp_from = 0;
        for index in 0..records {
            let mut value: Vec<u8> = (0..record_bytes).map(|_| rng.next_u64() as u8).collect();
            value[..4].copy_from_slice(&index.to_be_bytes());
            batch.push(0, None, Some(&value), &[]);
            if index == 0 {
                // Behind the value only the count of headers follows, one byte.
                let value_from = batch.records_bytes() - 1 - record_bytes;
                stamp_from = strandlog::record::HEADER_BYTES + value_from;
            }
        }
        Self { batch: batch.finish(), stamp: stamp_from..stamp_from + Stamp::BYTES }
    }

    /// Stamps a copy of the template and makes its CRC right.
    pub(crate) fn stamp(
        &self,
        batch: &mut [u8],
        stamp: &Stamp,
        wall_ms: i64,
        producer: Option<ProducerStamp>,
    ) {
        batch[self.stamp.clone()].copy_from_slice(&stamp.encode());
        batch[BASE_TIMESTAMP].copy_from_slice(&wall_ms.to_be_bytes());
        batch[MAX_TIMESTAMP].copy_from_slice(&wall_ms.to_be_bytes());
        if let Some(producer) = producer {
            batch[PRODUCER_ID].copy_from_slice(&producer.id.to_be_bytes());
            batch[PRODUCER_EPOCH].copy_from_slice(&producer.epoch.to_be_bytes());
            batch[BASE_SEQUENCE].copy_from_slice(&producer.sequence.to_be_bytes());
        }
        let crc = crc32c::crc32c(&batch[CRC.end..]);
        batch[CRC].copy_from_slice(&crc.to_be_bytes());
    }
}

/// The stamp of a batch that was read, after its records were checked: each in its place, as long
/// as the first. `None`: not a batch of a load generator, or not as it was sent.
pub(crate) fn read_stamp(batch: &Batch<'_>) -> Option<Stamp> {
    let mut records = Records::new(batch.payload(), batch.header.count);
    let first = records.next()?.ok()?.value?;
    for (index, record) in (1u32..).zip(records) {
        let value = record.ok()?.value?;
        if value.len() != first.len() || value[..4] != index.to_be_bytes() {
            return None;
        }
    }
    Stamp::decode(first)
}

/// The checks of this file; `cargo test` runs them.
pub(crate) fn check() {
    let template = Template::new(3, 100);
    let mut batch = template.batch.clone();
    let stamp = Stamp { run: 1, connection: 2, partition: 3, sequence: 4, intended_ns: 5 };
    let producer = ProducerStamp { id: 6, epoch: 7, sequence: 8 };
    template.stamp(&mut batch, &stamp, 9, Some(producer));
    let read = Batch::parse(&batch).expect("a batch");
    assert!(read.crc_holds());
    assert_eq!(read_stamp(&read), Some(stamp));
    let header = read.header;
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (6, 7, 8));
    assert_eq!((header.base_timestamp, header.max_timestamp), (9, 9));
    // Two records changed places: the CRC may be right, the batch is not.
    let record = (batch.len() - strandlog::record::HEADER_BYTES) / 3;
    let at = strandlog::record::HEADER_BYTES + record;
    let (second, third) = batch[at..].split_at_mut(record);
    second.swap_with_slice(third);
    assert_eq!(read_stamp(&Batch::parse(&batch).expect("a batch")), None);
}
