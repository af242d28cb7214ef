use std::future::Future;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

use glommio::LocalExecutorBuilder;
use glommio::Placement;
use tempfile::TempDir;

use super::*;
use crate::base::Block;
use crate::base::HeapPool;
use crate::base::PAGE;
use crate::base::Pool;
use crate::io::clock::Clock;
use crate::io::memory::DmaPool;
use crate::io::memory::writable;
use crate::strand::ExtentId;
use crate::strand::IndexId;
use crate::strand::Slot;

const STRAND: StrandId = StrandId(0);
const EXTENT: File = File::Extent(ExtentId(1));

fn on_executor(test: impl Future<Output = ()>) {
    let builder = LocalExecutorBuilder::new(Placement::Unbound)
        .blocking_thread_pool_placement(glommio::PoolPlacement::Unbound(2));
    builder.make().expect("an executor").run(test);
}

/// A directory on a file system that takes direct I/O, which the default one need not be.
fn dir() -> TempDir {
    let exe = std::env::current_exe().expect("a test that runs");
    tempfile::tempdir_in(exe.parent().expect("a directory above it")).expect("a directory")
}

async fn ask(disk: &Rc<Disk>, op: Op) -> Outcome {
    let (sender, receiver) = glommio::channels::local_channel::new_bounded(1);
    disk.submit(op, move |outcome| sender.try_send(outcome).expect("room for one outcome"));
    receiver.recv().await.expect("an outcome")
}

/// Of room for so many extents of a page.
fn share(extents: u64) -> Share {
    let room = Room::new(extents.saturating_mul(PAGE as u64), Clock::start());
    room.share(PAGE as u32, 0, 0)
}

async fn open(dir: &TempDir) -> Rc<Disk> {
    Disk::open(dir.path(), STRAND, 64, share(u64::MAX)).await.expect("a disk")
}

async fn allocated(disk: &Rc<Disk>, extent: u32, bytes: u64) {
    let op = Op::Allocate { extent: ExtentId(extent), bytes, zeroed: true };
    assert!(matches!(ask(disk, op).await, Outcome::Allocated));
}

fn filled(byte: u8, pages: usize) -> Block {
    HeapPool::block(&vec![byte; pages * PAGE])
}

fn bytes_of(outcome: Outcome) -> Vec<u8> {
    match outcome {
        Outcome::Read(block) => block.bytes().to_vec(),
        other => panic!("not read: {other:?}"),
    }
}

async fn read(disk: &Rc<Disk>, file: File, page: usize, pages: usize) -> Vec<u8> {
    let (position, bytes) = ((page * PAGE) as u64, (pages * PAGE) as u32);
    bytes_of(ask(disk, Op::Read { file, position, bytes }).await)
}

#[test]
fn an_extent_is_allocated_as_zeros_and_reads_back_what_was_written() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 1, 1 << 20).await;
        assert!(read(&disk, EXTENT, 0, 256).await.iter().all(|byte| *byte == 0));
        let op = Op::Write { file: EXTENT, position: 8 * PAGE as u64, data: filled(7, 2) };
        assert!(matches!(ask(&disk, op).await, Outcome::Written));
        let back = read(&disk, EXTENT, 7, 4).await;
        assert_eq!(back[PAGE..3 * PAGE], vec![7; 2 * PAGE]);
        assert!(back[..PAGE].iter().chain(&back[3 * PAGE..]).all(|byte| *byte == 0));
        assert_eq!(disk.in_flight(), 0);
    });
}

#[test]
fn a_frame_of_the_pool_is_written_without_a_copy_and_charged_until_nobody_holds_it() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 1, 1 << 20).await;
        let mut pool = DmaPool::new(4 * PAGE);
        let mut frame = pool.take(3 * PAGE).expect("within the budget");
        assert!(pool.take(PAGE).is_none(), "three pages take a class of four");
        frame.bytes_mut().fill(9);
        let block = frame.freeze();
        let (buffer, _) = writable(block.clone());
        assert_eq!(buffer.as_bytes().as_ptr(), block.bytes().as_ptr());
        drop(buffer);
        let op = Op::Write { file: EXTENT, position: 0, data: block.clone() };
        assert!(matches!(ask(&disk, op).await, Outcome::Written));
        assert_eq!(read(&disk, EXTENT, 0, 3).await, block.bytes());
        assert!(pool.used() > 0);
        drop(block);
        assert_eq!(pool.used(), 0);
    });
}

