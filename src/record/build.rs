//! Makes batches: for the load generator, for tests, and when a batch must be compressed anew.

use crate::record::batch;
use crate::record::batch::Attributes;
use crate::record::batch::BatchHeader;
use crate::record::batch::HEADER_BYTES;
use crate::record::batch::LENGTH_END;
use crate::record::batch::NO_PRODUCER;
use crate::record::batch::NO_SEQUENCE;
use crate::record::batch::NO_TIMESTAMP;
use crate::record::compress::Codec;
use crate::record::compress::compress;
use crate::record::varint;

/// Gathers records and puts a header before them. Base offset 0, leader epoch -1: what a producer
/// sends.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    codec: Codec,
    level: i32,
    attributes: Attributes,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    count: i32,
    records: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// Uncompressed, without a producer id.
    pub fn new() -> Self {
        Self {
            codec: Codec::None,
            level: 0,
            attributes: Attributes::default(),
            producer_id: NO_PRODUCER,
            producer_epoch: -1,
            base_sequence: NO_SEQUENCE,
            base_timestamp: NO_TIMESTAMP,
            max_timestamp: NO_TIMESTAMP,
            count: 0,
            records: Vec::new(),
        }
    }

    /// `level` as [`compress`] takes it.
    #[must_use]
    pub fn codec(mut self, codec: Codec, level: i32) -> Self {
        self.codec = codec;
        self.level = level;
        self
    }

    /// Of an idempotent producer.
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Flags beside the codec, which [`BatchBuilder::codec`] decides.
    #[must_use]
    pub fn attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Appends a record. `timestamp` in milliseconds since the Unix epoch; the first one becomes
    /// the base timestamp.
    pub fn push(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let bytes = body_bytes(timestamp_delta, self.count, key, value, headers);
        let out = &mut self.records;
        varint::put_varint(out, wire_length(bytes));
        out.push(0);
        varint::put_varlong(out, timestamp_delta);
        varint::put_varint(out, self.count);
        put_nullable(out, key);
        put_nullable(out, value);
        varint::put_varint(out, wire_length(headers.len()));
        for (key, value) in headers {
            put_nullable(out, Some(key));
            put_nullable(out, *value);
        }
        self.count += 1;
    }

    /// Records so far.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Bytes of the records so far, uncompressed.
    pub fn records_bytes(&self) -> usize {
        self.records.len()
    }

    /// The batch, CRC included. At least one record must be in it.
    pub fn finish(self) -> Vec<u8> {
        assert!(self.count > 0, "a batch holds a record");
        let header = BatchHeader {
            base_offset: 0,
            length: 0,
            leader_epoch: -1,
            crc: 0,
            attributes: self.attributes,
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            count: self.count,
        };
        assemble(header, self.codec, self.level, &self.records)
    }
}

/// A batch of `header` (its codec, length and CRC are set here) and `records`, compressed.
pub(super) fn assemble(
    mut header: BatchHeader,
    codec: Codec,
    level: i32,
    records: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + records.len());
    out.resize(HEADER_BYTES, 0);
    compress(codec, level, records, &mut out);
    header.attributes = header.attributes.with_codec(codec);
    header.length = wire_length(out.len() - LENGTH_END);
    out[..HEADER_BYTES].copy_from_slice(&header.encode());
    batch::seal(&mut out);
    out
}

fn wire_length(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("a batch is smaller than 2 GiB")
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put_varint(out, -1),
        Some(bytes) => {
            varint::put_varint(out, wire_length(bytes.len()));
            out.extend_from_slice(bytes);
        }
    }
}

fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::varint_bytes(wire_length(bytes.len())) + bytes.len())
}

fn body_bytes(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&[u8], Option<&[u8]>)],
) -> usize {
    let headers_bytes: usize =
        headers.iter().map(|(key, value)| nullable_bytes(Some(key)) + nullable_bytes(*value)).sum();
    1 + varint::varlong_bytes(timestamp_delta)
        + varint::varint_bytes(offset_delta)
        + nullable_bytes(key)
        + nullable_bytes(value)
        + varint::varint_bytes(wire_length(headers.len()))
        + headers_bytes
}

#[cfg(test)]
mod tests;
