//! The first 64 bytes of a frame.

use crate::base::PAGE;
use crate::base::StrandId;
use crate::strand::fields::Fields;
use crate::strand::fields::Filling;
use crate::strand::frame::FrameFault;
use crate::strand::frame::table::ENTRY_BYTES_MIN;
use crate::strand::key::StoreKey;
use crate::strand::op::ExtentId;

/// Bytes of a frame's header.
pub const FRAME_HEADER: usize = 64;

/// Longest frame with more than one batch (R3). A larger batch goes alone.
pub const FRAME_LIMIT: usize = 1 << 20;

const MAGIC: [u8; 4] = *b"SLfr";
const VERSION: u16 = 1;
const DOMAIN: [u8; 4] = *b"fram";

/// Where a frame must say that it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FramePlace {
    pub strand: StrandId,
    pub extent: ExtentId,
    pub use_number: u64,
    /// Bytes from the start of the extent.
    pub position: u32,
}

/// | at | field | |
/// |---|---|---|
/// | 0 | magic `SLfr` | |
/// | 4 | version u16 | 1 |
/// | 6 | in flight u16 | K when this frame was issued (R2) |
/// | 8 | use u64 | |
/// | 16 | sequence u64 | never reused in a strand |
/// | 24 | proven u64 | highest sequence known durable when this frame was handed to the disk |
/// | 32 | extent u32 | |
/// | 36 | strand u16, zeros u16 | |
/// | 40 | position u32 | |
/// | 44 | table bytes u32 | |
/// | 48 | payload bytes u32 | |
/// | 52 | entries u32 | |
/// | 56 | CRC-32C of the table u32 | |
/// | 60 | keyed CRC-32C of bytes 0–59 u32 | |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    pub place: FramePlace,
    pub sequence: u64,
    pub proven: u64,
    pub in_flight: u16,
    pub table_bytes: u32,
    pub payload_bytes: u32,
    pub entries: u32,
    pub table_crc: u32,
}

impl FrameHeader {
    /// Reads the header at the front of `bytes`: whether it is one, not whether it is where it
    /// belongs. Lengths in what it returns are consistent with each other and do not overflow.
    pub fn parse(bytes: &[u8], key: &StoreKey) -> Result<Self, FrameFault> {
        let header = bytes.get(..FRAME_HEADER).ok_or(FrameFault::Absent)?;
        if header[..4] != MAGIC {
            return Err(FrameFault::Absent);
        }
        let crc = Fields::new(&header[60..]).u32().ok_or(FrameFault::Absent)?;
        if crc != key.crc(&DOMAIN, &header[..60]) {
            return Err(FrameFault::Header);
        }
        let mut fields = Fields::new(&header[4..]);
        let version = fields.u16().ok_or(FrameFault::Absent)?;
        if version != VERSION {
            return Err(FrameFault::Version(version));
        }
        let header = Self::fields(&mut fields).ok_or(FrameFault::Header)?;
        if header.is_consistent() { Ok(header) } else { Err(FrameFault::Header) }
    }

    fn fields(fields: &mut Fields<'_>) -> Option<Self> {
        let in_flight = fields.u16()?;
        let use_number = fields.u64()?;
        let sequence = fields.u64()?;
        let proven = fields.u64()?;
        let extent = ExtentId(fields.u32()?);
        let strand = StrandId(fields.u16()?);
        fields.u16()?;
        let position = fields.u32()?;
        Some(Self {
            place: FramePlace { strand, extent, use_number, position },
            sequence,
            proven,
            in_flight,
            table_bytes: fields.u32()?,
            payload_bytes: fields.u32()?,
            entries: fields.u32()?,
            table_crc: fields.u32()?,
        })
    }

    fn is_consistent(&self) -> bool {
        let bytes =
            FRAME_HEADER as u64 + u64::from(self.table_bytes) + u64::from(self.payload_bytes);
        let end = u64::from(self.place.position) + bytes.next_multiple_of(PAGE as u64);
        let table_min = u64::from(self.entries) * ENTRY_BYTES_MIN as u64;
        end <= u64::from(u32::MAX)
            && (self.place.position as usize).is_multiple_of(PAGE)
            && table_min <= u64::from(self.table_bytes)
    }

    /// Whole length in bytes, padding included.
    pub fn frame_bytes(&self) -> u32 {
        (self.payload_start() + self.payload_bytes).next_multiple_of(PAGE as u32)
    }

    /// Where the payload begins, from the start of the frame.
    pub fn payload_start(&self) -> u32 {
        FRAME_HEADER as u32 + self.table_bytes
    }

    /// Position in the extent at which the next frame begins.
    pub fn next_position(&self) -> u32 {
        self.place.position + self.frame_bytes()
    }

    pub(super) fn encode(&self, key: &StoreKey, out: &mut [u8]) {
        debug_assert!(self.is_consistent(), "a frame that its own parser refuses");
        let mut fields = Filling::new(&mut out[..FRAME_HEADER - 4]);
        fields.put(&MAGIC);
        fields.u16(VERSION);
        fields.u16(self.in_flight);
        fields.u64(self.place.use_number);
        fields.u64(self.sequence);
        fields.u64(self.proven);
        fields.u32(self.place.extent.0);
        fields.u16(self.place.strand.0);
        fields.u16(0);
        fields.u32(self.place.position);
        fields.u32(self.table_bytes);
        fields.u32(self.payload_bytes);
        fields.u32(self.entries);
        fields.u32(self.table_crc);
        let crc = key.crc(&DOMAIN, &out[..FRAME_HEADER - 4]);
        out[FRAME_HEADER - 4..FRAME_HEADER].copy_from_slice(&crc.to_le_bytes());
    }
}
