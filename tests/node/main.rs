//! Stories of one node: clients' bytes in, answers out, over the real shards and strands.

#[path = "../harness/mod.rs"]
mod harness;

mod admin;
mod connections;
mod consumer_groups;
mod fetch;
mod group_versions;
mod groups;
mod offsets;
mod produce;
mod restart;
mod retention;
mod space;
mod versions;

use strandlog::record::BatchBuilder;

/// A batch of records with these timestamps, each with its number as value.
fn batch_at(timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for (number, timestamp) in timestamps.iter().enumerate() {
        builder.push(*timestamp, Some(b"key"), Some(number.to_string().as_bytes()), &[]);
    }
    builder.finish()
}

/// A batch of `count` records of now.
fn batch(count: usize) -> Vec<u8> {
    batch_at(&vec![harness::WALL_MS; count])
}

/// A batch of an idempotent producer.
fn idempotent(producer: i64, epoch: i16, sequence: i32, count: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new().producer(producer, epoch, sequence);
    for _ in 0..count {
        builder.push(harness::WALL_MS, None, Some(b"value"), &[]);
    }
    builder.finish()
}
