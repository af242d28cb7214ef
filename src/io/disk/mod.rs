//! Carries out a strand's ops over glommio's direct files. Writes are `O_DIRECT | O_DSYNC`, in
//! tasks that nothing cancels: an op that was submitted ends, whatever becomes of who asked.

mod files;
mod make;
mod paths;
mod room;
mod transfer;

use std::cell::Cell;
use std::ffi::CString;
use std::future::Future;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::rc::Rc;

use glommio::GlommioError;
use glommio::sync::Semaphore;
use tracing::warn;

use crate::base::StrandId;
use crate::io::disk::files::Files;
use crate::io::disk::paths::Named;
use crate::io::disk::paths::read_name;
use crate::io::task::spawn;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::IoFailure;
use crate::strand::Listing;
use crate::strand::Op;
use crate::strand::Outcome;

pub use paths::LOCK;
pub use paths::MANIFEST;
pub use paths::StrandPaths;
pub use room::Room;
pub use room::Share;

/// Bytes of reads that are on their way at a time, per strand; further ones wait their turn.
const READS_IN_FLIGHT_BYTES: u64 = 16 << 20;

/// Files that are synced at a time when a strand flushes; the kernel joins their device flushes.
const SYNCS_IN_FLIGHT: usize = 32;

/// Ops that change what files there are, at a time. They share the shard's few blocking threads.
const CHANGES_IN_FLIGHT: u64 = 2;

/// What a disk did, since the process started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DiskFigures {
    pub writes: u64,
    pub bytes_written: u64,
    pub reads: u64,
    pub bytes_read: u64,
    pub flushes: u64,
    pub allocations: u64,
    pub failures: u64,
    /// Files that were open once and had to be opened again for want of descriptors.
    pub reopened: u64,
}

/// The files of one strand. Lives on its shard's executor.
#[derive(Debug)]
pub struct Disk {
    paths: StrandPaths,
    files: Files,
    share: Share,
    reading: Semaphore,
    changing: Semaphore,
    in_flight: Cell<usize>,
    figures: Cell<DiskFigures>,
}

impl Disk {
    /// Opens the strand's directory below `root`, making it when it is missing. At most
    /// `open_files` descriptors are kept open; extents come out of `share`.
    pub async fn open(
        root: &Path,
        strand: StrandId,
        open_files: usize,
        share: Share,
    ) -> io::Result<Rc<Self>> {
        let paths = StrandPaths::new(root, strand);
        let files = Files::open(&paths, open_files).await?;
        Ok(Rc::new(Self {
            paths,
            files,
            share,
            reading: Semaphore::new(READS_IN_FLIGHT_BYTES),
            changing: Semaphore::new(CHANGES_IN_FLIGHT),
            in_flight: Cell::new(0),
            figures: Cell::new(DiskFigures::default()),
        }))
    }

    /// Total and usable bytes of the file system that the strand lies in; `None`: it does not say.
    pub(crate) fn volume(&self) -> Option<(u64, u64)> {
        let path = CString::new(self.paths.dir().as_os_str().as_bytes()).ok()?;
        // SAFETY: plain numbers, for which zeros are valid.
        let mut raw: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: a path that ends in a zero byte, and room for the answer, both for the call's time.
        if unsafe { libc::statvfs(path.as_ptr(), &raw mut raw) } < 0 {
            return None;
        }
        let bytes = |blocks: u64| blocks.saturating_mul(raw.f_frsize);
        Some((bytes(raw.f_blocks), bytes(raw.f_bavail)))
    }

    /// Ops that have not ended.
    pub fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    pub fn figures(&self) -> DiskFigures {
        DiskFigures { reopened: self.files.reopened(), ..self.figures.get() }
    }

    /// Starts `op`; `done` is called exactly once, with how it ended.
    pub fn submit(self: &Rc<Self>, op: Op, done: impl FnOnce(Outcome) + 'static) {
        let disk = Rc::clone(self);
        disk.in_flight.set(disk.in_flight.get() + 1);
        spawn(async move {
            let outcome = disk.carry_out(op).await.unwrap_or_else(Outcome::Failed);
            disk.in_flight.set(disk.in_flight.get() - 1);
            if let Outcome::Failed(failure) = &outcome {
                disk.count(|figures| figures.failures += 1);
                if *failure == IoFailure::Full {
                    disk.share.room().refused();
                }
            }
            done(outcome);
        })
        .detach();
    }

    async fn carry_out(&self, op: Op) -> Result<Outcome, IoFailure> {
        match op {
            Op::List => self.list().await.map(Outcome::Listed),
            Op::Lock { file } => self.lock(file).await.map(|()| Outcome::Locked),
            Op::Flush => self.flush().await.map(|()| Outcome::Flushed),
            Op::Read { file, position, bytes } => {
                self.read(file, position, bytes).await.map(Outcome::Read)
            }
            Op::Write { file, position, data } => {
                self.write(file, position, data).await.map(|()| Outcome::Written)
            }
            Op::Allocate { extent, bytes, zeroed } => {
                let _turn = self.changing.acquire_permit(1).await.map_err(failure_of)?;
                self.allocate_shared(extent, bytes, zeroed).await.map(|()| Outcome::Allocated)
            }
            Op::StoreIndex { index, data } => {
                let _turn = self.changing.acquire_permit(1).await.map_err(failure_of)?;
                self.store_index(index, data).await.map(|()| Outcome::Stored)
            }
            Op::GrowSlot { slot, bytes } => {
                self.grow_slot(slot, bytes).await.map(|()| Outcome::Grown)
            }
            Op::Remove { file } => self.remove(file).await.map(|()| Outcome::Removed),
        }
    }

