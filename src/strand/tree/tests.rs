use proptest::prelude::*;

use super::*;
use crate::strand::fixture;
use crate::strand::fixture::KEY;
use crate::strand::fixture::hex;

const OWNER: u64 = 77;

fn run(partition: u64, from: Offset, width: i64) -> Run {
    Run {
        partition: PartitionId(partition),
        from,
        to: from + width,
        position: (from as u32).wrapping_mul(16),
        bytes: 80,
        batches: 2,
        max_timestamp: from + 5,
        check: 0x1122_3344,
    }
}

/// `per` runs of 3 offsets, 5 apart, of each of `partitions`.
fn sample(partitions: u64, per: i64) -> Vec<SourcedRun> {
    let of = |partition| (0..per).map(move |at| (run(partition, at * 5, 3), partition as u16));
    (0..partitions).flat_map(of).collect()
}

fn encode(runs: &[SourcedRun]) -> Vec<u8> {
    let mut out = vec![0xa5; TreeShape::of(runs.len()).bytes()];
    encode_tree(&KEY, OWNER, runs, &mut out);
    out
}

fn page(tree: &[u8], number: u32) -> Option<TreePage<'_>> {
    let start = number as usize * PAGE;
    TreePage::parse(tree.get(start..start + PAGE)?, &KEY, OWNER, number)
}

/// Searches, and says how many pages it looked at.
fn search(tree: &[u8], runs: usize, partition: u64, from: Offset, max: usize) -> (Search, usize) {
    let shape = TreeShape::of(runs);
    let mut search = Search::new(shape, PartitionId(partition), from, max);
    let mut pages = 0;
    while let Some(number) = search.wants() {
        assert!(search.on_page(&page(tree, number).expect("a sound page")));
        pages += 1;
    }
    (search, pages)
}

#[test]
fn a_lookup_reads_a_few_pages_of_many() {
    let runs = sample(1000, 40);
    let tree = encode(&runs);
    assert_eq!(tree.len() / PAGE, 477 + 3 + 1);
    for partition in [0, 1, 500, 999] {
        let (found, pages) = search(&tree, runs.len(), partition, 100, 5);
        let (found, may_go_on) = found.into_found();
        let from: Vec<Offset> = found.iter().map(|(run, _)| run.from).collect();
        assert_eq!(from, [100, 105, 110, 115, 120]);
        assert!(found.iter().all(|(run, source)| run.partition.0 == u64::from(*source)));
        assert!(may_go_on);
        assert!(pages <= 4, "{pages} pages");
    }
    let (found, _) = search(&tree, runs.len(), 1000, 0, 5);
    assert_eq!(found.into_found(), (Vec::new(), false));
}

#[test]
fn a_table_without_runs_has_an_empty_page() {
    let tree = encode(&[]);
    assert_eq!(tree.len(), PAGE);
    let (found, pages) = search(&tree, 0, 1, 0, 5);
    assert_eq!((found.into_found(), pages), ((Vec::new(), false), 1));
}

#[test]
fn voids_keep_their_end() {
    let partition = PartitionId(1);
    let void = |from, to| Run {
        partition,
        from,
        to,
        position: 9,
        bytes: 0,
        batches: 0,
        max_timestamp: -1,
        check: 0,
    };
    let runs = [
        (void(0, 5_000_000_000), 0),
        (run(1, 5_000_000_000, 4), 0),
        (void(6_000_000_000, Offset::MAX), 3),
    ];
    let (found, _) = search(&encode(&runs), 3, 1, 0, 9);
    assert_eq!(found.into_found().0, runs);
}

#[test]
fn any_flipped_bit_of_a_page_is_seen() {
    let tree = encode(&sample(2, 3));
    let is_seen = |bytes: &[u8]| TreePage::parse(bytes, &KEY, OWNER, 0).is_none();
    assert!(!is_seen(&tree));
    assert_eq!(fixture::unseen_flips(&tree, is_seen), [0; 0]);
    assert!(TreePage::parse(&tree, &KEY, OWNER + 1, 0).is_none(), "another owner's");
    assert!(TreePage::parse(&tree, &KEY, OWNER, 1).is_none(), "another page");
    assert!(TreePage::parse(&tree[..PAGE - 1], &KEY, OWNER, 0).is_none(), "cut off");
}

#[test]
fn pages_that_point_in_circles_end_the_search() {
    let shape = TreeShape { leaves: 1, pages: 2 };
    let mut circle = vec![0; PAGE];
    encode_page(&KEY, OWNER, 1, 1, 1, &mut circle, |out| {
        encode_child(out, &(PartitionId(0), 0), 1);
    });
    let mut search = Search::new(shape, PartitionId(1), 0, 5);
    let circle = TreePage::parse(&circle, &KEY, OWNER, 1).unwrap();
    assert!(search.on_page(&circle));
    assert_eq!(search.wants(), Some(1));
    assert!(!search.on_page(&circle), "a child at its parent's level");
    assert_eq!(search.wants(), None);
}

#[test]
fn the_format_of_a_page_is_frozen() {
    let runs = sample(2, 1);
    let tree = encode(&runs);
    assert_eq!(
        hex(&tree[..128]),
        "534c7067010000004d0000000000000000000000020000000000000000000000\n\
         0000000000000000000000000000000003000000000000005000000002000000\n\
         0500000000000000443322110000000001000000000000000000000000000000\n\
         0300000000000000500000000200000005000000000000004433221101000000"
    );
    assert_eq!(hex(&tree[PAGE - 4..]), "7bdb8b49");
    let tree = encode(&sample(2, 50));
    assert_eq!(
        hex(&tree[2 * PAGE..2 * PAGE + 80]),
        "534c7067010001004d0000000000000002000000020000000000000000000000\n\
         0000000000000000000000000000000000000000000000000100000000000000\n\
         aa000000000000000100000000000000"
    );
}

proptest! {
    #[test]
    fn a_search_finds_what_a_walk_finds(
        partitions in 1_u64..6,
        per in 0_i64..200,
        partition in 0_u64..7,
        from in 0_i64..1000,
        max in 1_usize..300,
    ) {
        let runs = sample(partitions, per);
        let tree = encode(&runs);
        let (found, _) = search(&tree, runs.len(), partition, from, max);
        let of = |(run, _): &&SourcedRun| run.partition.0 == partition && from < run.to;
        let expected: Vec<SourcedRun> = runs.iter().filter(of).take(max).copied().collect();
        prop_assert_eq!(found.into_found().0, expected);
    }
}
