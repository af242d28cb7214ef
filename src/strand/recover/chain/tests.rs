use super::Stray;
use super::chain;
use crate::base::StrandId;
use crate::strand::ExtentHeader;
use crate::strand::ExtentId;
use crate::strand::Predecessor;
use crate::strand::Use;
use crate::strand::checkpoint::CheckpointHead;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;

fn place(number: u64, extent: u32) -> Use {
    Use { number, extent: ExtentId(extent) }
}

fn header(of: Use) -> ExtentHeader {
    ExtentHeader {
        strand: StrandId(1),
        extent: of.extent,
        extent_bytes: 1 << 16,
        use_number: of.number,
        start: 1,
        first_sequence: of.number * 10,
        predecessor: None,
    }
}

fn record(of: Use, state: ExtentState) -> ExtentRecord {
    ExtentRecord {
        extent: of.extent,
        use_number: of.number,
        state,
        first_sequence: of.number * 10,
        last_sequence: of.number * 10 + 9,
        killer: 0,
        index: None,
    }
}

/// A slot that knows use 5 in extent 0, and use 3 in extent 1 as given back.
fn head() -> CheckpointHead {
    let extents =
        vec![record(place(5, 0), ExtentState::Sealed), record(place(3, 1), ExtentState::Free)];
    CheckpointHead { from: 60, needs: 59, next_use: 6, extents, ..CheckpointHead::default() }
}

#[test]
fn a_use_that_was_given_back_does_not_count_because_the_next_header_is_torn() {
    let strays = [Stray { place: place(3, 1) }];
    let chain = chain(&head(), &[header(place(5, 0))], &strays);
    let places: Vec<Use> = chain.links.iter().map(|link| link.place).collect();
    assert_eq!(places, vec![place(5, 0)]);
    assert!(!chain.links[0].header_is_damaged);
}

#[test]
fn every_use_without_a_header_above_the_chain_or_within_it_counts() {
    let mut top = header(place(9, 4));
    top.predecessor =
        Some(Predecessor { extent: ExtentId(3), use_number: 8, closing_end: 89, proven: 89 });
    let strays = [6, 7, 8, 10, 11].map(|number| Stray { place: place(number, number as u32 - 5) });
    let chain = chain(&head(), &[header(place(5, 0)), top], &strays);
    let numbers: Vec<u64> = chain.links.iter().map(|link| link.place.number).collect();
    assert_eq!(numbers, vec![5, 6, 7, 8, 9, 10, 11]);
    let closed: Vec<u64> = chain
        .links
        .iter()
        .filter(|link| link.closing.is_some())
        .map(|it| it.place.number)
        .collect();
    assert_eq!(closed, vec![5, 8], "the slot closed one, a header the other");
}

#[test]
fn a_use_above_all_known_counts_though_its_header_is_damaged() {
    let strays = [Stray { place: place(6, 1) }];
    let chain = chain(&head(), &[header(place(5, 0))], &strays);
    let links: Vec<(Use, bool)> =
        chain.links.iter().map(|link| (link.place, link.header_is_damaged)).collect();
    assert_eq!(links, vec![(place(5, 0), false), (place(6, 1), true)]);
}
