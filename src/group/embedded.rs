//! What consumers of the classic protocol say of themselves, and what they are told: the one thing
//! that is read out of what members bring, and only for the protocol type "consumer".

use std::sync::Arc;

use bytes::Bytes;

/// A `ConsumerProtocolSubscription`: each version goes on where the one before ends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Subscription {
    pub(super) version: i16,
    pub(super) topics: Vec<Arc<str>>,
    /// What the member says it has (version 1).
    pub(super) owned: Vec<(Arc<str>, Vec<i32>)>,
    /// (Version 3.)
    pub(super) rack: Option<Arc<str>>,
}

/// A `ConsumerProtocolAssignment`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Assignment {
    pub(super) partitions: Vec<(Arc<str>, Vec<i32>)>,
    /// Something that only the assignor of the classic group understood.
    pub(super) has_user_data: bool,
}

/// Topics of a subscription or an assignment at the most: what is read takes up more than its bytes do.
const TOPICS_MAX: usize = 100_000;

/// The newest version that is known; a newer one begins as it does.
const VERSION_MAX: i16 = 3;

impl Subscription {
    /// `None`: it is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let version = take_i16(&mut rest).filter(|version| *version >= 0)?.min(VERSION_MAX);
        let topics = take_topics(&mut rest, 2, take_text)?;
        take_bytes(&mut rest)?;
        let mut read = Self { version, topics, ..Self::default() };
        if version >= 1 {
            read.owned = take_topics(&mut rest, 6, take_partitions)?;
        }
        if version >= 2 {
            // The generation in which it had them.
            take_i32(&mut rest)?;
        }
        if version >= 3 {
            read.rack = take_optional_text(&mut rest)?.filter(|rack| !rack.is_empty());
        }
        Some(read)
    }
}

impl Assignment {
    /// `None`: it is none. Nothing at all is an assignment of nothing.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let mut rest = bytes;
        take_i16(&mut rest).filter(|version| *version >= 0)?;
        let partitions = take_topics(&mut rest, 6, take_partitions)?;
        let has_user_data = !take_bytes(&mut rest)?.is_empty();
        Some(Self { partitions, has_user_data })
    }

    pub(super) fn write(&self, version: i16) -> Bytes {
        let mut bytes = Vec::new();
        bytes.extend(version.to_be_bytes());
        bytes.extend(length(self.partitions.len()));
        for (topic, partitions) in &self.partitions {
            let name = i16::try_from(topic.len()).expect("names of topics are short");
            bytes.extend(name.to_be_bytes());
            bytes.extend(topic.as_bytes());
            bytes.extend(length(partitions.len()));
            bytes.extend(partitions.iter().flat_map(|partition| partition.to_be_bytes()));
        }
        // No user data.
        bytes.extend((-1_i32).to_be_bytes());
        bytes.into()
    }
}

fn length(count: usize) -> [u8; 4] {
    i32::try_from(count).expect("fewer than there are partitions").to_be_bytes()
}

fn take_i16(bytes: &mut &[u8]) -> Option<i16> {
    let (number, rest) = bytes.split_first_chunk::<2>()?;
    *bytes = rest;
    Some(i16::from_be_bytes(*number))
}

fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*number))
}

fn take_topics<T>(
    bytes: &mut &[u8],
    least: usize,
    topic: impl Fn(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    take_array(bytes, TOPICS_MAX.min(bytes.len() / least), topic)
}

/// So many items, which are not more than `most`.
fn take_array<T>(
    bytes: &mut &[u8],
    most: usize,
    item: impl Fn(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let count = usize::try_from(take_i32(bytes)?).ok()?;
    if count > most {
        return None;
    }
    (0..count).map(|_| item(bytes)).collect()
}

fn take_text(bytes: &mut &[u8]) -> Option<Arc<str>> {
    take_optional_text(bytes)?
}

/// `Some(None)`: there is none.
fn take_optional_text(bytes: &mut &[u8]) -> Option<Option<Arc<str>>> {
    let length = take_i16(bytes)?;
    if length == -1 {
        return Some(None);
    }
    let (text, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(Arc::from(std::str::from_utf8(text).ok()?)))
}

/// Nothing where there are none.
fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_i32(bytes)?;
    if length == -1 {
        return Some(&[]);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

fn take_partitions(bytes: &mut &[u8]) -> Option<(Arc<str>, Vec<i32>)> {
    let topic = take_text(bytes)?;
    Some((topic, take_array(bytes, bytes.len() / 4, take_i32)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &[u8] = b"\0\x03\0\0\0\x02\0\x01a\0\x02bc\xff\xff\xff\xff\
        \0\0\0\x01\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x05\0\0\0\x07\0\x02r1";

    #[test]
    fn a_subscription_is_read_with_all_that_its_version_has() {
        let read = Subscription::read(FULL).unwrap();
        let expected = Subscription {
            version: 3,
            topics: vec!["a".into(), "bc".into()],
            owned: vec![("a".into(), vec![0, 5])],
            rack: Some("r1".into()),
        };
        assert_eq!(read, expected);
        let oldest = Subscription::read(b"\0\0\0\0\0\x01\0\x01a\0\0\0\x01x").unwrap();
        assert_eq!((oldest.version, oldest.topics.len(), oldest.owned.len()), (0, 1, 0));
        let mut newer = FULL.to_vec();
        newer[1] = 9;
        assert_eq!(Subscription::read(&newer).unwrap(), expected);
    }

    #[test]
    fn what_is_no_subscription_is_not_read() {
        for length in 0..FULL.len() {
            assert_eq!(Subscription::read(&FULL[..length]), None, "{length} bytes");
        }
        assert_eq!(Subscription::read(b"\xff\xff\0\0\0\0\xff\xff\xff\xff"), None);
        assert_eq!(Subscription::read(b"\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"), None);
    }

    #[test]
    fn more_topics_than_anybody_reads_are_not_read() {
        let subscription = |count: usize| {
            let count_bytes = i32::try_from(count).unwrap().to_be_bytes();
            let names = b"\0\x01t".repeat(count);
            [&b"\0\0"[..], &count_bytes, &names, &b"\xff\xff\xff\xff"[..]].concat()
        };
        assert!(Subscription::read(&subscription(TOPICS_MAX)).is_some());
        assert_eq!(Subscription::read(&subscription(TOPICS_MAX + 1)), None);
    }

    #[test]
    fn an_assignment_is_read_as_it_was_written() {
        let partitions: Vec<(Arc<str>, Vec<i32>)> =
            vec![("t".into(), vec![2, 0]), ("u".into(), vec![])];
        let assignment = Assignment { partitions, has_user_data: false };
        let bytes = assignment.write(1);
        assert_eq!(Assignment::read(&bytes), Some(assignment));
        for length in 1..bytes.len() {
            assert_eq!(Assignment::read(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(Assignment::read(b""), Some(Assignment::default()));
        let with_data = Assignment::read(b"\0\0\0\0\0\0\0\0\0\x01x").unwrap();
        assert!(with_data.has_user_data);
    }
}
