//! Making files: extents ahead of their use, index files, checkpoint slots. Nothing gets its name
//! before its contents are durable.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use glommio::io::DmaFile;
use glommio::io::OpenOptions;
use glommio::timer::sleep;

use crate::base::Block;
use crate::base::PAGE;
use crate::io::disk::Disk;
use crate::io::disk::blocking;
use crate::io::disk::failure_of;
use crate::io::memory::writable;
use crate::io::memory::zeroes;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::IndexId;
use crate::strand::IoFailure;
use crate::strand::Slot;

/// Zeros are written in pieces of this size: large enough for the device, small enough not to
/// stand in a commit's way for long.
const ZERO_PIECE: usize = 128 * 1024;

impl Disk {
    /// R15. Zeroing is paced: while other ops are under way, it rests after each piece for as long
    /// as the piece took.
    pub(super) async fn allocate(
        &self,
        extent: ExtentId,
        bytes: u64,
        zeroed: bool,
    ) -> Result<(), IoFailure> {
        assert!(bytes > 0 && bytes.is_multiple_of(PAGE as u64), "a length that the disk takes");
        let file = File::Extent(extent);
        let (tmp, name) = (self.paths.unfinished(file), self.paths.of(file));
        let made = self.make_extent(&tmp, bytes, zeroed).await;
        if let Err(failure) = made {
            discard(tmp).await;
            return Err(failure);
        }
        self.give_name(tmp, name).await?;
        self.count(|figures| figures.allocations += 1);
        self.lock(file).await
    }

    async fn make_extent(&self, tmp: &Path, bytes: u64, zeroed: bool) -> Result<(), IoFailure> {
        let path = tmp.to_owned();
        blocking(move || {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
            reserve(&file, 0, bytes)
        })
        .await?;
        let file = OpenOptions::new().write(true).dma_open(tmp).await.map_err(failure_of)?;
        let mut result = Ok(());
        if zeroed {
            result = self.zero(&file, 0, bytes).await;
        }
        if result.is_ok() {
            result = file.fdatasync().await.map_err(failure_of);
        }
        let _ = file.close().await;
        result
    }

    async fn zero(&self, file: &DmaFile, from: u64, to: u64) -> Result<(), IoFailure> {
        let piece = zeroes(ZERO_PIECE);
        let mut at = from;
        while at < to {
            let begun = Instant::now();
            let bytes = (to - at).min(ZERO_PIECE as u64);
            let buffer = match usize::try_from(bytes) {
                Ok(bytes) if bytes < ZERO_PIECE => zeroes(bytes),
                _ => piece.clone(),
            };
            let written = file.write_rc_at(buffer, at).await.map_err(failure_of)?;
            if written as u64 != bytes {
                return Err(IoFailure::Short);
            }
            at += bytes;
            if self.in_flight() > 1 {
                sleep(begun.elapsed()).await;
            }
        }
        Ok(())
    }

    pub(super) async fn store_index(&self, index: IndexId, data: Block) -> Result<(), IoFailure> {
        assert!(data.len().is_multiple_of(PAGE), "a length that the disk takes");
        let file = File::Index(index);
        let (tmp, name) = (self.paths.unfinished(file), self.paths.of(file));
        if let Err(failure) = write_new(&tmp, data).await {
            discard(tmp).await;
            return Err(failure);
        }
        self.give_name(tmp, name).await
    }

    /// The slot keeps what it holds: only what lies behind its old end is zeroed.
    pub(super) async fn grow_slot(&self, slot: Slot, bytes: u64) -> Result<(), IoFailure> {
        assert!(bytes > 0 && bytes.is_multiple_of(PAGE as u64), "a length that the disk takes");
        let file = File::Slot(slot);
        let path = self.paths.of(file);
        blocking(move || {
            std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path)
        })
        .await?;
        let open = self.files.get(&self.paths, file).await?;
        let old = open.bytes().next_multiple_of(PAGE as u64);
        if old < bytes {
            let duplicate = duplicate(open.dma())?;
            blocking(move || reserve(&duplicate, old, bytes)).await?;
            self.zero(open.dma(), old, bytes).await?;
            open.dma().fdatasync().await.map_err(failure_of)?;
            open.grown_to(bytes);
        }
        self.sync_dir().await
    }

    async fn give_name(&self, tmp: PathBuf, name: PathBuf) -> Result<(), IoFailure> {
        blocking(move || std::fs::rename(&tmp, &name)).await?;
        self.sync_dir().await
    }
}

async fn write_new(path: &Path, data: Block) -> Result<(), IoFailure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let file = options.dma_open(path).await.map_err(failure_of)?;
    let bytes = data.len();
    let mut result = Ok(());
    if bytes > 0 {
        let (buffer, _charged) = writable(data);
        result = match file.write_rc_at(buffer, 0).await {
            Ok(written) if written == bytes => Ok(()),
            Ok(_) => Err(IoFailure::Short),
            Err(error) => Err(failure_of(error)),
        };
    }
    if result.is_ok() {
        result = file.fdatasync().await.map_err(failure_of);
    }
    let _ = file.close().await;
    result
}

/// Removes what could not be finished. If that fails too, the next start removes it.
async fn discard(tmp: PathBuf) {
    let _ = blocking(move || std::fs::remove_file(&tmp)).await;
}

/// Sets space aside, so that a later write cannot find the device full. File systems that cannot
/// do that get the length only; zeroing then takes the space.
fn reserve(file: &std::fs::File, from: u64, to: u64) -> io::Result<()> {
    let offset = |bytes: u64| {
        libc::off_t::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
    };
    let (start, length) = (offset(from)?, offset(to - from)?);
    loop {
        // SAFETY: a system call on a descriptor that is open for as long as `file` lives.
        let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, start, length) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP) => return file.set_len(to),
            _ => return Err(error),
        }
    }
}

/// Another handle on the same open file, for a blocking thread.
fn duplicate(file: &DmaFile) -> Result<std::fs::File, IoFailure> {
    use std::os::fd::AsFd;
    let owned = file.as_fd().try_clone_to_owned();
    owned.map(std::fs::File::from).map_err(|e| crate::io::disk::failure_of_io(&e))
}
