//! Reads and writes in place.

use crate::base::Block;
use crate::base::PAGE;
use crate::io::disk::Disk;
use crate::io::disk::READS_IN_FLIGHT_BYTES;
use crate::io::disk::failure_of;
use crate::io::disk::files::OpenFile;
use crate::io::memory::copied;
use crate::io::memory::received;
use crate::io::memory::writable;
use crate::strand::File;
use crate::strand::IoFailure;

/// Short reads before the end of a file, in a row, after which the read has failed.
const SHORT_READS_MAX: usize = 8;

impl Disk {
    pub(super) async fn write(
        &self,
        file: File,
        position: u64,
        data: Block,
    ) -> Result<(), IoFailure> {
        let open = self.files.get(&self.paths, file).await?;
        let bytes = data.len();
        assert!(bytes > 0 && bytes.is_multiple_of(PAGE), "a length that the disk takes");
        assert!(position.is_multiple_of(PAGE as u64), "a position that the disk takes");
        assert!(position + bytes as u64 <= open.bytes(), "a write beyond the end of {file:?}");
        let (buffer, _charged) = writable(data);
        let written = open.dma().write_rc_at(buffer, position).await.map_err(failure_of)?;
        if written != bytes {
            return Err(IoFailure::Short);
        }
        self.count(|figures| {
            figures.writes += 1;
            figures.bytes_written += bytes as u64;
        });
        Ok(())
    }

    pub(super) async fn read(
        &self,
        file: File,
        position: u64,
        bytes: u32,
    ) -> Result<Block, IoFailure> {
        let turn = u64::from(bytes).min(READS_IN_FLIGHT_BYTES);
        let _turn = self.reading.acquire_permit(turn).await.map_err(failure_of)?;
        let open = self.files.get(&self.paths, file).await?;
        let block = read_whole(&open, position, bytes as usize).await?;
        self.count(|figures| {
            figures.reads += 1;
            figures.bytes_read += block.len() as u64;
        });
        Ok(block)
    }
}

/// Reads up to the end of the file if it comes first. The kernel may give less than was asked
/// for; the rest is asked for again from the page where it stopped.
async fn read_whole(open: &OpenFile, position: u64, bytes: usize) -> Result<Block, IoFailure> {
    let end = open.bytes().min(position.saturating_add(bytes as u64));
    let wanted = usize::try_from(end.saturating_sub(position)).unwrap_or(bytes);
    if wanted == 0 {
        return Ok(copied(&[]));
    }
    let first = open.dma().read_at_aligned(position, bytes).await.map_err(failure_of)?;
    if first.len() >= wanted {
        return Ok(received(first));
    }
    let mut parts = vec![first];
    for _ in 0..SHORT_READS_MAX {
        let have: usize = parts.iter().map(|part| part.len()).sum();
        if have >= wanted {
            let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
            return Ok(copied(&parts));
        }
        if !have.is_multiple_of(PAGE) {
            break;
        }
        let next = open.dma().read_at_aligned(position + have as u64, bytes - have);
        parts.push(next.await.map_err(failure_of)?);
    }
    Err(IoFailure::Short)
}
