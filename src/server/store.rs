//! The data directory: its lock, its manifest; formatted on the first start, and mapped anew when
//! the number of cores changed.

use std::collections::BTreeMap;
use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use tracing::info;

use crate::base::Lifetime;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::config::Config;
use crate::config::Loaded;
use crate::io::LOCK;
use crate::io::MANIFEST;
use crate::io::StrandPaths;
use crate::io::entropy;
use crate::server::failure::Failure;
use crate::strand;
use crate::strand::Manifest;
use crate::strand::ManifestFault;
use crate::strand::STRANDS_MAX;
use crate::strand::StoreKey;
use crate::strand::StrandPlace;
use crate::strand::TooManyStrands;

const MANIFEST_UNFINISHED: &str = "manifest.tmp";

/// A broker that was just killed is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Extents of the metadata log.
const METADATA_EXTENT_BYTES: u32 = 4 << 20;

/// A data directory that this process holds.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    manifest: Manifest,
    /// Held for life.
    _lock: File,
}

impl Store {
    /// Takes the data directory, and formats it if it is empty. It is one that [`find_root`] gave
    /// and that can hold data.
    pub(super) fn open(
        root: PathBuf,
        config: &Config,
        loaded: &Loaded,
        shards: u16,
    ) -> Result<Self, Failure> {
        let lock = take_lock(&root)?;
        let path = root.join(MANIFEST);
        let manifest = match std::fs::read(&path) {
            Ok(file) => Self::adopt(&path, &file, config, loaded, shards)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::format(&root, config, shards)?
            }
            Err(source) => return Err(Failure::Storage { path, source }),
        };
        Ok(Self { root, manifest, _lock: lock })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Bytes that the strands' files take.
    pub(super) fn bytes(&self) -> u64 {
        let dirs = std::fs::read_dir(self.root.join("data")).into_iter().flatten().flatten();
        let files =
            dirs.flat_map(|dir| std::fs::read_dir(dir.path()).into_iter().flatten().flatten());
        files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// How many extents each strand has.
    pub(super) fn extents(&self) -> BTreeMap<StrandId, u64> {
        let count = |place: &StrandPlace| {
            let paths = StrandPaths::new(&self.root, place.strand);
            let files = std::fs::read_dir(paths.dir()).into_iter().flatten().flatten();
            let named = files.filter_map(|file| StrandPaths::named(file.file_name().to_str()?));
            let extents = named.filter(|file| matches!(file, strand::File::Extent(_)));
            (place.strand, extents.count() as u64)
        };
        self.manifest.strands.iter().map(count).collect()
    }

    fn format(root: &Path, config: &Config, shards: u16) -> Result<Manifest, Failure> {
        refuse_foreign(root)?;
        let extent_bytes = u32::try_from(config.storage_extent_bytes.0).unwrap_or(u32::MAX);
        let metadata = StrandPlace {
            strand: StrandId::METADATA,
            shard: ShardId(0),
            extent_bytes: METADATA_EXTENT_BYTES,
            lifetime: Lifetime::Endless,
        };
        let mut manifest = Manifest {
            key: StoreKey { store: entropy(), secret: entropy() },
            node: config.node_id,
            cluster: entropy(),
            generation: 0,
            strands: vec![metadata],
        };
        map(&mut manifest, shards, extent_bytes)?;
        write_manifest(root, &manifest)?;
        info!(root = %root.display(), shards, "store: formatted");
        Ok(manifest)
    }

    fn adopt(
        path: &Path,
        file: &[u8],
        config: &Config,
        loaded: &Loaded,
        shards: u16,
    ) -> Result<Manifest, Failure> {
        let foreign = |what: String| Failure::Foreign { path: path.to_owned(), what };
        let mut manifest = Manifest::parse(file).map_err(|fault| {
            foreign(match fault {
                ManifestFault::Damaged => {
                    "is damaged or no manifest; nothing was changed. Restore it from a copy".into()
                }
                ManifestFault::Format(format) => format!(
                    "has format {format}, which this version does not know; nothing was changed"
                ),
            })
        })?;
        if loaded.given.contains_key("node.id") && manifest.node != config.node_id {
            let (there, wanted) = (manifest.node, config.node_id);
            return Err(foreign(format!("belongs to node.id {there}, not {wanted}")));
        }
        let extent_bytes = u32::try_from(config.storage_extent_bytes.0).unwrap_or(u32::MAX);
        let before = manifest.generation;
        map(&mut manifest, shards, extent_bytes)?;
        if manifest.generation != before {
            let root = path.parent().unwrap_or_else(|| Path::new("."));
            write_manifest(root, &manifest)?;
            info!(shards, generation = manifest.generation, "store: strands mapped anew");
        }
        Ok(manifest)
    }
}

/// The data directory, made if it is missing; nothing is written into it.
pub(super) fn find_root(config: &Config) -> Result<PathBuf, Failure> {
    let root = PathBuf::from(&config.log_dirs);
    let made = make_dir(&root).and_then(|()| std::fs::canonicalize(&root));
    made.map_err(|source| Failure::Storage { path: root, source })
}

/// Maps the strands to the shards.
fn map(manifest: &mut Manifest, shards: u16, extent_bytes: u32) -> Result<(), Failure> {
    manifest.map_to(shards, extent_bytes).map_err(|TooManyStrands| {
        let most = STRANDS_MAX / Lifetime::ALL.len();
        Failure::Config(format!("shards: a store has strands for at most {most}"))
    })
}

fn make_dir(root: &Path) -> io::Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(root)?;
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn take_lock(root: &Path) -> Result<File, Failure> {
    let path = root.join(LOCK);
    let failed = |source| Failure::Storage { path: path.clone(), source };
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= LOCK_PATIENCE => {
                return Err(Failure::Locked(root.to_owned()));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
        }
    }
}

