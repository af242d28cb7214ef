//! What the broker refuses to start with, and what it says about it.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::broker::BINARY;
use crate::broker::Setup;
use crate::broker::before_start;
use crate::broker::ended;
use crate::seccomp;

#[test]
fn a_second_broker_on_the_directory_is_refused() {
    let setup = Setup::new();
    let broker = setup.start();
    let (status, text) = setup.refused();
    assert_eq!(status, 72, "{text}");
    assert!(text.contains("another broker runs on"), "{text}");
    broker.stop();
}

/// R9: not the directory alone is locked, but the very files that are written.
#[test]
fn the_files_of_a_running_broker_are_locked_against_others() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut locked = 0;
    for strand in fs::read_dir(setup.data().join("data")).unwrap() {
        for file in fs::read_dir(strand.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let file = fs::File::open(&path).unwrap();
            let is_written = path.extension().is_some_and(|e| e == "extent" || e == "slot");
            if is_written {
                assert!(file.try_lock_shared().is_err(), "{path:?} is not locked");
                locked += 1;
            }
        }
    }
    assert!(locked >= 2, "the slots at least");
    broker.stop();
}

/// Each of them would see, or make, something in between.
#[test]
fn tools_for_a_stopped_broker_refuse_a_running_one() {
    let setup = Setup::new();
    let broker = setup.start();
    let nowhere = setup.data().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let tools: [&[&str]; 4] = [
        &["dump"],
        &["rescue"],
        &["export", "--topic", "t", "--out", nowhere],
        &["import", "--topic", "t", nowhere],
    ];
    for tool in tools {
        let mut command = Command::new(BINARY);
        command.arg("log").arg(tool[0]).arg("--dir").arg(setup.data()).args(&tool[1..]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(72), "{tool:?}: {output:?}");
    }
    broker.stop();
}

#[test]
fn a_second_broker_on_the_port_is_refused() {
    let first = Setup::new();
    let broker = first.start();
    let mut second = Setup::new();
    second.listeners = format!("PLAINTEXT://{}", broker.address);
    let (status, text) = second.refused();
    assert_eq!(status, 75, "{text}");
    assert!(text.contains("taken by another process"), "{text}");
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    second.listeners = format!("PLAINTEXT://{}", stranger.local_addr().unwrap());
    assert_eq!(second.refused().0, 75);
    broker.stop();
}

#[test]
fn a_wrong_setting_is_refused_with_the_right_name() {
    let setup = Setup::new();
    let config = setup.path().join("c.toml");
    fs::write(&config, "num.partition = 3\n").unwrap();
    let path = config.to_str().unwrap();
    let (status, text) = Setup::new().with(&["--config", path]).refused();
    assert_eq!(status, 64, "{text}");
    assert!(text.contains("did you mean `num.partitions`?"), "{text}");
    let (status, text) = Setup::new().with(&["--node-id", "-7"]).refused();
    assert_eq!(status, 64, "{text}");
    assert!(text.contains("below its least value"), "{text}");
    let (status, text) = Setup::new().with(&["--memory", "1MiB"]).refused();
    assert_eq!(status, 64, "{text}");
}

#[test]
fn a_directory_that_cannot_hold_data_is_refused() {
    let setup = Setup::new();
    fs::create_dir(setup.data()).unwrap();
    fs::write(setup.data().join("photo.jpg"), b"").unwrap();
    let (status, text) = setup.refused();
    assert_eq!(status, 74, "{text}");
    assert!(text.contains("photo.jpg"), "{text}");
    if fs::exists("/dev/shm").unwrap() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = dir.path().join("data");
        let (status, text) = setup.refused_on(&path);
        assert_eq!(status, 69, "{text}");
        assert!(text.contains("forgets"), "{text}");
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "nothing was written into it");
    }
}

/// Docker's default profile answers with EPERM, others with ENOSYS.
#[test]
fn where_io_uring_is_forbidden_it_says_so_and_how_to_allow_it() {
    for (errno, words) in [(libc::EPERM, "seccomp=deploy/seccomp.json"), (libc::ENOSYS, "seccomp")]
    {
        let setup = Setup::new();
        let mut command = setup.command();
        let rules = [(libc::SYS_io_uring_setup as u32, seccomp::errno(errno as u32))];
        let filter = seccomp::filter(&rules, seccomp::ALLOW);
        before_start(&mut command, move || seccomp::install(&filter));
        let (status, text) = ended(command);
        assert_eq!(status, 77, "{text}");
        assert!(text.contains("io_uring") && text.contains(words), "{text}");
    }
}