    fn count(&self, change: impl FnOnce(&mut DiskFigures)) {
        let mut figures = self.figures.get();
        change(&mut figures);
        self.figures.set(figures);
    }

    async fn list(&self) -> Result<Listing, IoFailure> {
        let dir = self.paths.dir().to_owned();
        blocking(move || list_dir(&dir)).await
    }

    async fn lock(&self, file: File) -> Result<(), IoFailure> {
        self.files.get(&self.paths, file).await.map(|_| ())
    }

    /// R9: what a dead process wrote may be in the device's cache only, and what a file system
    /// keeps beside the data (an extent's conversion from unwritten to written, a rename) in
    /// memory only. So each file that this process took over is synced, then the directory; and
    /// then the guard is written and synced, because only a sync that has something to sync is
    /// sure to reach the device on every file system. Not `syncfs`: it would write back what all
    /// others have in the page cache, and on XFS with a clean log it does not flush the device.
    async fn flush(&self) -> Result<(), IoFailure> {
        self.count(|figures| figures.flushes += 1);
        let names = self.files.writable_names();
        for some in names.chunks(SYNCS_IN_FLIGHT) {
            let syncs = some.iter().map(|file| self.sync_file(*file));
            all(syncs.collect()).await?;
        }
        self.sync_dir().await?;
        self.files.flush_guard().await
    }

    async fn sync_file(&self, file: File) -> Result<(), IoFailure> {
        let open = self.files.get(&self.paths, file).await?;
        open.dma().fdatasync().await.map_err(failure_of)
    }

    async fn sync_dir(&self) -> Result<(), IoFailure> {
        let dir = self.paths.dir().to_owned();
        blocking(move || std::fs::File::open(&dir)?.sync_all()).await
    }

    async fn allocate_shared(
        &self,
        extent: ExtentId,
        bytes: u64,
        zeroed: bool,
    ) -> Result<(), IoFailure> {
        if !self.share.take() {
            return Err(IoFailure::Full);
        }
        let made = self.allocate(extent, bytes, zeroed).await;
        if made.is_err() {
            self.share.give();
        }
        made
    }

    async fn remove(&self, file: File) -> Result<(), IoFailure> {
        self.files.forget(file).await;
        let path = self.paths.of(file);
        blocking(move || std::fs::remove_file(&path)).await?;
        self.sync_dir().await?;
        if matches!(file, File::Extent(_)) {
            self.share.give();
        }
        Ok(())
    }
}

/// Waits for all; the first failure, if one failed.
async fn all(mut open: Vec<impl Future<Output = Result<(), IoFailure>>>) -> Result<(), IoFailure> {
    let mut result = Ok(());
    let tasks: Vec<_> = open.drain(..).map(Box::pin).collect();
    let mut tasks = tasks;
    std::future::poll_fn(|cx| {
        tasks.retain_mut(|task| match task.as_mut().poll(cx) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(ended) => {
                if result.is_ok() {
                    result = ended;
                }
                false
            }
        });
        if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    result
}

fn list_dir(dir: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        match read_name(&name.to_string_lossy()) {
            Named::File(file) => {
                let bytes = entry.metadata()?.len();
                match file {
                    File::Extent(id) => listing.extents.push((id, bytes)),
                    File::Slot(slot) => listing.slots.push((slot, bytes)),
                    File::Index(id) => listing.indexes.push((id, bytes)),
                }
            }
            Named::Unfinished => std::fs::remove_file(entry.path())?,
            Named::Guard => {}
            Named::Unknown => warn!(path = %entry.path().display(), "disk: not a file of ours"),
        }
    }
    listing.extents.sort_unstable();
    listing.slots.sort_unstable();
    listing.indexes.sort_unstable();
    Ok(listing)
}

/// Runs system calls that have no place in the ring, on one of the shard's blocking threads. A
/// panic there is caught and thrown here: uncaught, it would leave the caller waiting for ever.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, IoFailure> {
    let ended =
        glommio::executor().spawn_blocking(move || catch_unwind(AssertUnwindSafe(work))).await;
    match ended {
        Ok(result) => result.map_err(|e| failure_of_io(&e)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn failure_of<T>(error: GlommioError<T>) -> IoFailure {
    failure_of_errno(error.raw_os_error())
}

fn failure_of_io(error: &io::Error) -> IoFailure {
    failure_of_errno(error.raw_os_error())
}

fn failure_of_errno(errno: Option<i32>) -> IoFailure {
    match errno {
        Some(libc::ENOSPC | libc::EDQUOT) => IoFailure::Full,
        Some(libc::ENOENT) => IoFailure::Missing,
        Some(libc::EWOULDBLOCK) => IoFailure::Locked,
        Some(errno) => IoFailure::Os(errno),
        None => IoFailure::Os(libc::EIO),
    }
}

#[cfg(test)]
mod tests;
