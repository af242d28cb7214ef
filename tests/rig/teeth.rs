//! The rig itself: does it bite, and does it only bite what it may?

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use strandlog::base::HeapPool;
use strandlog::base::Rng;

use crate::disk::Rig;
use crate::platter::Loss;
use crate::platter::Platter;

const DISK_BYTES: usize = 128 << 20;
const RECORDS: u64 = 64;

/// Writes `RECORDS` pages in place into a preallocated file, directly, with or without `O_DSYNC`.
fn write_records(file: &Path, flags: i32) {
    let file = OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_DIRECT | flags)
        .open(file)
        .expect("the file was made before");
    for record in 0..RECORDS {
        let page = HeapPool::block(&[record as u8 + 1; 4096]);
        file.write_all_at(page.bytes(), record * 4096).expect("the power is on");
    }
}

/// Pages of the file that hold what was written.
fn count_records(file: &Path) -> u64 {
    let data = std::fs::read(file).expect("the file system survives");
    (0..RECORDS).filter(|record| data[*record as usize * 4096] == *record as u8 + 1).count() as u64
}

fn survivors(flags: i32, loss: Loss) -> u64 {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let platter = Arc::new(Mutex::new(Platter::new(DISK_BYTES)));
    let rig = Rig::power_on(&platter, dir.path(), true);
    let file = rig.mount.join("records");
    std::fs::write(&file, vec![0; RECORDS as usize * 4096]).expect("room for it");
    let opened = std::fs::File::open(&rig.mount).expect("the mount point");
    // SAFETY: a descriptor that lives through the call.
    assert_eq!(unsafe { libc::syncfs(std::os::fd::AsRawFd::as_raw_fd(&opened)) }, 0);
    drop(opened);
    write_records(&file, flags);
    rig.platter().cut(loss, &mut Rng::new(7));
    drop(rig);
    let rig = Rig::power_on(&platter, dir.path(), false);
    let survivors = count_records(&file);
    drop(rig);
    survivors
}

/// Without this the 20 rounds would prove nothing.
pub fn the_rig_loses_what_was_not_flushed_and_nothing_else() {
    assert_eq!(survivors(libc::O_DSYNC, Loss::All), RECORDS, "synced writes must survive");
    assert_eq!(survivors(libc::O_DSYNC, Loss::Some), RECORDS, "synced writes must survive");
    assert!(survivors(0, Loss::All) < RECORDS, "unsynced writes must be lost");
}
