//! A stopped broker's data directory, for reading.

use std::fs;
use std::fs::File as Descriptor;
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use crate::io::LOCK;
use crate::io::MANIFEST;
use crate::io::StrandPaths;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::Listing;
use crate::strand::Manifest;
use crate::strand::ManifestFault;
use crate::strand::StoreFiles;
use crate::strand::StrandIdentity;
use crate::strand::StrandPlace;

/// Files of one strand that are held locked at once.
const LOCKS_MAX: usize = 256;

/// Why a store cannot be looked into.
#[derive(Debug)]
pub(super) enum OpenError {
    /// A broker runs on it.
    Running(PathBuf),
    /// It is not there or cannot be read.
    Unreadable(String),
}

/// A data directory with its manifest, and no broker on it for as long as this lives.
pub(super) struct Store {
    root: PathBuf,
    pub(super) manifest: Manifest,
    /// The broker's own lock. A copy of a data directory need not have the file.
    _lock: Option<Descriptor>,
}

impl Store {
    /// For reading, beside others who read.
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        let path = root.join(LOCK);
        match Descriptor::open(&path) {
            Ok(lock) => Self::held(root, Some(taken(lock.try_lock_shared(), lock, path)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::held(root, None),
            Err(error) => Err(OpenError::Unreadable(format!("{}: {error}", path.display()))),
        }
    }

    /// For writing, alone.
    pub(super) fn take(root: &Path) -> Result<Self, OpenError> {
        // The manifest first: where there is no store, none is begun.
        Self::held(root, None)?;
        let path = root.join(LOCK);
        let lock = Descriptor::options().create(true).truncate(false).write(true).open(&path);
        let lock =
            lock.map_err(|error| OpenError::Unreadable(format!("{}: {error}", path.display())))?;
        Self::held(root, Some(taken(lock.try_lock(), lock, path)?))
    }

    fn held(root: &Path, lock: Option<Descriptor>) -> Result<Self, OpenError> {
        let path = root.join(MANIFEST);
        let unreadable =
            |what: String| OpenError::Unreadable(format!("{}: {what}", path.display()));
        let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let manifest = Manifest::parse(&bytes).map_err(|fault| {
            unreadable(match fault {
                ManifestFault::Damaged => "not a manifest, or a damaged one".to_owned(),
                ManifestFault::Format(format) => {
                    format!("format {format}, which this version does not know")
                }
            })
        })?;
        Ok(Self { root: root.to_owned(), manifest, _lock: lock })
    }

    /// Where the files of a strand lie.
    pub(super) fn paths(&self, place: &StrandPlace) -> StrandPaths {
        StrandPaths::new(&self.root, place.strand)
    }

    /// Opens a strand for reading, and keeps brokers away for as long as it is open.
    pub(super) fn strand(&self, place: &StrandPlace) -> Result<StrandStore, OpenError> {
        let identity = StrandIdentity {
            key: self.manifest.key,
            strand: place.strand,
            manifest: self.manifest.generation,
        };
        let paths = self.paths(place);
        let mut store = StrandStore { identity, paths, locks: Vec::new() };
        store.lock()?;
        Ok(store)
    }
}

/// The descriptor whose lock was tried, if it was had.
fn taken(
    tried: Result<(), TryLockError>,
    descriptor: Descriptor,
    path: PathBuf,
) -> Result<Descriptor, OpenError> {
    match tried {
        Ok(()) => Ok(descriptor),
        Err(TryLockError::WouldBlock) => Err(OpenError::Running(path)),
        Err(TryLockError::Error(error)) => {
            Err(OpenError::Unreadable(format!("{}: {error}", path.display())))
        }
    }
}

/// The files of one strand.
pub(super) struct StrandStore {
    pub(super) identity: StrandIdentity,
    paths: StrandPaths,
    /// Held until the store is closed.
    locks: Vec<Descriptor>,
}

impl StrandStore {
    fn lock(&mut self) -> Result<(), OpenError> {
        let listing = self.listing().map_err(OpenError::Unreadable)?;
        let slots = listing.slots.iter().map(|(slot, _)| File::Slot(*slot));
        let extents = listing.extents.iter().map(|(extent, _)| File::Extent(*extent));
        for file in slots.chain(extents).take(LOCKS_MAX) {
            let path = self.path(file);
            let unreadable = |error| OpenError::Unreadable(format!("{}: {error}", path.display()));
            let descriptor = Descriptor::open(&path).map_err(unreadable)?;
            self.locks.push(taken(descriptor.try_lock_shared(), descriptor, path)?);
        }
        Ok(())
    }

    pub(super) fn path(&self, file: File) -> PathBuf {
        self.paths.of(file)
    }

    /// A part of an extent.
    pub(super) fn read_at(
        &self,
        extent: ExtentId,
        position: u32,
        bytes: u32,
    ) -> Result<Vec<u8>, String> {
        let path = self.path(File::Extent(extent));
        let mut part = vec![0; bytes as usize];
        let read = Descriptor::open(&path)
            .and_then(|file| file.read_exact_at(&mut part, u64::from(position)));
        read.map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(part)
    }
}

impl StoreFiles for StrandStore {
    fn listing(&self) -> Result<Listing, String> {
        list(self.paths.dir())
    }

    fn read(&self, file: File) -> Result<Vec<u8>, String> {
        let path = self.path(file);
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// The files of a strand's directory, with their lengths.
pub(super) fn list(dir: &Path) -> Result<Listing, String> {
    let mut listing = Listing::default();
    if !dir.exists() {
        return Ok(listing);
    }
    let unreadable = |error: std::io::Error| format!("{}: {error}", dir.display());
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let bytes = entry.metadata().map_err(unreadable)?.len();
        match entry.file_name().to_str().and_then(StrandPaths::named) {
            Some(File::Extent(extent)) => listing.extents.push((extent, bytes)),
            Some(File::Slot(slot)) => listing.slots.push((slot, bytes)),
            Some(File::Index(index)) => listing.indexes.push((index, bytes)),
            None => {}
        }
    }
    listing.extents.sort_unstable();
    listing.slots.sort_unstable();
    listing.indexes.sort_unstable();
    Ok(listing)
}
