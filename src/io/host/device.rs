//! The file system and the device under the data directory (R22).

use std::fmt;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use crate::base::PAGE;
use crate::config::Bytes;
use crate::io::host::Finding;
use crate::io::host::read_trimmed;

/// Magic numbers of statfs(2) and what they stand for.
const KINDS: [(u32, &str, Nature); 12] = [
    (0xef53, "ext4", Nature::InPlace),
    (0x5846_5342, "XFS", Nature::InPlace),
    (0x9123_683e, "Btrfs", Nature::CopyOnWrite),
    (0x2fc1_2fc1, "ZFS", Nature::CopyOnWrite),
    (0xca45_1a4e, "bcachefs", Nature::CopyOnWrite),
    (0xf2f5_2010, "F2FS", Nature::CopyOnWrite),
    (0x794c_7630, "overlayfs", Nature::InPlace),
    (0x0102_1994, "tmpfs", Nature::Forgets),
    (0x8584_58f6, "ramfs", Nature::Forgets),
    (0x6969, "NFS", Nature::InPlace),
    (0xff53_4d42, "CIFS", Nature::InPlace),
    (0x6573_5546, "FUSE", Nature::InPlace),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Nature {
    InPlace,
    CopyOnWrite,
    Forgets,
}

/// Why a directory cannot hold data.
#[derive(Debug)]
pub enum Unsuitable {
    Io { path: PathBuf, source: io::Error },
    NotDirect { path: PathBuf, kind: String },
    CopyOnWrite { path: PathBuf, kind: String },
    Forgets { path: PathBuf, kind: String },
}

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NotDirect { path, kind } => write!(
                f,
                "{} lies on {kind}, which has no direct I/O (O_DIRECT); set `log.dirs` to a \
                 directory on XFS or ext4 on a local drive",
                path.display()
            ),
            Self::CopyOnWrite { path, kind } => write!(
                f,
                "{} lies on {kind}, which writes every block to a new place: slower, and space \
                 that was set aside can run out. Set `log.dirs` to a directory on XFS or ext4, or \
                 insist with `storage.allow.copy.on.write = true`",
                path.display()
            ),
            Self::Forgets { path, kind } => write!(
                f,
                "{} lies on {kind}, which is memory and forgets everything; set `log.dirs` to a \
                 directory on XFS or ext4 on a local drive",
                path.display()
            ),
        }
    }
}

impl std::error::Error for Unsuitable {}

/// What lies under a data directory.
#[derive(Clone, Debug)]
pub struct FileSystem {
    pub kind: String,
    /// Bytes that this process may still take.
    pub free: u64,
    pub total: u64,
    /// The block device, where it is known.
    pub device: Option<Device>,
}

/// A block device as `/sys` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    pub name: String,
    /// It acknowledges writes that power loss would take.
    pub volatile_cache: bool,
    /// It can write one block through that cache.
    pub fua: bool,
    pub rotational: bool,
}

impl FileSystem {
    /// Looks at the file system of `dir`, which exists, and refuses one that cannot hold data.
    pub fn inspect(dir: &Path, allow_copy_on_write: bool) -> Result<Self, Unsuitable> {
        let failed = |source| Unsuitable::Io { path: dir.to_owned(), source };
        let file = File::open(dir).map_err(failed)?;
        // SAFETY: all fields may be zero.
        let mut raw: libc::statfs = unsafe { mem::zeroed() };
        // SAFETY: the descriptor is open and the pointer to a structure that lives until the end.
        if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut raw) } < 0 {
            return Err(failed(io::Error::last_os_error()));
        }
        let magic = raw.f_type as u32;
        let known = KINDS.iter().find(|(number, ..)| *number == magic);
        let kind =
            known.map_or_else(|| format!("file system {magic:#x}"), |(_, name, _)| (*name).into());
        let path = dir.to_owned();
        match known.map(|(.., nature)| *nature) {
            Some(Nature::Forgets) => return Err(Unsuitable::Forgets { path, kind }),
            Some(Nature::CopyOnWrite) if !allow_copy_on_write => {
                return Err(Unsuitable::CopyOnWrite { path, kind });
            }
            _ => {}
        }
        if !takes_direct_writes(dir).map_err(failed)? {
            return Err(Unsuitable::NotDirect { path, kind });
        }
        let block = u64::try_from(raw.f_frsize).unwrap_or(PAGE as u64);
        let device = file.metadata().ok().and_then(|metadata| Device::of(metadata.dev()));
        Ok(Self { kind, free: raw.f_bavail * block, total: raw.f_blocks * block, device })
    }

    pub(super) fn lines(&self) -> Vec<Finding> {
        let what = format!(
            "file system {} with direct I/O, {} of {} free",
            self.kind,
            Bytes(self.free),
            Bytes(self.total)
        );
        let space = match self.free < self.total / 20 {
            true => Finding::bad(what, "nearly full: produce is refused when nothing is left"),
            false => Finding::good(what),
        };
        let device = match &self.device {
            None => Finding::bad(
                "device unknown: its write cache cannot be seen".to_owned(),
                "make sure that it keeps what it acknowledged when power fails, or that it honours \
                 flushes",
            ),
            Some(device) => device.line(),
        };
        vec![space, device]
    }
}

impl Device {
    /// The device `number`, or the whole disk that it is a part of.
    fn of(number: u64) -> Option<Self> {
        let (major, minor) = (libc::major(number), libc::minor(number));
        let link = PathBuf::from(format!("/sys/dev/block/{major}:{minor}"));
        let dir = std::fs::canonicalize(link).ok()?;
        let whole = if dir.join("queue").is_dir() { dir } else { dir.parent()?.to_owned() };
        let read = |name: &str| read_trimmed(whole.join("queue").join(name));
        Some(Self {
            name: whole.file_name()?.to_string_lossy().into_owned(),
            volatile_cache: read("write_cache")? == "write back",
            fua: read("fua")? == "1",
            rotational: read("rotational").is_some_and(|text| text == "1"),
        })
    }

    fn line(&self) -> Finding {
        let Self { name, volatile_cache, fua, rotational } = self;
        let cache = match (volatile_cache, fua) {
            (false, _) => "no volatile write cache: a synced write costs no flush",
            (true, true) => "volatile write cache with FUA: a synced write passes through it",
            (true, false) => "volatile write cache without FUA: every synced write flushes it",
        };
        let what = format!("device {name}: {cache}");
        match (rotational, volatile_cache, fua) {
            (true, ..) => Finding::bad(
                what,
                "if it really rotates, as the kernel says (virtual disks say so falsely), every commit \
                 waits for it to turn",
            ),
            (_, true, false) => Finding::bad(
                what,
                "right, and slower than it could be: a drive with power-loss protection needs no \
                 flush",
            ),
            _ => Finding::good(what),
        }
    }
}

/// Tries it, on a file that is removed again.
fn takes_direct_writes(dir: &Path) -> io::Result<bool> {
    let path = dir.join(format!(".direct-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(libc::O_DIRECT);
    let result = match options.open(&path) {
        Ok(file) => write_page(&file),
        Err(error) => Err(error),
    };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

fn write_page(file: &File) -> io::Result<()> {
    let memory = vec![0u8; 2 * PAGE];
    let start = memory.as_ptr().align_offset(PAGE);
    file.write_all_at(&memory[start..start + PAGE], 0)
}
