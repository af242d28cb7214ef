//! The topics that consumers subscribe to: the one thing that is read out of what members say of
//! themselves, and only for the protocol type "consumer" (KIP-211, KIP-496).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Classic;

impl Classic {
    /// The topics of all members; `None`: not a consumer group, or one of them cannot be read.
    pub(super) fn read_subscriptions(&self) -> Option<BTreeSet<Arc<str>>> {
        if !self.is_consumer() {
            return None;
        }
        let mut all = BTreeSet::new();
        if self.members.is_empty() {
            return Some(all);
        }
        let protocol = self.protocol.as_deref()?;
        for member in self.members.values() {
            all.extend(topics(&member.metadata(Some(protocol)))?);
        }
        Some(all)
    }
}

/// The topics of a `ConsumerProtocolSubscription`, whose every version begins as version 0 does: a
/// version, then an array of strings.
fn topics(metadata: &[u8]) -> Option<Vec<Arc<str>>> {
    let (version, mut rest) = metadata.split_first_chunk::<2>()?;
    if i16::from_be_bytes(*version) < 0 {
        return None;
    }
    let count = take_i32(&mut rest)?;
    // Every topic takes two bytes at least.
    let count = usize::try_from(count).ok().filter(|&count| count <= rest.len() / 2)?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (topic, after) = after.split_at_checked(length)?;
        topics.push(Arc::from(std::str::from_utf8(topic).ok()?));
        rest = after;
    }
    Some(topics)
}

fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::topics;

    const TWO: &[u8] = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff";

    #[test]
    fn topics_are_read_whatever_follows_them() {
        let read = topics(TWO).unwrap();
        assert_eq!(read.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["a", "bc"]);
    }

    #[test]
    fn what_is_no_subscription_is_not_read() {
        for length in 0..13 {
            assert_eq!(topics(&TWO[..length]), None, "{length} bytes");
        }
        assert_eq!(topics(b"\xff\xff\0\0\0\0"), None);
        assert_eq!(topics(b"\0\0\x7f\xff\xff\xff"), None);
        assert_eq!(topics(b"\0\0\xff\xff\xff\xff"), None);
        assert_eq!(topics(b"\0\0\0\0\0\x01\0\x01\xff"), None);
    }
}
