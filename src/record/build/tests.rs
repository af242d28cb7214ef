use super::*;
use crate::record::Batch;
use crate::record::Records;
use crate::record::decompress;

#[test]
fn a_built_batch_has_what_a_producer_sends() {
    let mut builder = BatchBuilder::new();
    builder.push(50, Some(b"k"), Some(b"v"), &[]);
    builder.push(40, None, Some(b"w"), &[]);
    assert_eq!((builder.count(), builder.records_bytes()), (2, 17));
    let bytes = builder.finish();
    let batch = Batch::parse(&bytes).unwrap();
    assert!(batch.crc_holds());
    let header = batch.header;
    assert_eq!((header.base_offset, header.leader_epoch), (0, -1));
    assert_eq!((header.base_timestamp, header.max_timestamp), (50, 50));
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (-1, -1, -1));
    assert_eq!((header.count, header.last_offset_delta), (2, 1));
}

#[test]
fn every_codec_packs_the_same_records() {
    let mut plain = BatchBuilder::new();
    for at in 0..100 {
        plain.push(at, Some(b"key"), Some(b"some value"), &[(b"h", None)]);
    }
    let expected = plain.clone().finish();
    let expected = Batch::parse(&expected).unwrap();
    for codec in Codec::ALL {
        let bytes = plain.clone().codec(codec, 3).finish();
        let batch = Batch::parse(&bytes).unwrap();
        assert!(batch.crc_holds());
        assert_eq!(batch.header.attributes.codec(), Ok(codec));
        let mut records = Vec::new();
        decompress(codec, batch.payload(), 100_000, &mut records).unwrap();
        assert_eq!(records, expected.payload());
        assert_eq!(Records::new(&records, batch.header.count).count(), 100);
    }
}
