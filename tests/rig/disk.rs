//! ext4 on a loop device over a FUSE file that is a [`Platter`]: a real file system on a disk whose
//! power can be cut. Needs root, `/dev/fuse` and loop devices.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use fuser::BackgroundSession;
use fuser::Config;
use fuser::Errno;
use fuser::FileAttr;
use fuser::FileHandle;
use fuser::FileType;
use fuser::Filesystem;
use fuser::FopenFlags;
use fuser::Generation;
use fuser::INodeNo;
use fuser::LockOwner;
use fuser::OpenFlags;
use fuser::ReplyAttr;
use fuser::ReplyData;
use fuser::ReplyEmpty;
use fuser::ReplyEntry;
use fuser::ReplyOpen;
use fuser::ReplyWrite;
use fuser::Request;
use fuser::WriteFlags;

use crate::platter::Life;
use crate::platter::Platter;

const DISK: INodeNo = INodeNo(2);
const DISK_NAME: &str = "disk";
const TTL: Duration = Duration::from_secs(1);

/// A platter that the file system and the test share.
pub type SharedPlatter = Arc<Mutex<Platter>>;

pub fn lock(platter: &SharedPlatter) -> MutexGuard<'_, Platter> {
    platter.lock().expect("nobody panics with the platter in hand")
}

struct OneFile(SharedPlatter, Life);

impl OneFile {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let (kind, size, perm) = match inode {
            DISK => (FileType::RegularFile, lock(&self.0).len(), 0o600),
            _ => (FileType::Directory, 0, 0o700),
        };
        FileAttr {
            ino: inode,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            flags: 0,
            blksize: 4096,
        }
    }
}

impl Filesystem for OneFile {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == DISK_NAME {
            reply.entry(&TTL, &self.attributes(DISK), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attributes(inode));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Without it the kernel's page cache would be a second volatile cache before ours.
        reply.opened(FileHandle(1), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let data = lock(&self.0).read(self.1, offset, size as usize);
        match data {
            Ok(data) => reply.data(&data),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = lock(&self.0).write(self.1, offset, data);
        match written {
            Ok(()) => reply.written(data.len() as u32),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // close(2), not a sync: it makes nothing durable.
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        let flushed = lock(&self.0).flush(self.1);
        match flushed {
            Ok(()) => reply.ok(),
            Err(_) => reply.error(Errno::EIO),
        }
    }
}

/// The machine with its power on.
pub struct Rig {
    platter: SharedPlatter,
    session: Option<BackgroundSession>,
    loop_device: String,
    fuse_dir: PathBuf,
    /// Where the ext4 is mounted.
    pub mount: PathBuf,
}

impl Rig {
    /// Powers the disk on and mounts it below `dir`; `format` makes a file system first.
    pub fn power_on(platter: &SharedPlatter, dir: &Path, format: bool) -> Self {
        let life = lock(platter).power_on();
        let (fuse_dir, mount) = (dir.join("fuse"), dir.join("mnt"));
        std::fs::create_dir_all(&fuse_dir).expect("a directory in a temporary one");
        std::fs::create_dir_all(&mount).expect("a directory in a temporary one");
        let session =
            fuser::spawn_mount(OneFile(platter.clone(), life), &fuse_dir, &Config::default())
                .expect("FUSE: needs root and /dev/fuse");
        let disk = fuse_dir.join(DISK_NAME);
        let loop_device = run("losetup", &["--find", "--show", path(&disk)]).trim().to_owned();
        if format {
            run("mkfs.ext4", &["-q", "-F", "-J", "size=8", &loop_device]);
        }
        run("mount", &[&loop_device, path(&mount)]);
        Self { platter: platter.clone(), session: Some(session), loop_device, fuse_dir, mount }
    }

    pub fn platter(&self) -> MutexGuard<'_, Platter> {
        lock(&self.platter)
    }
}

impl Drop for Rig {
    /// Takes everything down, whether the power is on or was cut.
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.mount).output();
        if !unmounted.is_ok_and(|output| output.status.success()) {
            // A file system whose disk is gone may still be busy failing; detach it.
            let _ = Command::new("umount").arg("-l").arg(&self.mount).output();
        }
        let _ = Command::new("losetup").args(["-d", &self.loop_device]).output();
        if let Some(session) = self.session.take() {
            let _ = Command::new("umount").arg("-l").arg(&self.fuse_dir).output();
            drop(session);
        }
    }
}

/// ext4 on a loop device over an ordinary file: a disk that can fill. Needs root.
pub struct Loop {
    device: String,
    /// Where it is mounted.
    pub mount: PathBuf,
}

impl Loop {
    /// Makes a file system of `bytes` and mounts it below `dir`.
    pub fn format(dir: &Path, bytes: u64) -> Self {
        let (file, mount) = (dir.join("disk"), dir.join("mnt"));
        std::fs::create_dir_all(&mount).expect("a directory in a temporary one");
        let made = std::fs::File::create(&file).expect("a file in a temporary directory");
        made.set_len(bytes).expect("a file with holes");
        let device = run("losetup", &["--find", "--show", path(&file)]).trim().to_owned();
        run("mkfs.ext4", &["-q", "-F", "-J", "size=8", &device]);
        run("mount", &[&device, path(&mount)]);
        Self { device, mount }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mount).output();
        let _ = Command::new("losetup").args(["-d", &self.device]).output();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// Runs a command that must succeed and gives what it printed.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
