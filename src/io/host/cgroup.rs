//! What the control groups allow, version 1 and 2, nested: the tightest limit on the way up to the
//! root holds.

use std::path::Path;
use std::path::PathBuf;

use crate::io::host::read_trimmed;

/// Limits above this are none: version 1 writes "no limit" as the largest number of pages.
const NO_MEMORY_LIMIT: u64 = 1 << 62;

/// The tightest limits found.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct CgroupLimits {
    /// CPUs' worth of time; `None` is unlimited.
    pub cpu_quota: Option<f64>,
    /// Bytes of memory; `None` is unlimited.
    pub memory: Option<u64>,
}

impl CgroupLimits {
    pub(super) fn of_this_process() -> Self {
        let groups = read_trimmed("/proc/self/cgroup").unwrap_or_default();
        let mounts = read_trimmed("/proc/self/mountinfo").unwrap_or_default();
        Self::read(Path::new("/"), &groups, &mounts)
    }

    /// From the texts of `/proc/self/cgroup` and `/proc/self/mountinfo`, with file names below
    /// `root`.
    pub(super) fn read(root: &Path, groups: &str, mounts: &str) -> Self {
        let mut limits = Self::default();
        for group in groups.lines().filter_map(Group::parse) {
            let Some(mount) =
                mounts.lines().filter_map(Mount::parse).find(|mount| mount.is_of(&group))
            else {
                continue;
            };
            for dir in mount.dirs(root, &group.path) {
                limits.tighten(&dir, group.is_v2(), &group);
            }
        }
        limits
    }

    fn tighten(&mut self, dir: &Path, v2: bool, group: &Group<'_>) {
        let (quota, memory) = match v2 {
            true => (quota_v2(dir), memory_of(&dir.join("memory.max"))),
            false => (
                group.controls("cpu").then(|| quota_v1(dir)).flatten(),
                group
                    .controls("memory")
                    .then(|| memory_of(&dir.join("memory.limit_in_bytes")))
                    .flatten(),
            ),
        };
        self.cpu_quota = self.cpu_quota.into_iter().chain(quota).reduce(f64::min);
        self.memory = self.memory.into_iter().chain(memory).min();
    }
}

/// `max 100000` or `150000 100000`.
fn quota_v2(dir: &Path) -> Option<f64> {
    let text = read_trimmed(dir.join("cpu.max"))?;
    let (quota, period) = text.split_once(' ')?;
    ratio(quota.parse().ok()?, period.parse().ok()?)
}

fn quota_v1(dir: &Path) -> Option<f64> {
    let number = |name: &str| read_trimmed(dir.join(name))?.parse::<i64>().ok();
    ratio(number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?)
}

fn ratio(quota: i64, period: i64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

fn memory_of(path: &Path) -> Option<u64> {
    let bytes: u64 = read_trimmed(path)?.parse().ok()?;
    (bytes < NO_MEMORY_LIMIT).then_some(bytes)
}

/// A line of `/proc/self/cgroup`: `4:cpu,cpuacct:/user.slice`; version 2 is `0::/user.slice`.
struct Group<'a> {
    controllers: &'a str,
    path: PathBuf,
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { controllers, path: path.into() })
    }

    fn is_v2(&self) -> bool {
        self.controllers.is_empty()
    }

    fn controls(&self, name: &str) -> bool {
        self.controllers.split(',').any(|controller| controller == name)
    }
}

/// A line of `/proc/self/mountinfo`: what of a hierarchy is mounted, and where.
struct Mount<'a> {
    /// The part of the hierarchy that is mounted; in a container often not its root.
    part: &'a Path,
    at: &'a Path,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (part, at) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, _, options) = (right.next()?, right.next()?, right.next()?);
        Some(Self { part: Path::new(part), at: Path::new(at), kind, options })
    }

    fn is_of(&self, group: &Group<'_>) -> bool {
        match group.is_v2() {
            true => self.kind == "cgroup2",
            false => {
                let first = group.controllers.split(',').next().unwrap_or_default();
                self.kind == "cgroup" && self.options.split(',').any(|option| option == first)
            }
        }
    }

    /// The group's directory and all above it, up to the mount.
    fn dirs(&self, root: &Path, group: &Path) -> Vec<PathBuf> {
        let at = root.join(self.at.strip_prefix("/").unwrap_or(self.at));
        // In a container the path may be as the host sees it; then only the mount itself is known.
        let below = group.strip_prefix(self.part).or_else(|_| group.strip_prefix("/"));
        let below = below.unwrap_or_else(|_| Path::new(""));
        let mut dirs: Vec<PathBuf> = below
            .ancestors()
            .map(|dir| if dir.as_os_str().is_empty() { at.clone() } else { at.join(dir) })
            .collect();
        dirs.dedup();
        dirs
    }
}