#[test]
fn written_files_are_direct_and_synced_on_every_write() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 1, 1 << 20).await;
        let open = disk.files.get(&disk.paths, EXTENT).await.expect("open");
        // SAFETY: asks for the flags of a descriptor that is open.
        let flags = unsafe { libc::fcntl(open.dma().as_raw_fd(), libc::F_GETFL) };
        assert_eq!(flags & libc::O_DIRECT, libc::O_DIRECT);
        assert_eq!(flags & libc::O_DSYNC, libc::O_DSYNC);
    });
}

#[test]
fn a_read_ends_at_the_end_of_the_file() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 1, 16 * PAGE as u64).await;
        assert_eq!(read(&disk, EXTENT, 14, 8).await.len(), 2 * PAGE);
        assert_eq!(read(&disk, EXTENT, 16, 8).await.len(), 0);
        assert_eq!(read(&disk, EXTENT, 99, 1).await.len(), 0);
    });
}

#[test]
fn files_are_listed_with_lengths_and_what_was_unfinished_is_removed() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 2, 8 * PAGE as u64).await;
        allocated(&disk, 1, 4 * PAGE as u64).await;
        let op = Op::GrowSlot { slot: Slot::B, bytes: 2 * PAGE as u64 };
        assert!(matches!(ask(&disk, op).await, Outcome::Grown));
        let op = Op::StoreIndex { index: IndexId(5), data: filled(1, 3) };
        assert!(matches!(ask(&disk, op).await, Outcome::Stored));
        let left: PathBuf = disk.paths.unfinished(File::Extent(ExtentId(9)));
        std::fs::write(&left, b"half").unwrap();
        let Outcome::Listed(listing) = ask(&disk, Op::List).await else { panic!("not listed") };
        let page = PAGE as u64;
        assert_eq!(listing.extents, [(ExtentId(1), 4 * page), (ExtentId(2), 8 * page)]);
        assert_eq!(listing.slots, [(Slot::B, 2 * page)]);
        assert_eq!(listing.indexes, [(IndexId(5), 3 * page)]);
        assert!(!left.exists());
        assert_eq!(read(&disk, File::Index(IndexId(5)), 0, 3).await, vec![1; 3 * PAGE]);
    });
}

#[test]
fn a_slot_that_grows_keeps_what_it_holds() {
    let dir = dir();
    let slot = File::Slot(Slot::A);
    on_executor(async {
        let disk = open(&dir).await;
        for pages in [2, 5, 3] {
            let op = Op::GrowSlot { slot: Slot::A, bytes: (pages * PAGE) as u64 };
            assert!(matches!(ask(&disk, op).await, Outcome::Grown));
            let op = Op::Write { file: slot, position: PAGE as u64, data: filled(4, 1) };
            assert!(matches!(ask(&disk, op).await, Outcome::Written));
        }
        let all = read(&disk, slot, 0, 5).await;
        assert_eq!(all.len(), 5 * PAGE);
        assert_eq!(all[PAGE..2 * PAGE], [4; PAGE]);
        assert!(all[2 * PAGE..].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn a_removed_file_is_gone_and_an_absent_one_is_missing() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 1, 4 * PAGE as u64).await;
        assert!(matches!(ask(&disk, Op::Remove { file: EXTENT }).await, Outcome::Removed));
        assert!(!disk.paths.of(EXTENT).exists());
        for op in [Op::Lock { file: EXTENT }, Op::Remove { file: EXTENT }] {
            assert!(matches!(ask(&disk, op).await, Outcome::Failed(IoFailure::Missing)));
        }
        assert_eq!(disk.figures().failures, 2);
    });
}

