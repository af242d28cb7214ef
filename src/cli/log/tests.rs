use std::ffi::OsString;
use std::fs;

use super::*;
use crate::base::Lifetime;
use crate::base::ShardId;
use crate::io::MANIFEST;
use crate::io::StrandPaths;
use crate::strand::File;
use crate::strand::Manifest;
use crate::strand::fixture;

/// A data directory with one strand in it.
fn stopped() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let place = StrandPlace {
        strand: fixture::STRAND,
        shard: ShardId(0),
        lifetime: Lifetime::Finite,
        extent_bytes: fixture::EXTENT as u32,
    };
    let manifest = Manifest {
        key: fixture::KEY,
        node: 1,
        cluster: [5; 16],
        generation: 1,
        strands: vec![place],
    };
    fs::write(dir.path().join(MANIFEST), manifest.encode()).unwrap();
    let paths = StrandPaths::new(dir.path(), fixture::STRAND);
    fs::create_dir_all(paths.dir()).unwrap();
    for (file, bytes) in fixture::store().files {
        fs::write(paths.of(file), bytes).unwrap();
    }
    dir
}

fn extent(dir: &tempfile::TempDir, number: u32) -> PathBuf {
    let file = File::Extent(crate::strand::ExtentId(number));
    StrandPaths::new(dir.path(), fixture::STRAND).of(file)
}

fn scope(dir: &tempfile::TempDir) -> Scope {
    let dir = dir.path().to_owned();
    Scope { dir, strand: None, extent: None, partition: None, records: false }
}

fn text(run: impl FnOnce(&mut dyn Write) -> Result<ExitStatus, Stopped>) -> (ExitStatus, String) {
    let mut out = Vec::new();
    let status = run(&mut out).unwrap();
    (status, String::from_utf8(out).unwrap())
}

fn status(dir: &tempfile::TempDir, arguments: &[&str]) -> i32 {
    let dir = dir.path().as_os_str().to_owned();
    let all = ["log"].iter().chain(arguments).map(OsString::from);
    run(&command().get_matches_from(all.chain([OsString::from("--dir"), dir])))
}

#[test]
fn the_command_line_is_consistent() {
    command().debug_assert();
}

#[test]
fn a_dump_shows_strands_checkpoints_extents_and_indexes() {
    let dir = stopped();
    let (_, text) = text(|out| dump_in(&scope(&dir), out));
    for expected in [
        "strand 3: shard 0, finite, extents of 131072 bytes",
        "slot A (8192 bytes): generation 1, replay from 112, needs 111",
        "slot B (8192 bytes): never written",
        "extent 1: Sealed, use 1, frames 100..=105, runs in index 1",
        "partition 9: offsets 0..30, applied 110/0, 1 epochs, 1 segments, 0 producers",
        "extent 2: use 2, start 1, after use 1 in extent 1 up to frame 105",
        "6 frames (100..=105), 7 batches",
        "index 1 (",
        "runs of uses [1, 2]",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("append partition"), "batches are shown when asked for");
}

#[test]
fn a_dump_goes_down_to_the_records_of_one_partition() {
    let dir = stopped();
    let narrow = Scope { partition: Some(7), records: true, ..scope(&dir) };
    let (_, text) = text(|out| dump_in(&narrow, out));
    for expected in [
        "append partition 7 offsets 0..5 epoch 4: 5 records",
        "truncate partition 7 to 0",
        "record 1 timestamp 1003 key null value \"\\u{4}\\u{4}",
        "run of partition 7: offsets 0..2, 1 batches",
        "epoch 4 from offset 0",
        "segment 0: ",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("partition 9"), "{text}");
}

#[test]
fn verify_says_sound_or_names_file_and_position() {
    let dir = stopped();
    let (verdict, text_sound) = text(|out| verify_in(&scope(&dir), out));
    assert_eq!(verdict, ExitStatus::Done, "{text_sound}");
    assert!(text_sound.contains("23 frames, 22 batches, 2 partitions: sound"), "{text_sound}");
    assert_eq!(status(&dir, &["dump", "--verify"]), 0);
    let path = extent(&dir, 2);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * 4096 + 2000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (verdict, text) = text(|out| verify_in(&scope(&dir), out));
    assert_eq!(verdict, ExitStatus::Damaged);
    let expected = format!("DAMAGE: {} at 12408: partition 9: batch 0", path.display());
    assert!(text.contains(&expected), "{expected}\n{text}");
    assert_eq!(status(&dir, &["dump", "--verify"]), 1);
}

#[test]
fn a_running_store_is_refused() {
    let dir = stopped();
    let held = fs::File::open(extent(&dir, 1)).unwrap();
    held.lock().unwrap();
    for arguments in [&["dump"][..], &["dump", "--verify"], &["rescue"]] {
        assert_eq!(status(&dir, arguments), ExitStatus::Locked as i32);
    }
    held.unlock().unwrap();
    assert_eq!(status(&dir, &["dump"]), 0);
}

#[test]
fn what_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(status(&dir, &["dump"]), ExitStatus::Storage as i32);
    let dir = stopped();
    assert_eq!(status(&dir, &["dump", "--strand", "9"]), ExitStatus::Usage as i32);
    fs::write(dir.path().join(MANIFEST), b"something else").unwrap();
    assert_eq!(status(&dir, &["dump", "--verify"]), ExitStatus::Storage as i32);
}

#[test]
fn rescue_writes_segments_without_any_checkpoint() {
    let dir = stopped();
    let paths = StrandPaths::new(dir.path(), fixture::STRAND);
    for slot in [crate::strand::Slot::A, crate::strand::Slot::B] {
        fs::write(paths.of(File::Slot(slot)), vec![7; 8192]).unwrap();
    }
    let to = dir.path().join("rescued");
    let (_, text) = text(|out| rescue_to(&scope(&dir), Some(&to), out));
    assert!(text.contains("strand 3: partition 9: 20 batches"), "{text}");
    assert!(text.contains("offsets 0..60"), "{text}");
    let segment = fs::read(to.join("3-9").join("00000000000000000000.log")).unwrap();
    let batches: Vec<i64> = crate::record::Batches::new(&segment)
        .map(|batch| batch.expect("whole batches").header.base_offset)
        .collect();
    assert_eq!(batches, (0..20).map(|number| number * 3).collect::<Vec<i64>>());
    assert!(rescue_to(&scope(&dir), Some(&to), &mut Vec::new()).is_err(), "nothing is overwritten");
}
