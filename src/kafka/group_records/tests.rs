use super::*;

fn offset_commit() -> Record {
    let key = OffsetCommitKey {
        group: "group".to_owned(),
        topic: "topic".to_owned(),
        partition: 3,
        ..OffsetCommitKey::default()
    };
    let value = OffsetCommitValue { offset: 42, ..OffsetCommitValue::default() };
    Record::OffsetCommit(key, Some(value))
}

#[test]
fn an_offset_that_expires_by_itself_is_written_in_the_one_version_that_can_say_so() {
    let Record::OffsetCommit(key, Some(value)) = offset_commit() else { unreachable!() };
    let (_, plain) = Record::OffsetCommit(key.clone(), Some(value.clone())).encode().unwrap();
    assert_eq!(plain.unwrap()[..2], [0, 4]);
    let value = OffsetCommitValue { expire_timestamp: 77, ..value };
    let record = Record::OffsetCommit(key, Some(value));
    let (key, expiring) = record.encode().unwrap();
    assert_eq!(expiring.as_ref().unwrap()[..2], [0, 1]);
    assert_eq!(Record::decode(key, expiring), Ok(Some(record)));
}

#[test]
fn a_tombstone_has_a_key_and_no_value() {
    let Record::OffsetCommit(key, Some(_)) = offset_commit() else { unreachable!() };
    let tombstone = Record::OffsetCommit(key, None);
    let (key, value) = tombstone.encode().unwrap();
    assert_eq!(value, None);
    assert_eq!(Record::decode(key, None), Ok(Some(tombstone)));
}

#[test]
fn records_of_an_unknown_type_are_passed_over() {
    let key = Bytes::from_static(&[0x00, 0x0b, 0x00, 0x01, b'g']);
    assert_eq!(Record::decode(key, Some(Bytes::from_static(&[1, 2, 3]))), Ok(None));
}

#[test]
fn bytes_behind_a_value_are_ignored_as_kafka_ignores_them() {
    let (key, value) = offset_commit().encode().unwrap();
    let longer: Bytes = [value.unwrap().as_ref(), b"more"].concat().into();
    assert_eq!(Record::decode(key, Some(longer)), Ok(Some(offset_commit())));
}

#[test]
fn a_version_from_the_future_and_a_key_cut_short_are_refused() {
    let (key, value) = offset_commit().encode().unwrap();
    let mut later = value.unwrap().to_vec();
    later[1] = 5;
    let refused = Record::decode(key.clone(), Some(later.into())).unwrap_err();
    assert_eq!((refused.field, refused.fault), ("OffsetCommitValue", Fault::Version(5)));
    for end in 0..key.len() {
        assert!(Record::decode(key.slice(..end), None).is_err(), "{end} bytes of the key");
    }
}

#[test]
fn a_name_that_no_length_can_say_is_not_written() {
    let key = GroupMetadataKey { group: "g".repeat(40_000), ..GroupMetadataKey::default() };
    let refused = Record::GroupMetadata(key, None).encode().unwrap_err();
    assert_eq!(refused.refusal, Refusal::TooLong(40_000));
}
