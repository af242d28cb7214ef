//! The codecs of a batch's payload. Whatever is decompressed has a hard bound: a few KiB can claim
//! to be terabytes.

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::BlockMode;
use lz4_flex::frame::BlockSize;
use lz4_flex::frame::FrameDecoder;
use lz4_flex::frame::FrameEncoder;
use lz4_flex::frame::FrameInfo;
use std::fmt;
use std::io;
use std::io::Read;
use std::io::Write;

/// Before the blocks of snappy-java's stream: magic, version 1, compatible with version 1.
const XERIAL_HEADER: [u8; 16] =
    [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_MAGIC_BYTES: usize = 8;
/// What snappy-java puts into one block.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;
/// 128 MiB, the widest window that zstd's own decoder accepts unasked.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How the payload of a batch is compressed. The numbers are those of the attributes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    pub fn id(self) -> u8 {
        self as u8
    }

    /// The name in `compression.type` and in Kafka's tools.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// Why a payload was not decompressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompressError {
    /// Not what this codec writes, or cut off.
    Corrupt(Codec),
    /// It would be larger than the bound, in bytes.
    TooLarge { bytes_max: usize },
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(codec) => {
                write!(f, "Failed to decompress record stream ({})", codec.name())
            }
            Self::TooLarge { bytes_max } => {
                write!(f, "The records are larger than {bytes_max} bytes when decompressed.")
            }
        }
    }
}

/// Appends the decompressed `payload` to `out`, at most `bytes_max` bytes. After an error `out`
/// holds a part.
pub fn decompress(
    codec: Codec,
    payload: &[u8],
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    match codec {
        Codec::None => {
            within(payload.len(), bytes_max)?;
            out.extend_from_slice(payload);
            Ok(())
        }
        Codec::Gzip => drain(codec, MultiGzDecoder::new(payload), bytes_max, out),
        Codec::Snappy => unsnap(payload, bytes_max, out),
        Codec::Lz4 => drain(codec, FrameDecoder::new(payload), bytes_max, out),
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(payload)
                .map_err(|_| CompressError::Corrupt(codec))?;
            decoder
                .window_log_max(ZSTD_WINDOW_LOG_MAX)
                .map_err(|_| CompressError::Corrupt(codec))?;
            drain(codec, decoder, bytes_max, out)
        }
    }
}

fn within(bytes: usize, bytes_max: usize) -> Result<(), CompressError> {
    if bytes <= bytes_max { Ok(()) } else { Err(CompressError::TooLarge { bytes_max }) }
}

/// What grows as it comes. More than that is given all the room it may fill at once: growing by
/// copies would hold a large batch twice, and room that is not filled costs addresses only.
const GROWING_BYTES_MAX: usize = 4 << 20;

/// Reads one byte more than allowed, to tell *full* from *too large*.
fn drain(
    codec: Codec,
    mut decoder: impl Read,
    bytes_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    let corrupt = |_| CompressError::Corrupt(codec);
    let limit = bytes_max.saturating_add(1);
    let growing = limit.min(GROWING_BYTES_MAX);
    let mut read = decoder.by_ref().take(growing as u64).read_to_end(out).map_err(corrupt)?;
    if read == growing && read < limit {
        let rest = limit - read;
        out.try_reserve_exact(rest).map_err(|_| CompressError::TooLarge { bytes_max })?;
        read += decoder.take(rest as u64).read_to_end(out).map_err(corrupt)?;
    }
    within(read, bytes_max)
}

/// Snappy comes in two dresses: the blocks of snappy-java's stream (Java, librdkafka, sarama,
/// kafka-python) and one bare block (franz-go and some old clients).
fn unsnap(payload: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
    if !payload.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC_BYTES]) {
        return unsnap_block(payload, bytes_max, out);
    }
    let from = out.len();
    let mut rest = payload;
    while !rest.is_empty() {
        // Streams may follow each other, each with its header (snappy-java reads that too).
        if rest.starts_with(&XERIAL_HEADER[..XERIAL_MAGIC_BYTES]) {
            rest = rest.get(XERIAL_HEADER.len()..).ok_or(CompressError::Corrupt(Codec::Snappy))?;
            continue;
        }
        let corrupt = CompressError::Corrupt(Codec::Snappy);
        let (length, tail) = rest.split_first_chunk::<4>().ok_or(corrupt)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| corrupt)?;
        let (block, tail) = tail.split_at_checked(length).ok_or(corrupt)?;
        let left = bytes_max - (out.len() - from);
        unsnap_block(block, left, out).map_err(|error| match error {
            CompressError::TooLarge { .. } => CompressError::TooLarge { bytes_max },
            corrupt @ CompressError::Corrupt(_) => corrupt,
        })?;
        rest = tail;
    }
    Ok(())
}

fn unsnap_block(block: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), CompressError> {
    let corrupt = |_| CompressError::Corrupt(Codec::Snappy);
    let length = snap::raw::decompress_len(block).map_err(corrupt)?;
    within(length, bytes_max)?;
    // A block's claim is believed as far as its size allows: snappy never packs more tightly than
    // 64 bytes into 3.
    if length > block.len().saturating_mul(22) {
        return Err(CompressError::Corrupt(Codec::Snappy));
    }
    let from = out.len();
    out.resize(from + length, 0);
    let written = snap::raw::Decoder::new().decompress(block, &mut out[from..]).map_err(corrupt)?;
    out.truncate(from + written);
    Ok(())
}

/// Appends the compressed `payload` to `out`. `level` is Kafka's for gzip (-1, 1–9) and zstd
/// (negative–22), brought into the codec's range; snappy has none, and this LZ4 encoder has one
/// (`compression.lz4.level` picks among encoders of Java's library that take more time).
pub fn compress(codec: Codec, level: i32, payload: &[u8], out: &mut Vec<u8>) {
    let written = match codec {
        Codec::None => {
            out.extend_from_slice(payload);
            Ok(())
        }
        Codec::Gzip => gzip(level, payload, out),
        Codec::Snappy => snap_blocks(payload, out),
        Codec::Lz4 => lz4(payload, out),
        Codec::Zstd => {
            let range = zstd::compression_level_range();
            let level = level.clamp(*range.start(), *range.end());
            zstd::stream::copy_encode(payload, out, level)
        }
    };
    written.expect("memory takes every byte, and every level is in its codec's range");
}

fn gzip(level: i32, payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let level = match u32::try_from(level) {
        Ok(level) => flate2::Compression::new(level.clamp(1, 9)),
        Err(_) => flate2::Compression::default(),
    };
    let mut encoder = GzEncoder::new(out, level);
    encoder.write_all(payload)?;
    encoder.finish().map(drop)
}

/// snappy-java's stream: the only dress that every client knows.
fn snap_blocks(payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(&XERIAL_HEADER);
    let mut encoder = snap::raw::Encoder::new();
    for block in payload.chunks(XERIAL_BLOCK_BYTES) {
        let at = out.len();
        out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
        let written = encoder.compress(block, &mut out[at + 4..])?;
        out[at..at + 4].copy_from_slice(&(written as i32).to_be_bytes());
        out.truncate(at + 4 + written);
    }
    Ok(())
}

/// Java's reader wants independent blocks and no dictionary; 64 KiB is what its writer uses.
fn lz4(payload: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let frame = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(frame, out);
    encoder.write_all(payload)?;
    encoder.finish().map(drop).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
