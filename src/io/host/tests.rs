use std::fs;

use super::*;

const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
const V1_MOUNTS: &str = "31 24 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                         32 24 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn host(cpus: usize, quota: Option<f64>) -> Host {
    Host {
        kernel: "6.1.0-13-amd64".to_owned(),
        cpus: (0..cpus).collect(),
        limits: CgroupLimits { cpu_quota: quota, memory: None },
        machine_memory: 16 << 30,
        memlock: None,
        open_files: 1 << 20,
        clocksource: "tsc".to_owned(),
    }
}

#[test]
fn the_tightest_limit_of_nested_groups_holds_in_version_2() {
    let root = root(&[
        ("sys/fs/cgroup/a/cpu.max", "150000 100000\n"),
        ("sys/fs/cgroup/a/memory.max", "max\n"),
        ("sys/fs/cgroup/a/b/cpu.max", "max 100000\n"),
        ("sys/fs/cgroup/a/b/memory.max", "1073741824\n"),
    ]);
    let limits = CgroupLimits::read(root.path(), "0::/a/b\n", V2_MOUNT);
    assert_eq!(limits, CgroupLimits { cpu_quota: Some(1.5), memory: Some(1 << 30) });
}

#[test]
fn each_controller_of_version_1_is_read_in_its_own_hierarchy() {
    let root = root(&[
        ("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "200000"),
        ("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000"),
        ("sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "-1"),
        ("sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us", "100000"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
        ("sys/fs/cgroup/memory/z/memory.limit_in_bytes", "536870912"),
    ]);
    let groups = "5:cpu,cpuacct:/x/y\n4:memory:/z\n3:pids:/x";
    let limits = CgroupLimits::read(root.path(), groups, V1_MOUNTS);
    assert_eq!(limits, CgroupLimits { cpu_quota: Some(2.0), memory: Some(512 << 20) });
}

#[test]
fn in_a_container_the_mount_is_the_group() {
    let root = root(&[("sys/fs/cgroup/cpu.max", "50000 100000")]);
    let mount = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw";
    let limits = CgroupLimits::read(root.path(), "0::/docker/abc", mount);
    assert_eq!(limits.cpu_quota, Some(0.5));
    assert_eq!(
        CgroupLimits::read(root.path(), "garbage\n0::", "also garbage"),
        CgroupLimits::default()
    );
}

#[test]
fn there_is_one_shard_per_whole_cpu_that_may_be_used_and_always_one() {
    assert_eq!(host(8, None).shards(), 8);
    assert_eq!(host(8, Some(2.9)).shards(), 2);
    assert_eq!(host(8, Some(0.5)).shards(), 1);
    assert_eq!(host(1, Some(4.0)).shards(), 1);
    assert!(host(8, Some(4.0)).must_not_spin(4) && host(1, None).must_not_spin(1));
    assert!(!host(4, None).must_not_spin(4) && host(4, None).must_not_spin(5));
}

#[test]
fn memory_follows_the_group_but_never_more_than_half_of_the_machine() {
    let mut host = host(2, None);
    assert_eq!(host.memory(), 8 << 30);
    host.limits.memory = Some(4 << 30);
    assert_eq!(host.memory(), 3 << 30);
    host.limits.memory = Some(64 << 30);
    assert_eq!(host.memory(), 8 << 30);
}

#[test]
fn old_kernels_are_told_so() {
    let fault = |kernel: &str| Host { kernel: kernel.to_owned(), ..host(1, None) }.kernel_fault();
    assert!(fault("5.10.0-28").is_some() && fault("4.19.1").is_some());
    assert_eq!(fault("5.15.0"), None);
    assert_eq!(fault("6.18.44-fc-v669"), None);
    assert_eq!(fault("unknown"), None);
}

#[test]
fn cpus_are_shown_as_ranges() {
    assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    assert_eq!(ranges(&[]), "");
}

#[test]
fn a_file_system_that_forgets_is_refused_and_this_one_is_not() {
    let exe = std::env::current_exe().unwrap();
    let here = tempfile::tempdir_in(exe.parent().unwrap()).unwrap();
    let found = FileSystem::inspect(here.path(), true).unwrap();
    assert!(found.free > 0 && found.total >= found.free);
    assert_eq!(fs::read_dir(here.path()).unwrap().count(), 0, "the trial file is removed");
    let absent = FileSystem::inspect(&here.path().join("absent"), false);
    assert!(matches!(absent, Err(Unsuitable::Io { .. })));
    if Path::new("/dev/shm").is_dir() {
        let shm = FileSystem::inspect(Path::new("/dev/shm"), false);
        assert!(matches!(shm, Err(Unsuitable::Forgets { .. })), "{shm:?}");
    }
}
