//! The open files of a strand: locked when first opened, at most so many descriptors.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use glommio::io::DmaFile;
use glommio::io::OpenOptions;
use glommio::sync::Semaphore;
use glommio::timer::sleep;

use crate::base::PAGE;
use crate::io::disk::blocking;
use crate::io::disk::failure_of;
use crate::io::disk::failure_of_io;
use crate::io::disk::paths::StrandPaths;
use crate::io::memory::zeroes;
use crate::strand::File;
use crate::strand::IoFailure;

/// How long another holder of a file is waited for: the I/O of a process that was killed holds
/// its locks until the device has answered.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// One open file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    dma: DmaFile,
    /// Length of the file in bytes.
    bytes: Cell<u64>,
    used: Cell<u64>,
}

impl OpenFile {
    pub(crate) fn dma(&self) -> &DmaFile {
        &self.dma
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(crate) fn grown_to(&self, bytes: u64) {
        self.bytes.set(bytes);
    }
}

/// All open files of a strand, and the guard.
#[derive(Debug)]
pub(crate) struct Files {
    open: RefCell<BTreeMap<File, Slot>>,
    /// One opening at a time: two descriptors of one file would lock each other out.
    opening: Semaphore,
    most: usize,
    /// Counts uses, so that the least recently used file is known.
    uses: Cell<u64>,
    reopened: Cell<u64>,
    guard: DmaFile,
}

#[derive(Debug)]
enum Slot {
    Open(Rc<OpenFile>),
    /// Was open and locked once. Another process cannot have taken it since: it would need the
    /// store's lock, which this process holds for life.
    Shelved,
}

impl Files {
    /// Makes the directory and the guard. The guard is the first direct file that the process
    /// opens on this device, with a block written: from an empty one glommio could conclude that
    /// the device can be polled (its trap 1).
    pub(crate) async fn open(paths: &StrandPaths, most: usize) -> io::Result<Self> {
        let (dir, path) = (paths.dir().to_owned(), paths.guard());
        let made = path.clone();
        let written = blocking(move || {
            make_dirs(&dir)?;
            write_guard(&made)?;
            std::fs::File::open(&dir)?.sync_all()
        });
        written.await.map_err(io_of)?;
        let probed = DmaFile::open(&path).await?;
        let read = probed.read_at_aligned(0, PAGE).await?;
        if read.len() != PAGE {
            return Err(io::Error::other("the guard file does not read back"));
        }
        probed.close().await?;
        let guard = OpenOptions::new().read(true).write(true).dma_open(&path).await?;
        Ok(Self {
            open: RefCell::new(BTreeMap::new()),
            opening: Semaphore::new(1),
            most: most.max(OPEN_FILES_LEAST),
            uses: Cell::new(0),
            reopened: Cell::new(0),
            guard,
        })
    }

    pub(crate) fn reopened(&self) -> u64 {
        self.reopened.get()
    }

    /// The file, opened and, if it is one that is written in place, locked.
    pub(crate) async fn get(
        &self,
        paths: &StrandPaths,
        file: File,
    ) -> Result<Rc<OpenFile>, IoFailure> {
        if let Some(open) = self.find(file) {
            return Ok(open);
        }
        let _alone = self.opening.acquire_permit(1).await.map_err(failure_of)?;
        if let Some(open) = self.find(file) {
            return Ok(open);
        }
        self.make_room().await;
        let open = open_locked(&paths.of(file), file).await?;
        let before = self.open.borrow_mut().insert(file, Slot::Open(Rc::clone(&open)));
        if before.is_some() {
            self.reopened.set(self.reopened.get() + 1);
        }
        self.touch(&open);
        Ok(open)
    }

    /// Every file that this process locked.
    pub(crate) fn writable_names(&self) -> Vec<File> {
        let open = self.open.borrow();
        open.keys().copied().filter(|file| !matches!(file, File::Index(_))).collect()
    }

    /// Closes the file, if it is open.
    pub(crate) async fn forget(&self, file: File) {
        let slot = self.open.borrow_mut().remove(&file);
        if let Some(Slot::Open(open)) = slot {
            close(open).await;
        }
    }