/// A directory without a manifest that holds something else is not formatted: the operator may
/// have named the wrong one, or a file system may not be mounted as it should.
fn refuse_foreign(root: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::Storage { path: root.to_owned(), source };
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let ours = [LOCK, MANIFEST_UNFINISHED, "lost+found"];
        if !ours.iter().any(|own| name == *own) {
            return Err(Failure::Foreign {
                path: root.to_owned(),
                what: format!(
                    "holds `{}` and no manifest: this is no data directory, and an empty one is \
                     needed to make one",
                    name.to_string_lossy()
                ),
            });
        }
    }
    Ok(())
}

/// By write, sync, rename, directory sync: there is always a whole one.
fn write_manifest(root: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let path = root.join(MANIFEST);
    let write = || {
        let unfinished = root.join(MANIFEST_UNFINISHED);
        let mut file = File::create(&unfinished)?;
        file.write_all(&manifest.encode())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        File::open(root)?.sync_all()
    };
    write().map_err(|source| Failure::Storage { path: path.clone(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::config::load;

    fn loaded(dir: &Path, node: Option<&str>) -> Loaded {
        let mut sources = Sources::default();
        sources.flags.insert("log.dirs", dir.to_string_lossy().into_owned());
        if let Some(node) = node {
            sources.flags.insert("node.id", node.to_owned());
        }
        load(&sources).unwrap()
    }

    fn open(dir: &Path, shards: u16) -> Result<Store, Failure> {
        let loaded = loaded(dir, None);
        Store::open(find_root(&loaded.config)?, &loaded.config, &loaded, shards)
    }

    fn each_shard_has_each_lifetime(store: &Store, shards: u16) {
        for shard in (0..shards).map(ShardId) {
            for lifetime in Lifetime::ALL {
                let is_its = |place: &&StrandPlace| {
                    place.shard == shard
                        && place.lifetime == lifetime
                        && place.strand != StrandId::METADATA
                };
                assert!(store.manifest().strands.iter().any(|place| is_its(&place)));
            }
        }
        assert!(store.manifest().strands.iter().all(|place| place.shard.0 < shards));
        let last = store.manifest().strands.last().unwrap();
        assert_eq!((last.strand, last.shard), (StrandId::METADATA, ShardId(0)));
    }

    #[test]
    fn a_store_is_formatted_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a/b");
        let first = open(&root, 2).unwrap();
        each_shard_has_each_lifetime(&first, 2);
        let manifest = first.manifest().clone();
        drop(first);
        assert_eq!(*open(&root, 2).unwrap().manifest(), manifest);
        assert_eq!(manifest.generation, 1);
    }

    #[test]
    fn with_another_number_of_cores_no_strand_is_lost_and_every_core_has_some() {
        let dir = tempfile::tempdir().unwrap();
        let key = open(dir.path(), 2).unwrap().manifest().key;
        for (shards, strands) in [(4, 13), (1, 13), (3, 13), (6, 19), (2, 19)] {
            let store = open(dir.path(), shards).unwrap();
            each_shard_has_each_lifetime(&store, shards);
            assert_eq!(store.manifest().strands.len(), strands);
            assert_eq!(store.manifest().key, key);
        }
        assert_eq!(open(dir.path(), 2).unwrap().manifest().generation, 6);
    }

    #[test]
    fn a_held_store_is_refused_and_so_is_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let held = open(dir.path(), 1).unwrap();
        let refused = open(dir.path(), 1).unwrap_err();
        assert!(matches!(refused, Failure::Locked(_)));
        assert_eq!(refused.status() as i32, 72);
        drop(held);
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("photos"), b"").unwrap();
        assert!(open(other.path(), 1).unwrap_err().to_string().contains("photos"));
    }

    #[test]
    fn a_damaged_manifest_and_another_node_are_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path(), 1).unwrap());
        let other = loaded(dir.path(), Some("9"));
        let root = find_root(&other.config).unwrap();
        let refused = Store::open(root, &other.config, &other, 1).unwrap_err().to_string();
        assert!(refused.contains("node.id 1, not 9"), "{refused}");
        let path = dir.path().join(MANIFEST);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(open(dir.path(), 1).unwrap_err().to_string().contains("damaged"));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
