//! The hash by which a consumer group knows its topics again: as Kafka makes it (KIP-1101), so that
//! a log that one wrote means the same to the other.

use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::group::Cluster;
use crate::group::TopicFacts;

/// What Kafka begins with, so that it can change the rest.
const FORMAT: u8 = 0;

/// Over those of `names` that exist; 0: none does.
pub(super) fn of_topics<'a>(
    names: impl Iterator<Item = &'a Arc<str>>,
    cluster: &dyn Cluster,
) -> i64 {
    let rack = cluster.rack().map(of_rack).unwrap_or_default();
    let topics = names.filter_map(|name| cluster.topic(name));
    let mut bytes = Vec::new();
    let hashes: Vec<u8> =
        topics.flat_map(|topic| of_topic(&topic, &rack, &mut bytes).to_le_bytes()).collect();
    if hashes.is_empty() { 0 } else { XxHash3_64::oneshot(&hashes).cast_signed() }
}

/// What of the rack goes in for each partition.
fn of_rack(rack: &str) -> Vec<u8> {
    let mut bytes = utf16_length(rack).to_le_bytes().to_vec();
    put_string(&mut bytes, rack);
    bytes
}

/// Numbers go in with their least byte first, strings as UTF-16 with their length behind them, the
/// id as two numbers. What is in `bytes` does not matter: it is room that others used before.
fn of_topic(topic: &TopicFacts, rack: &[u8], bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    bytes.push(FORMAT);
    let (high, low) = topic.id.0.split_at(8);
    bytes.extend(high.iter().rev());
    bytes.extend(low.iter().rev());
    put_string(bytes, &topic.name);
    bytes.extend(topic.partitions.to_le_bytes());
    for partition in 0..topic.partitions {
        bytes.extend(partition.to_le_bytes());
        bytes.extend_from_slice(rack);
    }
    XxHash3_64::oneshot(bytes)
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes.extend(utf16_length(text).to_le_bytes());
}

fn utf16_length(text: &str) -> i32 {
    i32::try_from(text.encode_utf16().count()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TopicId;

    fn topic(name: &str, partitions: i32) -> TopicFacts {
        let id = TopicId(std::array::from_fn(|at| (0xf0 + 7 * at) as u8));
        TopicFacts { id, name: name.into(), partitions }
    }

    /// By `org.apache.kafka.coordinator.group.Utils` of Kafka 4.3.1.
    #[test]
    fn topics_hash_to_what_kafka_says() {
        let mut bytes = vec![7; 3];
        let mut signed = |topic, rack: &[u8]| of_topic(&topic, rack, &mut bytes).cast_signed();
        assert_eq!(signed(topic("t", 3), &[]), 3_181_521_514_918_292_764);
        assert_eq!(signed(topic("orders", 100), &[]), -1_963_834_059_396_125_080);
        assert_eq!(signed(topic("orders", 2), &of_rack("r1")), -4_973_546_631_087_744_030);
    }

    #[test]
    fn groups_hash_to_what_kafka_says() {
        let mut room = Vec::new();
        let mut of = |topic, rack: &[u8]| of_topic(&topic, rack, &mut room);
        let parts = [of(topic("orders", 2), &of_rack("r1")), of(topic("t", 3), &[])];
        let bytes: Vec<u8> = parts.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        assert_eq!(XxHash3_64::oneshot(&bytes).cast_signed(), -8_307_483_073_820_920_820);
    }
}