#[test]
fn a_lock_waits_for_another_holder_to_let_go() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        allocated(&disk, 1, 4 * PAGE as u64).await;
        let path = disk.paths.of(EXTENT);
        disk.files.forget(EXTENT).await;
        let holder = std::fs::File::open(&path).unwrap();
        holder.lock().unwrap();
        let (sender, receiver) = glommio::channels::local_channel::new_bounded(1);
        disk.submit(Op::Lock { file: EXTENT }, move |outcome| sender.try_send(outcome).unwrap());
        let early = futures_lite::future::or(async { receiver.recv().await.is_some() }, async {
            glommio::timer::sleep(Duration::from_millis(50)).await;
            false
        });
        assert!(!early.await, "locked while another process would hold it");
        drop(holder);
        assert!(matches!(receiver.recv().await, Some(Outcome::Locked)));
        let other = std::fs::File::open(&path).unwrap();
        assert!(other.try_lock().is_err(), "the lock is held after it was answered");
    });
}

#[test]
fn descriptors_stay_bounded_and_files_that_were_shelved_come_back_locked() {
    let dir = dir();
    on_executor(async {
        let disk = Disk::open(dir.path(), STRAND, 16, share(u64::MAX)).await.unwrap();
        // Other tests of this process open files too.
        let root = std::fs::canonicalize(dir.path()).unwrap();
        let count = || {
            let all = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let files = all.filter_map(|entry| std::fs::read_link(entry.path()).ok());
            files.filter(|file| file.starts_with(&root)).count()
        };
        for extent in 0..16 {
            allocated(&disk, extent, PAGE as u64).await;
        }
        let before = count();
        assert!(before >= 16, "{before} files are open");
        for extent in 16..48 {
            allocated(&disk, extent, PAGE as u64).await;
        }
        assert!(count() < before + 8, "{} descriptors after {before}", count());
        let file = File::Extent(ExtentId(0));
        let op = Op::Write { file, position: 0, data: filled(3, 1) };
        assert!(matches!(ask(&disk, op).await, Outcome::Written));
        assert!(disk.figures().reopened > 0);
        assert!(std::fs::File::open(disk.paths.of(file)).unwrap().try_lock().is_err());
        assert!(matches!(ask(&disk, Op::Flush).await, Outcome::Flushed));
    });
}

#[test]
fn an_extent_that_no_file_can_hold_is_refused_and_leaves_nothing() {
    let dir = dir();
    on_executor(async {
        let disk = open(&dir).await;
        // More than ext4 has blocks for: with less, it would take all free space before it refuses,
        // and whatever runs beside this test would meet a full disk.
        let op = Op::Allocate { extent: ExtentId(1), bytes: 1 << 45, zeroed: false };
        let Outcome::Failed(failure) = ask(&disk, op).await else { panic!("allocated 32 TiB") };
        assert!(matches!(failure, IoFailure::Full | IoFailure::Os(libc::EFBIG)), "{failure:?}");
        let Outcome::Listed(listing) = ask(&disk, Op::List).await else { panic!("not listed") };
        assert_eq!(listing, Listing::default());
        assert!(!disk.paths.unfinished(EXTENT).exists());
    });
}

/// R16: what is not this strand's is refused like by a full device; what it gives back it can have
/// again.
#[test]
fn extents_come_out_of_the_share_and_go_back_into_it() {
    on_executor(async {
        let dir = dir();
        let disk = Disk::open(dir.path(), STRAND, 16, share(2)).await.unwrap();
        for extent in 1..=2 {
            allocated(&disk, extent, PAGE as u64).await;
        }
        let third = || Op::Allocate { extent: ExtentId(3), bytes: PAGE as u64, zeroed: false };
        let refused = ask(&disk, third()).await;
        assert!(matches!(refused, Outcome::Failed(IoFailure::Full)), "{refused:?}");
        assert!(disk.share.room().is_short());
        let removed = ask(&disk, Op::Remove { file: EXTENT }).await;
        assert!(matches!(removed, Outcome::Removed), "{removed:?}");
        assert!(matches!(ask(&disk, third()).await, Outcome::Allocated));
    });
}
