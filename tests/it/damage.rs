//! Files that rot while the broker is down: what rotted is refused by name, everything else is
//! served, and `log dump --verify` says where.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use strandlog::kafka::errors::ErrorCode;

use crate::broker::BINARY;
use crate::broker::Setup;
use crate::client::consume;
use crate::client::produce;
use crate::client::producer;
use crate::wire::Connection;
use crate::wire::batch;

/// Records that fill more than one run each, with their offset in front.
fn record(offset: i64) -> Vec<u8> {
    let mut value = format!("<record {offset}>").into_bytes();
    value.resize(200_000, b'x');
    value
}

/// Flips one bit of the byte behind `mark`, which stands once in the extents below `dir`.
fn strike(dir: &Path, mark: &[u8]) -> (PathBuf, usize) {
    let mut found = Vec::new();
    for strand in fs::read_dir(dir).expect("the data directory") {
        for file in fs::read_dir(strand.expect("an entry").path()).expect("a strand's directory") {
            let path = file.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "extent") {
                let bytes = fs::read(&path).expect("an extent");
                let at = bytes.windows(mark.len()).position(|window| window == mark);
                found.extend(at.map(|at| (path, at + mark.len())));
            }
        }
    }
    let [(path, at)] = &found[..] else { panic!("once: {found:?}") };
    let mut bytes = fs::read(path).expect("an extent");
    bytes[*at] ^= 1;
    fs::write(path, bytes).expect("an extent is written");
    (path.clone(), *at)
}

#[test]
fn a_flipped_bit_fences_its_run_and_everything_else_is_served() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut client = Connection::open(&broker);
    client.create_topic("t", 2, &[]);
    for offset in 0..10 {
        for partition in 0..2 {
            let answer = client.produce("t", partition, batch(&record(offset)));
            assert_eq!((answer.error_code, answer.base_offset), (0, offset));
        }
    }
    client.create_topic("other", 1, &[]);
    assert_eq!(client.produce("other", 0, batch(b"<untouched>")).error_code, 0);
    client.create_topic("marked", 1, &[]);
    for value in [&b"<before>"[..], b"<struck>"] {
        assert_eq!(client.produce("marked", 0, batch(value)).error_code, 0);
    }
    let mut large = record(2);
    large.extend_from_slice(b"<struck large>..");
    for value in [&large[..], &record(3)] {
        assert_eq!(client.produce("marked", 0, batch(value)).error_code, 0);
    }
    broker.stop();
    let (path, at) = strike(&setup.data().join("data"), b"<struck large>");

    let broker = setup.start();
    let mut client = Connection::open(&broker);
    let storage_error = ErrorCode::KafkaStorageError.code();
    assert_eq!(client.fetch("marked", 0, 2, 0).error_code, storage_error);
    assert_eq!(client.fetch("marked", 0, 2, 0).error_code, storage_error, "again");
    for (offset, value) in [(0, &b"<before>"[..]), (1, b"<struck>"), (3, b"<record 3>")] {
        let answer = client.fetch("marked", 0, offset, 0);
        assert_eq!(answer.error_code, 0, "offset {offset}: {answer:?}");
        let records = answer.records.expect("records");
        assert!(records.windows(value.len()).any(|window| window == value), "offset {offset}");
    }
    for partition in 0..2 {
        for offset in 0..10 {
            assert_eq!(client.fetch("t", partition, offset, 0).error_code, 0);
        }
    }
    assert_eq!(client.fetch("other", 0, 0, 0).error_code, 0);
    let producer = producer(&broker.bootstrap(), &[]);
    let sent = produce(&producer, "marked-later", 500, 1000);
    assert_eq!(consume(&broker.bootstrap(), "marked-later", &sent), sent);
    assert_eq!(client.produce("marked", 0, batch(b"more")).base_offset, 4);
    let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let log = broker.log();
    broker.signal(libc::SIGUSR1);
    broker.wait_for_line("damaged_runs: 1");
    // The start may have met it, too: what is told of it then is of no partition.
    let told = |line: &&str| line.contains("damage") && line.contains("partition: Some");
    assert_eq!(log.lines().filter(told).count(), 1, "once, however often it is read: {log}");
    broker.stop();

    let mut verify = Command::new(BINARY);
    verify.args(["log", "dump", "--verify", "--dir"]).arg(setup.data());
    let output = verify.output().expect("the broker's binary");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(file), "{file} at {at}: {text}");
}

