//! The manifest: what a data directory is. One small file, replaced as a whole (written under
//! another name, synced, renamed, its directory synced), never changed in place.

#[cfg(test)]
mod tests;

use crate::base::Lifetime;
use crate::base::NodeId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::key::StoreKey;

const MAGIC: [u8; 8] = *b"SLstore\n";

/// Version of everything on disk. Format 1 freezes when the first release closes.
pub const FORMAT: u16 = 1;

/// Strands that a store can have; its manifest stays below a megabyte.
pub const STRANDS_MAX: usize = 4096;

const HEAD: usize = 72;
const STRAND_BYTES: usize = 12;

const BRIEF: u8 = 0;
const FINITE: u8 = 1;
const ENDLESS: u8 = 2;

/// Who drives a strand, what it is for, and how long its extents are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StrandPlace {
    pub strand: StrandId,
    pub shard: ShardId,
    /// Of the partitions in it. Fixed when the strand is made, as is the length of its extents.
    pub lifetime: Lifetime,
    pub extent_bytes: u32,
}

/// | at | field |
/// |---|---|
/// | 0 | magic `SLstore\n` |
/// | 8 | format u16 (1), strands u16 |
/// | 12 | node id i32 |
/// | 16 | store id, 16 bytes |
/// | 32 | secret, 16 bytes |
/// | 48 | cluster id, 16 bytes |
/// | 64 | generation u64 |
/// | 72 | per strand: strand u16, shard u16, extent bytes u32, lifetime u8 (0 brief, 1 finite, 2 endless), 3 zeros |
/// | … | CRC-32C of all before it u32, and the file ends |
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Store id and secret: drawn once, when the store is formatted.
    pub key: StoreKey,
    pub node: NodeId,
    /// A UUID; Kafka clients see it in base64.
    pub cluster: [u8; 16],
    /// One higher with every change; checkpoints say under which they were written.
    pub generation: u64,
    /// Ascending by strand, each once.
    pub strands: Vec<StrandPlace>,
}

/// Why a file is not a manifest that can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestFault {
    /// It is not a manifest, or is damaged.
    Damaged,
    /// It is of a format that this version does not know.
    Format(u16),
}

/// A store would have more than [`STRANDS_MAX`] strands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyStrands;

impl Manifest {
    /// Gives every strand a shard, and every shard a strand of each lifetime: fewer shards than
    /// before drive several, more get fresh ones, whose extents are `extent_bytes` long. Another
    /// mapping is another generation.
    ///
    /// # Errors
    /// More strands than a store can have; the mapping is then of no use.
    pub fn map_to(&mut self, shards: u16, extent_bytes: u32) -> Result<(), TooManyStrands> {
        let before = self.strands.clone();
        let metadata = self.strands.pop().filter(|place| place.strand == StrandId::METADATA);
        let metadata = metadata.expect("the metadata strand has the highest number");
        for lifetime in Lifetime::ALL {
            let of_it = self.strands.iter_mut().filter(|place| place.lifetime == lifetime);
            for (place, shard) in of_it.zip((0..shards).cycle()) {
                place.shard = ShardId(shard);
            }
        }
        for shard in (0..shards).map(ShardId) {
            for lifetime in Lifetime::ALL {
                let is_its =
                    |place: &StrandPlace| place.shard == shard && place.lifetime == lifetime;
                if !self.strands.iter().any(is_its) {
                    let number = self.strands.last().map_or(0, |last| last.strand.0 + 1);
                    let strand = StrandId(number);
                    self.strands.push(StrandPlace { strand, shard, extent_bytes, lifetime });
                }
            }
        }
        if self.strands.len() >= STRANDS_MAX {
            return Err(TooManyStrands);
        }
        self.strands.push(metadata);
        self.generation += u64::from(self.strands != before);
        Ok(())
    }

    pub fn encode(&self) -> Vec<u8> {
        assert!(self.strands.len() <= STRANDS_MAX, "more strands than a manifest holds");
        let is_ascending = self.strands.is_sorted_by(|one, next| one.strand < next.strand);
        assert!(is_ascending, "strands are in order, each once");
        let length = HEAD + self.strands.len() * STRAND_BYTES;
        let mut file = vec![0; length + 4];
        let mut fields = Filling::new(&mut file);
        fields.put(&MAGIC);
        fields.u16(FORMAT);
        fields.u16(self.strands.len() as u16);
        fields.i32(self.node);
        fields.put(&self.key.store);
        fields.put(&self.key.secret);
        fields.put(&self.cluster);
        fields.u64(self.generation);
        for place in &self.strands {
            fields.u16(place.strand.0);
            fields.u16(place.shard.0);
            fields.u32(place.extent_bytes);
            fields.u8(match place.lifetime {
                Lifetime::Brief => BRIEF,
                Lifetime::Finite => FINITE,
                Lifetime::Endless => ENDLESS,
            });
            fields.put(&[0; 3]);
        }
        let crc = crc32c::crc32c(&file[..length]);
        file[length..].copy_from_slice(&crc.to_le_bytes());
        file
    }

    /// Reads a whole manifest file.
    pub fn parse(file: &[u8]) -> Result<Self, ManifestFault> {
        let (content, crc) = file.split_last_chunk::<4>().ok_or(ManifestFault::Damaged)?;
        if !content.starts_with(&MAGIC) || crc32c::crc32c(content) != u32::from_le_bytes(*crc) {
            return Err(ManifestFault::Damaged);
        }
        let mut fields = Fields::new(&content[MAGIC.len()..]);
        let format = fields.u16().ok_or(ManifestFault::Damaged)?;
        if format != FORMAT {
            return Err(ManifestFault::Format(format));
        }
        Self::fields(&mut fields).ok_or(ManifestFault::Damaged)
    }

    fn fields(fields: &mut Fields<'_>) -> Option<Self> {
        let count = usize::from(fields.u16()?);
        let node = fields.i32()?;
        let key = StoreKey { store: fields.array()?, secret: fields.array()? };
        let cluster = fields.array()?;
        let generation = fields.u64()?;
        let mut strands = Vec::with_capacity(count.min(STRANDS_MAX));
        for _ in 0..count {
            strands.push(strand_place(fields)?);
        }
        let is_ascending = strands.is_sorted_by(|one, next| one.strand < next.strand);
        (fields.is_empty() && is_ascending).then_some(Self {
            key,
            node,
            cluster,
            generation,
            strands,
        })
    }
}

fn strand_place(fields: &mut Fields<'_>) -> Option<StrandPlace> {
    let strand = StrandId(fields.u16()?);
    let shard = ShardId(fields.u16()?);
    let extent_bytes = fields.u32()?;
    let lifetime = match fields.u8()? {
        BRIEF => Lifetime::Brief,
        FINITE => Lifetime::Finite,
        ENDLESS => Lifetime::Endless,
        _ => return None,
    };
    fields.array::<3>()?;
    Some(StrandPlace { strand, shard, lifetime, extent_bytes })
}
