use super::*;
use crate::strand::fixture;
use crate::strand::fixture::KEY;
use crate::strand::fixture::hex;

fn sample() -> Manifest {
    let place = |strand, lifetime, extent_bytes| StrandPlace {
        strand: StrandId(strand),
        shard: ShardId(1),
        lifetime,
        extent_bytes,
    };
    let strands = vec![
        place(0, Lifetime::Brief, 64 << 20),
        place(1, Lifetime::Finite, 64 << 20),
        place(u16::MAX, Lifetime::Endless, 4 << 20),
    ];
    Manifest { key: KEY, node: 1, cluster: [9; 16], generation: 3, strands }
}

#[test]
fn a_manifest_comes_back() {
    assert_eq!(Manifest::parse(&sample().encode()), Ok(sample()));
}

#[test]
fn any_flipped_bit_and_any_other_length_is_seen() {
    let file = sample().encode();
    let is_seen = |bytes: &[u8]| Manifest::parse(bytes).is_err();
    assert_eq!(fixture::unseen_flips(&file, is_seen), [0; 0]);
    for cut in 0..file.len() {
        assert_eq!(Manifest::parse(&file[..cut]), Err(ManifestFault::Damaged));
    }
    let mut longer = file;
    longer.push(0);
    assert_eq!(Manifest::parse(&longer), Err(ManifestFault::Damaged));
}

/// A manifest that says what it likes, under a CRC that fits.
fn checked(change: impl FnOnce(&mut [u8])) -> Result<Manifest, ManifestFault> {
    let mut file = sample().encode();
    let length = file.len() - 4;
    change(&mut file[..length]);
    let crc = crc32c::crc32c(&file[..length]);
    file[length..].copy_from_slice(&crc.to_le_bytes());
    Manifest::parse(&file)
}

#[test]
fn an_unknown_format_and_lies_are_refused() {
    assert_eq!(checked(|file| file[8] = 2), Err(ManifestFault::Format(2)));
    assert_eq!(checked(|file| file[10] = 255), Err(ManifestFault::Damaged), "too many strands");
    assert_eq!(checked(|file| file[10] = 2), Err(ManifestFault::Damaged), "too few");
    assert_eq!(checked(|file| file[72] = 1), Err(ManifestFault::Damaged), "one strand twice");
    assert_eq!(checked(|file| file[80] = 3), Err(ManifestFault::Damaged), "no such lifetime");
}

#[test]
fn the_format_of_a_manifest_is_frozen() {
    assert_eq!(
        hex(&sample().encode()),
        "534c73746f72650a010003000100000007070707070707070707070707070707\n\
         6120736563726574206f66206f75727309090909090909090909090909090909\n\
         0300000000000000000001000000000400000000010001000000000401000000\n\
         ffff01000000400002000000ea6fe27f"
    );
}
