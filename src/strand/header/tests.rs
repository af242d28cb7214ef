use super::*;
use crate::strand::fixture;
use crate::strand::fixture::KEY;
use crate::strand::fixture::hex;

fn sample() -> ExtentHeader {
    let predecessor =
        Predecessor { extent: ExtentId(4), use_number: 17, closing_end: 900, proven: 899 };
    ExtentHeader {
        strand: StrandId(3),
        extent: ExtentId(5),
        extent_bytes: 64 << 20,
        use_number: 18,
        start: 2,
        first_sequence: 902,
        predecessor: Some(predecessor),
    }
}

fn encode(header: &ExtentHeader) -> Vec<u8> {
    let mut page = vec![0xa5; PAGE];
    header.encode(&KEY, &mut page);
    page
}

#[test]
fn a_header_comes_back() {
    let first = ExtentHeader { predecessor: None, ..sample() };
    for header in [sample(), first] {
        assert_eq!(ExtentHeader::parse(&encode(&header), &KEY), Ok(header));
    }
}

#[test]
fn any_flipped_bit_is_seen() {
    let page = encode(&sample());
    let is_seen = |bytes: &[u8]| ExtentHeader::parse(bytes, &KEY).is_err();
    assert_eq!(fixture::unseen_flips(&page, is_seen), [0; 0]);
}

#[test]
fn what_is_not_ours_is_told_apart() {
    let page = encode(&sample());
    let damaged = Err(HeaderFault::Damaged);
    assert_eq!(ExtentHeader::parse(&[0; PAGE], &KEY), Err(HeaderFault::Zeros));
    assert_eq!(ExtentHeader::parse(&page[..PAGE - 1], &KEY), damaged, "cut off");
    assert_eq!(ExtentHeader::parse(&page, &StoreKey { store: [8; 16], ..KEY }), damaged);
    assert_eq!(ExtentHeader::parse(&page, &StoreKey { secret: [8; 16], ..KEY }), damaged);
    let mut unknown = page;
    unknown[4] = 2;
    let crc = KEY.crc(&DOMAIN, &unknown[..CRC_AT]);
    unknown[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(ExtentHeader::parse(&unknown, &KEY), Err(HeaderFault::Version(2)));
}

#[test]
fn the_format_of_a_header_is_frozen() {
    let page = encode(&sample());
    assert_eq!(
        hex(&page[..96]),
        "534c657801000300050000000000000407070707070707070707070707070707\n\
         1200000000000000020000000000000086030000000000000100000004000000\n\
         1100000000000000840300000000000083030000000000000000000000000000"
    );
    assert_eq!(hex(&page[CRC_AT..]), "599a34ed");
}
