//! A strand of a stopped broker, driven by plain files: what it wants of its disk is done at once, one
//! thing after the other.

use std::collections::BTreeMap;
use std::fs;
use std::fs::File as Descriptor;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use crate::base::HeapPool;
use crate::base::Now;
use crate::cli::log::Stopped;
use crate::cli::store::Store;
use crate::cli::stored::unreadable;
use crate::io::StrandPaths;
use crate::strand::File;
use crate::strand::IoFailure;
use crate::strand::Notice;
use crate::strand::Op;
use crate::strand::Outcome;
use crate::strand::Output;
use crate::strand::StoreFiles;
use crate::strand::Strand;
use crate::strand::StrandConfig;
use crate::strand::StrandPlace;

/// Extents that a strand may have while it is driven so: the disk itself is the bound.
const EXTENTS_MAX: u32 = 1 << 20;

/// Turns in which the strand wants nothing of its disk, before it is taken to be stuck.
const IDLE_TURNS_MAX: u32 = 1_000;

/// How long such a turn waits at most for the strand's own deadline.
const IDLE: Duration = Duration::from_millis(20);

pub(super) struct Offline {
    pub(super) strand: Strand,
    files: Files,
    began: Instant,
    out: Output,
}

impl Offline {
    /// Recovers a strand and takes its files, as a start of the broker does.
    pub(super) fn open(store: &Store, place: &StrandPlace) -> Result<Self, Stopped> {
        // Read locks keep nobody but a running broker away, and it is the one to be found.
        let probe = store.strand(place)?;
        let (identity, files) = (probe.identity, Files::new(store, place, probe.listing()));
        drop(probe);
        let config = StrandConfig {
            extent_bytes: place.extent_bytes,
            extents_max: EXTENTS_MAX,
            frame_bytes_max: (1 << 20).min(place.extent_bytes / 2) / 4096 * 4096,
            // Nobody waits meanwhile.
            capture_rows: 1 << 20,
            sweep_runs: 1 << 20,
            ..StrandConfig::default()
        };
        let strand = Strand::new(config, identity);
        let mut offline =
            Self { strand, files: files?, began: Instant::now(), out: Output::default() };
        let now = offline.now();
        offline.strand.start(now, &mut offline.out);
        offline.run_until(|_, notices| notices.iter().any(|n| matches!(n, Notice::Ready)))?;
        Ok(offline)
    }

    pub(super) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now {
            mono_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// Until everything up to `sequence` is durable.
    pub(super) fn sync(&mut self, sequence: u64) -> Result<(), Stopped> {
        self.run_until(|strand, _| strand.durable() >= sequence)
    }

    /// Ends in good order.
    pub(super) fn close(mut self) -> Result<(), Stopped> {
        let now = self.now();
        self.strand.shutdown(now, &mut self.out);
        self.run_until(|_, notices| notices.iter().any(|n| matches!(n, Notice::Stopped)))
    }

    fn run_until(&mut self, is_over: impl Fn(&Strand, &[Notice]) -> bool) -> Result<(), Stopped> {
        let mut seen = Vec::new();
        let mut idle_turns = 0;
        while idle_turns < IDLE_TURNS_MAX {
            let now = self.now();
            for (token, op) in std::mem::take(&mut self.out.ops) {
                let outcome = self.files.perform(op);
                self.strand.on_outcome(now, token, outcome, &mut self.out);
            }
            self.strand.on_tick(now, &mut self.out);
            self.strand.commit(now, &mut HeapPool, &mut self.out);
            for notice in self.out.notices.drain(..) {
                if let Notice::Fatal(fatal) = &notice {
                    return Err(unreadable(format!("{fatal:?}")));
                }
                seen.push(notice);
            }
            if self.out.ops.is_empty() {
                if is_over(&self.strand, &seen) {
                    return Ok(());
                }
                idle_turns += 1;
                let due_us = self.strand.next_deadline().unwrap_or(u64::MAX);
                let pause = Duration::from_micros(due_us.saturating_sub(now.mono_us));
                std::thread::sleep(pause.min(IDLE));
            }
        }
        Err(unreadable("the strand does not come to an end".to_owned()))
    }
}

/// The files of one strand, opened when they are first used.
struct Files {
    paths: StrandPaths,
    open: BTreeMap<File, Descriptor>,
}

impl Files {
    fn new(
        store: &Store,
        place: &StrandPlace,
        listing: Result<crate::strand::Listing, String>,
    ) -> Result<Self, Stopped> {
        listing.map_err(unreadable)?;
        Ok(Self { paths: store.paths(place), open: BTreeMap::new() })
    }

