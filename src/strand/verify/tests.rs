use super::*;
use crate::base::Offset;
use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::checkpoint::Checkpoint;
use crate::strand::checkpoint::ExtentRecord;
use crate::strand::checkpoint::ExtentState;
use crate::strand::checkpoint::IndexRecord;
use crate::strand::checkpoint::encode_slot;
use crate::strand::entry::Entry;
use crate::strand::entry::EntryId;
use crate::strand::fixture;
use crate::strand::fixture::Extent;
use crate::strand::fixture::KEY;
use crate::strand::fixture::STRAND;
use crate::strand::fixture::batch;
use crate::strand::header::Predecessor;
use crate::strand::index::IndexHead;
use crate::strand::index::encode_index;
use crate::strand::index::index_bytes;
use crate::strand::op::IndexId;
use crate::strand::run::Use;

const EXTENT: usize = 128 << 10;

#[derive(Clone, Default)]
struct Store {
    files: BTreeMap<File, Vec<u8>>,
    /// Where the last use's frames end, and where its last frame begins.
    end: usize,
    last_frame: usize,
}

impl StoreFiles for Store {
    fn listing(&self) -> Result<Listing, String> {
        let mut listing = Listing::default();
        for (file, bytes) in &self.files {
            let bytes = bytes.len() as u64;
            match file {
                File::Extent(extent) => listing.extents.push((*extent, bytes)),
                File::Slot(slot) => listing.slots.push((*slot, bytes)),
                File::Index(index) => listing.indexes.push((*index, bytes)),
            }
        }
        Ok(listing)
    }

    fn read(&self, file: File) -> Result<Vec<u8>, String> {
        self.files.get(&file).cloned().ok_or_else(|| "it is not there".to_owned())
    }
}

const FIRST: File = File::Extent(ExtentId(1));
const SECOND: File = File::Extent(ExtentId(2));
const THIRD: File = File::Extent(ExtentId(3));
const FOURTH: File = File::Extent(ExtentId(4));
const INDEX: File = File::Index(IndexId(1));
const SLOT: File = File::Slot(Slot::A);

/// Four uses on a chain, the first two in an index file, three with footers; a checkpoint over the
/// first two. Partition 9 has a batch of three records in every frame, partition 7 is truncated.
fn store() -> Store {
    let mut store = Store::default();
    let mut offset: Offset = 0;
    let mut sequence = 100;
    let mut before: Option<Predecessor> = None;
    let mut runs = RunMap::default();
    let mut logs: BTreeMap<PartitionId, Log> = BTreeMap::new();
    let mut records = Vec::new();
    for number in 1..=4_u64 {
        let extent = number as u32;
        let mut made = Extent::after(extent, number, sequence, EXTENT, before);
        for _ in 0..5 {
            let mut items = vec![(
                Entry::Append(fixture::append(9, offset, &batch(3, 700, 1))),
                batch(3, 700, 1),
            )];
            if offset == 6 {
                let partition = PartitionId(7);
                items.push((
                    Entry::Append(fixture::append(7, 0, &batch(5, 40, 2))),
                    batch(5, 40, 2),
                ));
                items.push((Entry::Truncate { partition, to: 0 }, Vec::new()));
                items.push((
                    Entry::Append(fixture::append(7, 0, &batch(2, 40, 3))),
                    batch(2, 40, 3),
                ));
            }
            store.last_frame = made.position as usize;
            made.frame(&items);
            offset += 3;
        }
        if number < 4 {
            let next = Entry::Seal { extent: ExtentId(extent + 1), use_number: number + 1 };
            made.frame(&[(next, Vec::new())]);
            made.foot();
        }
        store.end = made.position as usize;
        sequence = made.sequence;
        let (closing_end, use_number) = (sequence - 1, number);
        let extent = made.place.extent;
        before = Some(Predecessor { extent, use_number, closing_end, proven: closing_end });
        if number <= 2 {
            made.runs.iter().for_each(|placed| runs.insert(*placed));
            for (_, sequence, table) in &made.frames {
                for (number, entry) in table.iter().enumerate() {
                    let Some(partition) = entry.entry.partition() else { continue };
                    let id = EntryId { sequence: *sequence, number: number as u32 };
                    logs.entry(partition).or_default().apply(id, &entry.entry);
                }
            }
            records.push(ExtentRecord {
                extent,
                use_number,
                state: ExtentState::Sealed,
                first_sequence: made.frames[0].1,
                last_sequence: closing_end,
                killer: 0,
                index: Some(IndexId(1)),
            });
        }
        store.files.insert(File::Extent(extent), made.bytes);
    }
    let uses: Vec<Use> =
        [1, 2].map(|number| Use { number, extent: ExtentId(number as u32) }).to_vec();
    let mut file = vec![0; index_bytes(&runs)];
    encode_index(&KEY, STRAND, IndexId(1), &uses, &runs, &mut file);
    let index = IndexRecord { index: IndexId(1), uses, bytes: file.len() as u64 };
    store.files.insert(INDEX, file);
    let head = CheckpointHead {
        generation: 1,
        from: records[1].last_sequence + 1,
        needs: records[1].last_sequence,
        extents: records,
        indexes: vec![index],
        ..CheckpointHead::default()
    };
    let logs = logs.into_iter().map(|(partition, log)| (partition, log.image())).collect();
    store.files.insert(SLOT, encode_slot(&KEY, STRAND, &Checkpoint { head, logs }));
    store.files.insert(File::Slot(Slot::B), vec![0; 2 * PAGE]);
    store
}

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
        let mut file = vec![0; index_bytes(&runs)];
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
