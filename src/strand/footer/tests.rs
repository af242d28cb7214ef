use super::*;
use crate::base::PartitionId;
use crate::strand::Entry;
use crate::strand::fixture;
use crate::strand::fixture::Extent;
use crate::strand::fixture::KEY;
use crate::strand::fixture::batch;
use crate::strand::fixture::hex;

fn sealed() -> (Extent, usize) {
    let mut extent = Extent::new(1, 5, 50, 256 << 10);
    extent.append(&[(9, 0, batch(2, 100, 1)), (7, 0, batch(1, 50, 2))]);
    extent.frame(&[]);
    extent.append(&[(9, 2, batch(1, 100, 3))]);
    let partition = PartitionId(7);
    extent.frame(&[
        (Entry::LogStart { partition, to: 1 }, Vec::new()),
        (Entry::Seal { extent: ExtentId(2), use_number: 6 }, Vec::new()),
    ]);
    let footer = extent.foot();
    (extent, footer)
}

fn trailer(extent: &Extent) -> Option<Trailer> {
    let page = &extent.bytes[extent.bytes.len() - PAGE..];
    Trailer::parse(page, &KEY, &extent.footer_place())
}

#[test]
fn a_footer_says_what_the_frames_say() {
    let (extent, length) = sealed();
    let trailer = trailer(&extent).unwrap();
    assert_eq!(trailer.footer_bytes() as usize, length);
    assert_eq!((trailer.first_sequence, trailer.last_sequence, trailer.frames), (50, 53, 4));
    assert_eq!(trailer.frames_end, extent.position);
    let footer = &extent.bytes[trailer.start() as usize..];
    let entries = trailer.entries(footer).unwrap();
    let numbered = extent.frames.iter().flat_map(|(_, sequence, table)| {
        let of = |(number, entry): (usize, &TableEntry)| {
            (EntryId { sequence: *sequence, number: number as u32 }, entry.clone())
        };
        table.iter().enumerate().map(of)
    });
    assert_eq!(entries, numbered.collect::<Vec<_>>());
    let runs: Vec<PlacedRun> = extent.runs.iter().copied().collect();
    assert_eq!(trailer.runs(&KEY, footer).unwrap(), runs);
}

#[test]
fn any_flipped_bit_is_seen() {
    let (extent, length) = sealed();
    let place = extent.footer_place();
    let footer = &extent.bytes[extent.bytes.len() - length..];
    let is_seen = |bytes: &[u8]| {
        let Some(trailer) = Trailer::parse(&bytes[length - PAGE..], &KEY, &place) else {
            return true;
        };
        trailer.entries(bytes).is_none() || trailer.runs(&KEY, bytes).is_none()
    };
    assert!(!is_seen(footer));
    assert_eq!(fixture::unseen_flips(footer, is_seen), [0; 0]);
}

#[test]
fn a_footer_of_an_earlier_use_is_none() {
    let (extent, _) = sealed();
    let page = &extent.bytes[extent.bytes.len() - PAGE..];
    let place = extent.footer_place();
    let others = [
        FooterPlace { use_number: 6, ..place },
        FooterPlace { extent: ExtentId(2), ..place },
        FooterPlace { strand: StrandId(4), ..place },
        FooterPlace { extent_bytes: place.extent_bytes + 4096, ..place },
    ];
    for other in others {
        assert_eq!(Trailer::parse(page, &KEY, &other), None, "{other:?}");
    }
}

#[test]
fn a_footer_that_is_cut_off_is_refused() {
    let (extent, length) = sealed();
    let trailer = trailer(&extent).unwrap();
    let footer = &extent.bytes[extent.bytes.len() - length..];
    for cut in 0..length {
        assert_eq!(trailer.entries(&footer[..cut]), None);
        // The runs lie before the trailer.
        assert!(trailer.runs(&KEY, &footer[..cut]).is_none() || cut >= length - PAGE);
    }
}

#[test]
fn lengths_that_lie_are_refused_even_under_a_fitting_crc() {
    let (extent, _) = sealed();
    let page = &extent.bytes[extent.bytes.len() - PAGE..];
    for at in [44, 48, 56, 60] {
        for value in [u32::MAX, u32::MAX - 4095, 1 << 31, 0] {
            let mut lying = page.to_vec();
            lying[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let crc = KEY.crc(&DOMAIN, &lying[..CRC_AT]);
            lying[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
            let Some(trailer) = Trailer::parse(&lying, &KEY, &extent.footer_place()) else {
                continue;
            };
            let start = trailer.start() as usize;
            let footer = extent.bytes.get(start..).unwrap_or_default();
            let is_refused =
                trailer.entries(footer).is_none() || trailer.runs(&KEY, footer).is_none();
            assert!(is_refused, "{value} at {at}");
        }
    }
}

#[test]
fn the_format_of_a_trailer_is_frozen() {
    let (extent, length) = sealed();
    let footer = &extent.bytes[extent.bytes.len() - length..];
    assert_eq!(hex(&footer[..20]), "3200000000000000001000000200000070000000");
    assert_eq!(
        hex(&footer[length - PAGE..][..72]),
        "534c667401000300010000000000040005000000000000003200000000000000\n\
         3500000000000000040000000050000018010000029109280100000001000000\n\
         0000000000000000"
    );
    assert_eq!(hex(&footer[length - 4..]), "ee102522");
}
