use super::*;
use crate::base::Rng;
use crate::record::Batch;
use crate::record::BatchBuilder;

fn read(payload: &[u8], count: i32) -> Result<Vec<Record<'_>>, RecordsError> {
    Records::new(payload, count).collect()
}

/// A record's body behind its length.
fn framed(body: &[u8]) -> Vec<u8> {
    assert!(body.len() < 64, "one byte of length");
    [&[(body.len() * 2) as u8], body].concat()
}

#[test]
fn records_come_back_as_they_were_put_in() {
    let long = vec![b'x'; 900_000];
    let headers: [(&[u8], Option<&[u8]>); 4] =
        [(b"h", Some(b"1")), (b"h", Some(b"2")), (b"", None), (b"h", Some(b""))];
    let mut builder = BatchBuilder::new();
    builder.push(1000, None, None, &[]);
    builder.push(900, Some(b""), Some(b""), &headers);
    builder.push(i64::MAX, Some(b"key"), Some(&long), &headers[..1]);
    let bytes = builder.finish();
    let batch = Batch::parse(&bytes).unwrap();
    let records = read(batch.payload(), batch.header.count).unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!((records[0].key, records[0].value, records[0].offset_delta), (None, None, 0));
    assert_eq!((records[1].key, records[1].timestamp_delta), (Some(&b""[..]), -100));
    assert_eq!((records[2].value, records[2].offset_delta), (Some(&long[..]), 2));
    let found: Vec<_> = records[1].headers.map(|header| (header.key, header.value)).collect();
    assert_eq!(found, headers);
    assert_eq!(records[2].headers.len(), 1);
}

#[test]
fn the_count_must_be_that_of_the_records() {
    let record = framed(&[0, 0, 0, 1, 1, 0]);
    let two = [record.clone(), record].concat();
    assert_eq!(read(&two, 2).unwrap().len(), 2);
    assert_eq!(read(&two, 3).unwrap_err(), RecordsError::Missing);
    assert_eq!(read(&two, 1).unwrap_err(), RecordsError::Remaining { bytes: 7 });
    assert_eq!(read(&two, 0).unwrap_err(), RecordsError::Remaining { bytes: 14 });
    assert!(read(&[], 0).unwrap().is_empty());
}

#[test]
fn every_length_is_checked() {
    let cases: [(&[u8], RecordsError); 9] = [
        (&[0x01], RecordsError::Structure),
        (&[0x0e, 0, 0, 0, 1, 1, 0], RecordsError::Overrun { declared: 7, present: 6 }),
        (&framed(&[0, 0, 0, 1, 1, 0, 0]), RecordsError::Mismatch { declared: 7, read: 6 }),
        (&framed(&[0, 0, 0, 4, 1, 0]), RecordsError::HeaderCount { count: -1, present: 0 }),
        (&framed(&[0, 0, 0, 1, 1, 1]), RecordsError::HeaderCount { count: -1, present: 0 }),
        (&framed(&[0, 0, 0, 1, 1, 6, 0, 1]), RecordsError::HeaderCount { count: 3, present: 2 }),
        (&framed(&[0, 0, 0, 1, 1, 2, 1, 1]), RecordsError::NullHeaderKey { size: -1 }),
        (&framed(&[0, 0, 0, 1, 1, 2, 8, 1]), RecordsError::Structure),
        (&framed(&[0, 0, 0]), RecordsError::Structure),
    ];
    for (index, (bytes, error)) in cases.into_iter().enumerate() {
        if index == 3 {
            // The key takes the bytes of what would follow: the record ends early.
            assert_eq!(read(bytes, 1).unwrap_err(), RecordsError::Structure);
            continue;
        }
        assert_eq!(read(bytes, 1).unwrap_err(), error, "case {index}");
    }
}

#[test]
fn a_walk_is_over_after_an_error() {
    let mut walk = Records::new(&[0x01, 0x01], 2);
    assert!(walk.next().unwrap().is_err());
    assert!(walk.next().is_none());
}

#[test]
fn random_changes_never_panic() {
    let mut builder = BatchBuilder::new();
    for at in 0..20 {
        builder.push(at, Some(b"key"), Some(&[at as u8; 90]), &[(b"a", None), (b"b", Some(b"c"))]);
    }
    let bytes = builder.finish();
    let batch = Batch::parse(&bytes).unwrap();
    let mut rng = Rng::new(1);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut payload = batch.payload().to_vec();
        for _ in 0..=rng.below(3) {
            let at = rng.below(payload.len() as u64) as usize;
            payload[at] = rng.next_u64() as u8;
        }
        payload.truncate(rng.below(payload.len() as u64 + 1) as usize);
        match read(&payload, rng.below(22) as i32) {
            Ok(records) => {
                for record in records {
                    assert_eq!(record.headers.len(), record.headers.count());
                }
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 10_000, "{refused}");
}