    fn perform(&mut self, op: Op) -> Outcome {
        self.attempt(op).unwrap_or_else(|error| {
            Outcome::Failed(match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => IoFailure::Full,
                io::ErrorKind::NotFound => IoFailure::Missing,
                io::ErrorKind::WouldBlock => IoFailure::Locked,
                _ => IoFailure::Os(error.raw_os_error().unwrap_or(0)),
            })
        })
    }

    fn attempt(&mut self, op: Op) -> io::Result<Outcome> {
        match op {
            Op::List => {
                let listed = crate::cli::store::list(self.paths.dir());
                listed.map(Outcome::Listed).map_err(io::Error::other)
            }
            Op::Lock { file } => {
                self.get(file)?;
                Ok(Outcome::Locked)
            }
            Op::Flush => {
                for file in self.open.values() {
                    file.sync_all()?;
                }
                Descriptor::open(self.paths.dir())?.sync_all()?;
                Ok(Outcome::Flushed)
            }
            Op::Read { file, position, bytes } => {
                let mut read = vec![0; bytes as usize];
                let file = self.get(file)?;
                let length = file.metadata()?.len().saturating_sub(position);
                read.truncate(usize::try_from(length).unwrap_or(usize::MAX));
                file.read_exact_at(&mut read, position)?;
                Ok(Outcome::Read(HeapPool::block(&read)))
            }
            Op::Write { file, position, data } => {
                let file = self.get(file)?;
                file.write_all_at(data.bytes(), position)?;
                file.sync_data()?;
                Ok(Outcome::Written)
            }
            Op::Allocate { extent, bytes, .. } => {
                self.make(File::Extent(extent), |file| grow(file, bytes))?;
                Ok(Outcome::Allocated)
            }
            Op::StoreIndex { index, data } => {
                self.make(File::Index(index), |file| file.write_all(data.bytes()))?;
                Ok(Outcome::Stored)
            }
            Op::GrowSlot { slot, bytes } => {
                let path = self.paths.of(File::Slot(slot));
                if !path.exists() {
                    self.make(File::Slot(slot), |file| grow(file, bytes))?;
                }
                let file = self.get(File::Slot(slot))?;
                grow(file, bytes)?;
                file.sync_all()?;
                Ok(Outcome::Grown)
            }
            Op::Remove { file } => {
                self.open.remove(&file);
                fs::remove_file(self.paths.of(file))?;
                Descriptor::open(self.paths.dir())?.sync_all()?;
                Ok(Outcome::Removed)
            }
        }
    }

    /// The file, opened and locked against brokers.
    fn get(&mut self, file: File) -> io::Result<&mut Descriptor> {
        if !self.open.contains_key(&file) {
            let descriptor = OpenOptions::new().read(true).write(true).open(self.paths.of(file))?;
            descriptor.try_lock().map_err(io::Error::from)?;
            self.open.insert(file, descriptor);
        }
        self.open.get_mut(&file).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// A file that is there whole or not at all.
    fn make(
        &mut self,
        file: File,
        fill: impl FnOnce(&mut Descriptor) -> io::Result<()>,
    ) -> io::Result<()> {
        let path = self.paths.of(file);
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".tmp");
        let unfinished = PathBuf::from(unfinished);
        let mut descriptor = Descriptor::create(&unfinished)?;
        fill(&mut descriptor)?;
        descriptor.sync_all()?;
        fs::rename(&unfinished, &path)?;
        Descriptor::open(self.paths.dir())?.sync_all()
    }
}

/// Writes zeros from the end of the file up to `bytes`.
fn grow(file: &mut Descriptor, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut at = file.metadata()?.len();
    while at < bytes {
        let part = (bytes - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..part as usize], at)?;
        at += part;
    }
    Ok(())
}
