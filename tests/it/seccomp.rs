//! Filters of system calls, as a container runtime loads them.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::broker::Setup;
use crate::broker::before_start;
use crate::client::consume;
use crate::client::produce;
use crate::client::producer;

pub(crate) const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// The profile, and the kernel's numbers of system calls.
const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/seccomp.json");
const NUMBERS: &str = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";

/// What a system call that is answered with an error answers.
pub(crate) fn errno(errno: u32) -> u32 {
    libc::SECCOMP_RET_ERRNO | (errno & libc::SECCOMP_RET_DATA)
}

/// A program that does with each of these system calls what stands beside it, and `otherwise` with
/// all others.
pub(crate) fn filter(rules: &[(u32, u32)], otherwise: u32) -> Vec<libc::sock_filter> {
    let code =
        |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    // The number of the system call is the first field of what is filtered.
    let mut program = vec![code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for &(number, action) in rules {
        program.push(code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, 0, 1));
        program.push(code(libc::BPF_RET | libc::BPF_K, action, 0, 0));
    }
    program.push(code(libc::BPF_RET | libc::BPF_K, otherwise, 0, 0));
    program
}

/// Loads a program into this process and all that it becomes. Makes system calls only.
pub(crate) fn install(program: &[libc::sock_filter]) -> std::io::Result<()> {
    let filter = program.as_ptr().cast_mut();
    let program = libc::sock_fprog { len: program.len() as u16, filter };
    // SAFETY: system calls only; the kernel reads the program, which lives until they return.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
    };
    if failed { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// `#define __NR_read 0`
fn numbers() -> BTreeMap<String, u32> {
    let header =
        fs::read_to_string(NUMBERS).expect("the kernel's headers, which a C compiler needs");
    let lines = header.lines().filter_map(|line| line.strip_prefix("#define __NR_"));
    let pairs = lines.filter_map(|line| line.split_once(' '));
    pairs
        .map(|(name, number)| (name.to_owned(), number.trim().parse().expect("a number")))
        .collect()
}

/// What the profile says of each system call. Conditions on arguments are left out: where it allows
/// a call with some of them, it is allowed.
fn rules(profile: &Value) -> Vec<(String, u32)> {
    let mut rules = Vec::new();
    for rule in profile["syscalls"].as_array().expect("a list of rules") {
        let action = match rule["action"].as_str() {
            Some("SCMP_ACT_ALLOW") => ALLOW,
            Some("SCMP_ACT_ERRNO") => errno(rule["errnoRet"].as_u64().expect("a number") as u32),
            other => panic!("{other:?} is no action of this profile"),
        };
        for name in rule["names"].as_array().expect("a list of names") {
            rules.push((name.as_str().expect("a name").to_owned(), action));
        }
    }
    rules
}

#[test]
fn the_broker_runs_under_the_profile_that_is_deployed_with_it() {
    let text = fs::read_to_string(PROFILE).expect("the profile");
    let profile: Value = serde_json::from_str(&text).expect("a profile is JSON");
    assert_eq!(profile["defaultAction"].as_str(), Some("SCMP_ACT_ERRNO"));
    let rules = rules(&profile);
    let numbers = numbers();
    // Newer calls than this machine's headers know are left out.
    let known: Vec<(u32, u32)> =
        rules.iter().filter_map(|(name, action)| Some((*numbers.get(name)?, *action))).collect();
    let otherwise = errno(profile["defaultErrnoRet"].as_u64().expect("a number") as u32);
    let filter = filter(&known, otherwise);
    let setup = Setup::new();
    let mut command = setup.command();
    before_start(&mut command, move || install(&filter));
    let broker = setup.start_with(command);
    let producer = producer(&broker.bootstrap(), &[]);
    let sent = produce(&producer, "confined", 500, 1000);
    assert_eq!(consume(&broker.bootstrap(), "confined", &sent), sent);
    broker.stop();
    // And it is a filter: what is not named is refused.
    assert!(!rules.iter().any(|(name, _)| name == "reboot"));
}

#[test]
fn a_container_runtime_can_start_a_process_under_the_profile() {
    let text = fs::read_to_string(PROFILE).expect("the profile");
    let profile: Value = serde_json::from_str(&text).expect("a profile is JSON");
    let rules = rules(&profile);
    // runc loads the filter before it becomes the container's user, unless told otherwise.
    for needed in [
        "capget",
        "capset",
        "chdir",
        "close_range",
        "execve",
        "fchdir",
        "fchown",
        "fstatfs",
        "getdents64",
        "prctl",
        "setgid",
        "setgroups",
        "setresgid",
        "setresuid",
        "setuid",
        "umask",
    ] {
        let rule = rules.iter().find(|(name, _)| name == needed);
        assert!(rule.is_some_and(|(_, action)| *action == ALLOW), "{needed}");
    }
}
