//! The first page of an extent: which filling of it this is, and what came before (R4, R5).

#[cfg(test)]
mod tests;

use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::key::StoreKey;
use crate::strand::op::ExtentId;

const MAGIC: [u8; 4] = *b"SLex";
const VERSION: u16 = 1;
const DOMAIN: [u8; 4] = *b"exte";
const CRC_AT: usize = PAGE - 4;

/// The use that a use follows, and up to where it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Predecessor {
    pub extent: ExtentId,
    pub use_number: u64,
    /// Highest sequence of that use that counts: frames of that use beyond it are void.
    pub closing_end: u64,
    /// Highest sequence known durable when this header was handed to the disk; at most
    /// `closing_end`, and that where a start declares where it ended.
    pub proven: u64,
}

/// | at | field |
/// |---|---|
/// | 0 | magic `SLex` |
/// | 4 | version u16 (1), strand u16 |
/// | 8 | extent u32, extent bytes u32 |
/// | 16 | store id, 16 bytes |
/// | 32 | use u64 |
/// | 40 | start u64 |
/// | 48 | first sequence u64 |
/// | 56 | has a predecessor u32 (0, 1), its extent u32 |
/// | 64 | its use u64, its closing end u64, proven u64 |
/// | 88 | zeros |
/// | 4092 | keyed CRC-32C of bytes 0–4091 u32 |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtentHeader {
    pub strand: StrandId,
    pub extent: ExtentId,
    pub extent_bytes: u32,
    pub use_number: u64,
    /// Number of the process start that began this use; the chain from the highest one binds.
    pub start: u64,
    /// Sequence of the first frame of this use.
    pub first_sequence: u64,
    /// `None` only in the first use of a strand.
    pub predecessor: Option<Predecessor>,
}

/// Why a page is not an extent's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HeaderFault {
    /// All zeros: the extent was allocated and never used.
    Zeros,
    /// It does not validate: another store's, damaged, or never written.
    Damaged,
    /// It is of a format that this version does not know.
    Version(u16),
}

impl ExtentHeader {
    /// Reads the header of a file whose first page is `page`. Whether strand and extent are the
    /// expected ones is the caller's to compare.
    pub fn parse(page: &[u8], key: &StoreKey) -> Result<Self, HeaderFault> {
        let page = page.first_chunk::<PAGE>().ok_or(HeaderFault::Damaged)?;
        if page.iter().all(|byte| *byte == 0) {
            return Err(HeaderFault::Zeros);
        }
        let crc = u32::from_le_bytes([page[4092], page[4093], page[4094], page[4095]]);
        if page[..4] != MAGIC || crc != key.crc(&DOMAIN, &page[..CRC_AT]) {
            return Err(HeaderFault::Damaged);
        }
        let version = u16::from_le_bytes([page[4], page[5]]);
        if version != VERSION {
            return Err(HeaderFault::Version(version));
        }
        Self::fields(&mut Fields::new(&page[6..]), key).ok_or(HeaderFault::Damaged)
    }

    fn fields(fields: &mut Fields<'_>, key: &StoreKey) -> Option<Self> {
        let strand = StrandId(fields.u16()?);
        let extent = ExtentId(fields.u32()?);
        let extent_bytes = fields.u32()?;
        let store = fields.array::<16>()?;
        let use_number = fields.u64()?;
        let start = fields.u64()?;
        let first_sequence = fields.u64()?;
        let has_predecessor = fields.u32()?;
        let predecessor = Predecessor {
            extent: ExtentId(fields.u32()?),
            use_number: fields.u64()?,
            closing_end: fields.u64()?,
            proven: fields.u64()?,
        };
        let predecessor = match has_predecessor {
            0 => None,
            1 => Some(predecessor),
            _ => return None,
        };
        let header =
            Self { strand, extent, extent_bytes, use_number, start, first_sequence, predecessor };
        (store == key.store).then_some(header)
    }

    /// Writes the header into the page at the front of a use.
    pub fn encode(&self, key: &StoreKey, page: &mut [u8]) {
        assert_eq!(page.len(), PAGE, "a header is one page");
        let mut fields = Filling::new(&mut page[..CRC_AT]);
        fields.put(&MAGIC);
        fields.u16(VERSION);
        fields.u16(self.strand.0);
        fields.u32(self.extent.0);
        fields.u32(self.extent_bytes);
        fields.put(&key.store);
        fields.u64(self.use_number);
        fields.u64(self.start);
        fields.u64(self.first_sequence);
        let predecessor = self.predecessor;
        fields.u32(u32::from(predecessor.is_some()));
        fields.u32(predecessor.map_or(0, |predecessor| predecessor.extent.0));
        fields.u64(predecessor.map_or(0, |predecessor| predecessor.use_number));
        fields.u64(predecessor.map_or(0, |predecessor| predecessor.closing_end));
        fields.u64(predecessor.map_or(0, |predecessor| predecessor.proven));
        fields.zero_rest();
        let crc = key.crc(&DOMAIN, &page[..CRC_AT]);
        page[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    }
}