/// A broker's directory with records of one topic, as it was left by a stop in good order.
fn stopped_with_records(setup: &Setup) -> BTreeMap<(i32, i64), Vec<u8>> {
    let broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    let sent = produce(&producer, "kept", 500, 1000);
    broker.stop();
    sent
}

/// Files of all strands with this extension.
fn files(setup: &Setup, extension: &str) -> Vec<PathBuf> {
    let strands = fs::read_dir(setup.data().join("data")).expect("the data directory");
    let files = strands.flat_map(|strand| {
        fs::read_dir(strand.expect("an entry").path()).expect("a strand's directory")
    });
    let paths = files.map(|file| file.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("a file is written");
}

#[test]
fn one_bad_slot_of_each_strand_harms_nothing_and_both_stop_the_start() {
    let setup = Setup::new();
    let sent = stopped_with_records(&setup);
    let slots = files(&setup, "slot");
    assert!(slots.len() >= 4, "two of each strand: {slots:?}");
    let of_kind = |name: &str| {
        let slots = slots.iter().filter(move |path| path.file_name().is_some_and(|f| f == name));
        slots.cloned().collect::<Vec<_>>()
    };
    of_kind("a.slot").iter().for_each(|path| flip(path, 4096 + 10));
    let broker = setup.start();
    assert_eq!(consume(&broker.bootstrap(), "kept", &sent), sent);
    broker.stop();
    let broker = setup.start();
    assert_eq!(consume(&broker.bootstrap(), "kept", &sent), sent);
    broker.stop();
    slots.iter().for_each(|path| flip(path, 4096 + 10));
    let (status, text) = setup.refused();
    assert_eq!(status, 71, "{text}");
    assert!(text.contains("strandlog log rescue"), "{text}");
}

#[test]
fn a_flipped_bit_in_the_header_of_an_extent_is_told_and_nothing_wrong_is_served() {
    let setup = Setup::new();
    let sent = stopped_with_records(&setup);
    for extent in files(&setup, "extent") {
        let holds_frames = fs::read(&extent).expect("an extent")[..4096].iter().any(|b| *b != 0);
        if holds_frames && !extent.to_string_lossy().contains("metadata") {
            flip(&extent, 20);
        }
    }
    let broker = setup.start();
    let mut client = Connection::open(&broker);
    let storage_error = ErrorCode::KafkaStorageError.code();
    for ((partition, offset), value) in &sent {
        let answer = client.fetch("kept", *partition, *offset, 0);
        if answer.error_code == 0 {
            let records = answer.records.expect("records");
            assert!(records.windows(value.len()).any(|window| window == value), "{offset}");
        } else {
            assert_eq!(answer.error_code, storage_error, "{answer:?}");
        }
    }
    let appended = client.produce("kept", 0, batch(b"more"));
    assert_eq!(appended.error_code, 0, "{appended:?}");
    assert!(!sent.contains_key(&(0, appended.base_offset)), "offsets are not given out again");
    assert!(broker.log().contains("damage"), "{}", broker.log());
    broker.stop();
    let mut verify = Command::new(BINARY);
    verify.args(["log", "dump", "--verify", "--dir"]).arg(setup.data());
    assert_eq!(verify.output().expect("the broker's binary").status.code(), Some(1));
}

#[test]
fn a_sound_directory_is_verified_with_status_0() {
    let setup = Setup::new();
    let broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    produce(&producer, "sound", 500, 1000);
    broker.stop();
    let mut verify = Command::new(BINARY);
    verify.args(["log", "dump", "--verify", "--dir"]).arg(setup.data());
    let output = verify.output().expect("the broker's binary");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
}
