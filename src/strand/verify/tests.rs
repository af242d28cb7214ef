use super::*;
use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::fixture;
use crate::strand::fixture::EXTENT;
use crate::strand::fixture::KEY;
use crate::strand::fixture::STRAND;
use crate::strand::fixture::Store;
use crate::strand::fixture::store;
use crate::strand::index::IndexHead;
use crate::strand::index::encode_index;
use crate::strand::index::index_bytes;
use crate::strand::op::IndexId;

const FIRST: File = File::Extent(ExtentId(1));
const SECOND: File = File::Extent(ExtentId(2));
const THIRD: File = File::Extent(ExtentId(3));
const FOURTH: File = File::Extent(ExtentId(4));
const INDEX: File = File::Index(IndexId(1));
const SLOT: File = File::Slot(Slot::A);

fn check(store: &Store) -> Verification {
    verify(&fixture::identity(), store)
}

/// Damage that is found when one bit is flipped there.
fn damage_after_flip(file: File, position: usize) -> Vec<Finding> {
    let mut store = store();
    store.files.get_mut(&file).unwrap()[position] ^= 0x10;
    let found = check(&store).findings;
    found.into_iter().filter(|finding| finding.is_damage).collect()
}

#[test]
fn a_sound_store_is_sound() {
    let found = check(&store());
    assert_eq!(found.findings, []);
    assert_eq!((found.uses, found.frames, found.batches, found.partitions), (4, 23, 22, 2));
    assert!(found.proven >= 121);
}

#[test]
fn an_empty_store_is_sound() {
    assert!(check(&Store::default()).is_sound());
    let mut unused = Store::default();
    unused.files.insert(FIRST, vec![0; EXTENT]);
    unused.files.insert(SLOT, Vec::new());
    assert_eq!(check(&unused).findings, []);
}

#[test]
fn a_flipped_bit_in_any_frame_that_is_proven_is_damage_where_it_lies() {
    // Each frame is one page of header, table and batch.
    for (file, frames) in [(FIRST, 1..6), (THIRD, 1..6)] {
        for page in frames {
            for within in [0, 8, 20, 62, 70, 200, 2000] {
                let position = page * PAGE + within;
                let found = damage_after_flip(file, position);
                let first = found.iter().find(|finding| finding.file == file).expect("it is seen");
                let lies = first.position as usize / PAGE;
                assert_eq!(lies, page, "at {position}: {found:?}");
            }
        }
    }
}

#[test]
fn a_damaged_batch_names_its_partition() {
    let found = damage_after_flip(SECOND, 2 * PAGE + 2000);
    assert_eq!(found[0].partition, Some(PartitionId(9)));
}

#[test]
fn headers_footers_index_files_and_slots_are_checked() {
    let index_bytes = store().files[&INDEX].len();
    let damages = [
        (FIRST, 40),
        (SECOND, 60),
        (FIRST, EXTENT - PAGE + 300),
        (FIRST, EXTENT - 2 * PAGE + 60),
        (FIRST, EXTENT - 3 * PAGE + 60),
        (INDEX, 20),
        (INDEX, PAGE + 50),
        (INDEX, index_bytes - 10),
        (SLOT, 100),
        (SLOT, PAGE + 10),
    ];
    for (file, position) in damages {
        let found = damage_after_flip(file, position);
        assert!(found.iter().any(|finding| finding.file == file), "{file:?} {position}: {found:?}");
    }
}

#[test]
fn what_was_never_proven_is_a_torn_tail() {
    let mut torn = store();
    let last = torn.last_frame;
    torn.files.get_mut(&FOURTH).unwrap()[last..].fill(0xa5);
    let found = check(&torn);
    assert!(found.is_sound(), "nobody knows that there was a frame: {:?}", found.findings);
    let mut torn = store();
    torn.files.get_mut(&FOURTH).unwrap()[last + 2000] ^= 1;
    let found = check(&torn);
    assert!(found.is_sound(), "{:?}", found.findings);
    assert_eq!(found.findings[0].file, FOURTH);
    assert!(found.findings[0].what.contains("torn tail"), "{:?}", found.findings);
}

#[test]
fn a_hole_below_a_proven_frame_is_damage() {
    let mut store = store();
    store.files.get_mut(&FOURTH).unwrap()[2 * PAGE..3 * PAGE].fill(0);
    let found = check(&store);
    let damage: Vec<&Finding> = found.findings.iter().filter(|of| of.is_damage).collect();
    assert_eq!((damage[0].file, damage[0].position), (FOURTH, 2 * PAGE as u64), "{damage:?}");
    assert!(
        damage.iter().any(|of| of.partition == Some(PartitionId(9))),
        "and offsets are missing"
    );
}

#[test]
fn a_missing_extent_and_a_missing_index_are_damage() {
    for file in [FIRST, SECOND, THIRD, INDEX] {
        let mut store = store();
        store.files.remove(&file);
        assert!(!check(&store).is_sound(), "{file:?}");
    }
}

#[test]
fn an_index_that_says_something_else_is_damage() {
    type Change = fn(Run) -> Option<Run>;
    let changes: [Change; 4] = [
        |_| None,
        |run| Some(Run { position: run.position + 8, ..run }),
        |run| Some(Run { check: run.check ^ 1, ..run }),
        |run| Some(Run { from: run.from + 1, ..run }),
    ];
    for change in changes {
        let mut store = store();
        let head = IndexHead::parse(&store.files[&INDEX], &KEY, STRAND, IndexId(1)).unwrap();
        let all = head.runs(&KEY, &store.files[&INDEX]).unwrap();
        let mut runs = RunMap::default();
        for mut placed in all {
            let is_hit = placed.run.partition.0 == 9 && placed.run.from == 6;
            if let Some(run) = if is_hit { change(placed.run) } else { Some(placed.run) } {
                placed.run = run;
                runs.insert(placed);
            }
        }
        let mut file = vec![0; index_bytes(&head.uses, &runs)];
        encode_index(&KEY, STRAND, IndexId(1), &head.uses, &runs, &mut file);
        store.files.insert(INDEX, file);
        let found = check(&store);
        let is_named = |of: &Finding| of.is_damage && of.partition == Some(PartitionId(9));
        assert!(found.findings.iter().any(is_named), "{:?}", found.findings);
    }
}

#[test]
fn a_half_written_slot_is_a_note_beside_a_good_one() {
    let mut store = store();
    let mut half = store.files[&SLOT].clone();
    half[PAGE..].fill(0);
    store.files.insert(File::Slot(Slot::B), half);
    let found = check(&store);
    assert!(found.is_sound());
    assert_eq!(found.findings.len(), 1);
}

#[test]
fn another_strands_files_are_not_taken_for_ones_own() {
    let other = StrandIdentity { strand: StrandId(8), ..fixture::identity() };
    assert!(!verify(&other, &store()).is_sound());
}
