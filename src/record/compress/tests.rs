use super::*;
use crate::base::Rng;

fn text(bytes: usize) -> Vec<u8> {
    let mut rng = Rng::new(3);
    let words = [&b"strand"[..], b"extent", b"frame", b" ", b"batch", b"offset", b"\n"];
    let mut text = Vec::new();
    while text.len() < bytes {
        text.extend_from_slice(words[rng.below(words.len() as u64) as usize]);
    }
    text.truncate(bytes);
    text
}

fn packed(codec: Codec, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(codec, 3, plain, &mut out);
    out
}

fn unpacked(codec: Codec, payload: &[u8], bytes_max: usize) -> Result<Vec<u8>, CompressError> {
    let mut out = b"before".to_vec();
    decompress(codec, payload, bytes_max, &mut out)?;
    assert_eq!(out.drain(..6).as_slice(), b"before");
    Ok(out)
}

#[test]
fn every_codec_gives_back_what_it_took() {
    for codec in Codec::ALL {
        assert_eq!(Codec::from_id(codec.id()), Some(codec));
        for bytes in [0, 1, 1000, 32 * 1024, 300_000] {
            let plain = text(bytes);
            let payload = packed(codec, &plain);
            assert_eq!(unpacked(codec, &payload, bytes).unwrap(), plain, "{codec:?} {bytes}");
            if codec != Codec::None && bytes > 500 {
                assert!(payload.len() < bytes, "{codec:?} saves nothing");
            }
        }
    }
    assert_eq!(Codec::from_id(5), None);
}

#[test]
fn a_bomb_is_refused_at_the_bound() {
    let plain = vec![0; 1 << 20];
    for codec in Codec::ALL {
        let payload = packed(codec, &plain);
        let too_large = CompressError::TooLarge { bytes_max: plain.len() - 1 };
        assert_eq!(unpacked(codec, &payload, plain.len() - 1), Err(too_large), "{codec:?}");
        let mut out = Vec::new();
        assert!(decompress(codec, &payload, 5000, &mut out).is_err());
        assert!(out.len() <= 5001 || codec == Codec::Snappy && out.len() <= 5000 + 65536);
    }
}

#[test]
fn levels_beyond_the_range_are_brought_into_it() {
    let plain = text(5000);
    for codec in Codec::ALL {
        for level in [i32::MIN, -1, 0, 1, 9, 22, i32::MAX] {
            let mut payload = Vec::new();
            compress(codec, level, &plain, &mut payload);
            assert_eq!(unpacked(codec, &payload, 5000).unwrap(), plain, "{codec:?} {level}");
        }
    }
}

#[test]
fn a_bare_snappy_block_is_read_too() {
    let plain = text(100_000);
    let bare = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    assert_eq!(unpacked(Codec::Snappy, &bare, plain.len()).unwrap(), plain);
    let too_large = CompressError::TooLarge { bytes_max: 99_999 };
    assert_eq!(unpacked(Codec::Snappy, &bare, 99_999), Err(too_large));
}

#[test]
fn snappy_streams_that_follow_each_other_are_read() {
    let plain = text(50_000);
    let twice = [packed(Codec::Snappy, &plain), packed(Codec::Snappy, &plain)].concat();
    let expected = [plain.clone(), plain].concat();
    assert_eq!(unpacked(Codec::Snappy, &twice, 100_000).unwrap(), expected);
}

#[test]
fn a_snappy_block_cannot_claim_more_than_its_bytes_can_hold() {
    // A varint that says 100 MB, and nothing behind it.
    let claim = [0x80, 0xc2, 0xd7, 0x2f];
    let mut out = Vec::new();
    let refused = decompress(Codec::Snappy, &claim, usize::MAX, &mut out);
    assert_eq!(refused, Err(CompressError::Corrupt(Codec::Snappy)));
    assert!(out.capacity() < 1000);
}

#[test]
fn garbage_and_cut_off_streams_are_refused_without_panic() {
    let mut rng = Rng::new(5);
    let plain = text(4000);
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let payload = packed(codec, &plain);
        for cut in [1, payload.len() / 2, payload.len() - 5] {
            let read = unpacked(codec, &payload[..cut], 10_000);
            assert!(read.is_err() || read.unwrap().len() < plain.len(), "{codec:?} at {cut}");
        }
        for _ in 0..2000 {
            let mut changed = payload.clone();
            let at = rng.below(changed.len() as u64) as usize;
            changed[at] = rng.next_u64() as u8;
            if let Ok(read) = unpacked(codec, &changed, 10_000) {
                assert!(read.len() <= 10_000);
            }
        }
    }
}