    /// Makes the device write what it holds in a volatile cache.
    pub(crate) async fn flush_guard(&self) -> Result<(), IoFailure> {
        let written = self.guard.write_rc_at(zeroes(PAGE), 0).await.map_err(failure_of)?;
        if written != PAGE {
            return Err(IoFailure::Short);
        }
        self.guard.fdatasync().await.map_err(failure_of)
    }

    fn find(&self, file: File) -> Option<Rc<OpenFile>> {
        let open = self.open.borrow();
        let Some(Slot::Open(found)) = open.get(&file) else { return None };
        self.touch(found);
        Some(Rc::clone(found))
    }

    fn touch(&self, open: &OpenFile) {
        self.uses.set(self.uses.get() + 1);
        open.used.set(self.uses.get());
    }

    /// Shelves the least recently used file that nothing is in flight on, if all room is taken.
    async fn make_room(&self) {
        let shelved = {
            let mut open = self.open.borrow_mut();
            let idle = open.iter().filter_map(|(file, slot)| match slot {
                Slot::Open(open) => Some((open.used.get(), Rc::strong_count(open) == 1, *file)),
                Slot::Shelved => None,
            });
            let all: Vec<_> = idle.collect();
            if all.len() < self.most {
                return;
            }
            let oldest = all.iter().filter(|(_, idle, _)| *idle).min();
            oldest.and_then(|(_, _, file)| open.insert(*file, Slot::Shelved))
        };
        if let Some(Slot::Open(open)) = shelved {
            close(open).await;
        }
    }
}

/// Below this, a strand would open and close files for every commit: both slots, the extents of
/// all frames in flight, the prepared one, and some to read from.
const OPEN_FILES_LEAST: usize = 16;

async fn close(open: Rc<OpenFile>) {
    // Whoever else holds it closes it by dropping it.
    if let Ok(open) = Rc::try_unwrap(open) {
        // A file whose writes were all synced has nothing left that closing could fail to do.
        let _ = open.dma.close().await;
    }
}

async fn open_locked(path: &Path, file: File) -> Result<Rc<OpenFile>, IoFailure> {
    let mut options = OpenOptions::new();
    options.read(true);
    let in_place = !matches!(file, File::Index(_));
    if in_place {
        options.write(true).custom_flags(libc::O_DSYNC);
    }
    let dma = options.dma_open(path).await.map_err(failure_of)?;
    if in_place && let Err(failure) = lock(&dma).await {
        let _ = dma.close().await;
        return Err(failure);
    }
    let bytes = dma.file_size().await.map_err(failure_of)?;
    Ok(Rc::new(OpenFile { dma, bytes: Cell::new(bytes), used: Cell::new(0) }))
}

/// `flock(LOCK_EX)` on the very descriptor that will be written (R9).
async fn lock(file: &DmaFile) -> Result<(), IoFailure> {
    let begun = Instant::now();
    loop {
        // SAFETY: the descriptor is open as long as `file` lives; with LOCK_NB it does not wait.
        let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
        if result == 0 {
            return Ok(());
        }
        let failure = failure_of_io(&io::Error::last_os_error());
        if failure != IoFailure::Locked || begun.elapsed() >= LOCK_PATIENCE {
            return Err(failure);
        }
        sleep(LOCK_PAUSE).await;
    }
}

/// Makes `dir` and what is missing above it, each made durable in its parent.
fn make_dirs(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_dirs(parent)?;
    }
    match std::fs::create_dir(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    match dir.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn write_guard(path: &Path) -> io::Result<()> {
    use std::io::Write;
    let mut file =
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.write_all(&[0; PAGE])?;
    file.sync_all()
}

fn io_of(failure: IoFailure) -> io::Error {
    match failure {
        IoFailure::Full => io::Error::from_raw_os_error(libc::ENOSPC),
        IoFailure::Missing => io::Error::from_raw_os_error(libc::ENOENT),
        IoFailure::Locked => io::Error::from_raw_os_error(libc::EWOULDBLOCK),
        IoFailure::Short => io::Error::other("a short write"),
        IoFailure::Os(errno) => io::Error::from_raw_os_error(errno),
    }
}
