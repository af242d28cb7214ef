//! The file that is written: zeroed ahead, so that writing it changes no metadata.

use glommio::io::DmaFile;
use glommio::io::OpenOptions;
use std::fs::File;
use std::io;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use strandlog::base::PAGE;

const FILE: &str = "ceiling.dat";
const GUARD: &str = "ceiling.guard";
/// What is zeroed at a time.
const ZEROES: usize = 1 << 20;

/// Makes the guard file and the zeroed file, and brings both to the disk.
pub(crate) fn prepare(dir: &Path, bytes: u64) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    // The first file that glommio opens on a device decides how it polls that device, and an empty
    // one misleads it.
    let mut guard = File::create(dir.join(GUARD))?;
    guard.write_all(&[1; PAGE])?;
    guard.sync_all()?;
    let file = File::create(dir.join(FILE))?;
    let zeroes = vec![0; ZEROES];
    for at in (0..bytes).step_by(ZEROES) {
        file.write_all_at(&zeroes, at)?;
    }
    file.sync_all()?;
    File::open(dir)?.sync_all()
}

/// Opens the zeroed file for synchronous direct writes, after the guard file.
pub(crate) async fn open(dir: &Path) -> io::Result<DmaFile> {
    let guard = DmaFile::open(dir.join(GUARD)).await.map_err(io::Error::other)?;
    guard.close().await.map_err(io::Error::other)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_DSYNC)
        .dma_open(dir.join(FILE))
        .await
        .map_err(io::Error::other)?;
    // Where polling was misjudged, reads fail: better here than under load.
    let page = file.read_at_aligned(0, PAGE).await.map_err(io::Error::other)?;
    assert_eq!(page.len(), PAGE, "the file was just written");
    Ok(file)
}
