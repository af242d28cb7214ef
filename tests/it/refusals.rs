//! What the broker refuses to start with, and what it says about it.

use std::fs;
use std::net::TcpListener;

use crate::broker::Setup;
use crate::broker::before_start;
use crate::broker::ended;

#[test]
fn a_second_broker_on_the_directory_is_refused() {
    let setup = Setup::new();
    let broker = setup.start();
    let (status, text) = setup.refused();
    assert_eq!(status, 72, "{text}");
    assert!(text.contains("another broker runs on"), "{text}");
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
        before_start(&mut command, move || forbid_io_uring(errno));
        let (status, text) = ended(command);
        assert_eq!(status, 77, "{text}");
        assert!(text.contains("io_uring") && text.contains(words), "{text}");
    }
}

/// A seccomp filter that answers io_uring_setup with `errno` and allows everything else.
fn forbid_io_uring(errno: i32) -> std::io::Result<()> {
    let code =
        |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let answer = libc::SECCOMP_RET_ERRNO | (errno as u32 & libc::SECCOMP_RET_DATA);
    let setup = libc::SYS_io_uring_setup as u32;
    let mut filter = [
        // The number of the system call is the first field of what is filtered.
        code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, setup, 0, 1),
        code(libc::BPF_RET | libc::BPF_K, answer, 0, 0),
        code(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: system calls only; the program and its filter live until they return.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if failed { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}
