//! Cuts a connection's bytes into request frames: four bytes of length, big-endian, then the frame.
//! The length is checked before any memory is set aside for what it announces.

use std::mem::MaybeUninit;

use bytes::Buf;
use bytes::BufMut;
use bytes::Bytes;
use bytes::BytesMut;

/// Bytes of the length in front of each frame.
const LENGTH_BYTES: usize = 4;

/// Room for a first read, when nothing is known of what comes, and what it grows to while reads
/// fill it: many small requests then come with one.
const ROOM_LEAST: usize = 4 * 1024;
const ROOM_GROWN: usize = 16 * 1024;

/// Up to here, room is made for a whole frame as soon as its length is known. Longer ones get
/// room as their bytes arrive: who announces much and sends little takes little.
const ROOM_AHEAD: usize = 256 * 1024;

/// A length that no frame can have. The connection is closed: what follows cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameFault {
    /// Longer than the limit.
    TooLarge { bytes: u64 },
    /// Negative.
    Negative { bytes: i32 },
}

/// One connection's receive buffer.
#[derive(Debug)]
pub struct Cutter {
    buffer: BytesMut,
    /// Longest frame.
    limit: usize,
    /// Length of the frame that comes next, once it is known; at most `limit`.
    announced: Option<usize>,
    /// Length of the last frame: the next one is likely as long.
    last: usize,
    /// Room for a read before a length is known.
    first: usize,
}

impl Cutter {
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit, announced: None, last: 0, first: ROOM_LEAST }
    }

    /// Length of the frame that is being received, once it is known.
    pub fn announced(&self) -> Option<usize> {
        self.announced
    }

    /// Bytes that are here and not yet cut off.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Memory to receive into: never empty, and never more than [`ROOM_AHEAD`] or twice what is
    /// here already.
    pub fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        let held = self.buffer.len();
        let ahead = ROOM_AHEAD.max(held);
        let wanted = match self.announced {
            // And the length of the frame after it, so that it comes with the same read.
            Some(bytes) => (bytes + 2 * LENGTH_BYTES).saturating_sub(held).min(ahead),
            None => (self.last + 2 * LENGTH_BYTES).clamp(self.first, ROOM_AHEAD),
        };
        self.buffer.reserve(wanted.max(1));
        self.buffer.spare_capacity_mut()
    }

    /// The first `bytes` of [`Self::room`] were received.
    ///
    /// # Safety
    ///
    /// They must have been initialised.
    pub unsafe fn received(&mut self, bytes: usize) {
        assert!(bytes <= self.buffer.capacity() - self.buffer.len(), "received beyond the room");
        // SAFETY: within the capacity, and initialised as the caller promises.
        unsafe { self.buffer.advance_mut(bytes) };
        let is_filled = self.buffer.len() == self.buffer.capacity();
        self.first = match () {
            () if is_filled => (self.first * 2).min(ROOM_GROWN),
            () if bytes < self.first / 4 => (self.first / 2).max(ROOM_LEAST),
            () => self.first,
        };
    }

    /// Cuts off the next frame, if all of it is here.
    pub fn cut(&mut self) -> Result<Option<Bytes>, FrameFault> {
        let bytes = match self.announced {
            Some(bytes) => bytes,
            None => {
                if self.buffer.len() < LENGTH_BYTES {
                    return Ok(None);
                }
                let bytes = read_length(&self.buffer, self.limit)?;
                self.announced = Some(bytes);
                bytes
            }
        };
        if self.buffer.len() - LENGTH_BYTES < bytes {
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        self.announced = None;
        self.last = bytes;
        Ok(Some(self.buffer.split_to(bytes).freeze()))
    }

    /// Gives the memory back while nothing of a frame is here.
    pub fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

fn read_length(mut bytes: &[u8], limit: usize) -> Result<usize, FrameFault> {
    let length = bytes.get_i32();
    let length = usize::try_from(length).map_err(|_| FrameFault::Negative { bytes: length })?;
    if length > limit {
        return Err(FrameFault::TooLarge { bytes: length as u64 });
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 100 << 20;

    fn receive(cutter: &mut Cutter, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = cutter.room();
            let n = room.len().min(bytes.len());
            for (to, from) in room.iter_mut().zip(bytes) {
                to.write(*from);
            }
            // SAFETY: the loop initialised the first `n`.
            unsafe { cutter.received(n) };
            bytes = &bytes[n..];
        }
    }

    fn framed(frame: &[u8]) -> Vec<u8> {
        let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(frame);
        bytes
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_memory_is_set_aside() {
        for (length, fault) in [
            (LIMIT as i32 + 1, FrameFault::TooLarge { bytes: LIMIT as u64 + 1 }),
            (i32::MAX, FrameFault::TooLarge { bytes: i32::MAX as u64 }),
            (-1, FrameFault::Negative { bytes: -1 }),
            (i32::MIN, FrameFault::Negative { bytes: i32::MIN }),
        ] {
            let mut cutter = Cutter::new(LIMIT);
            receive(&mut cutter, &length.to_be_bytes());
            assert_eq!(cutter.cut(), Err(fault));
            assert!(cutter.buffer.capacity() <= ROOM_AHEAD);
        }
    }

    #[test]
    fn who_announces_much_and_sends_little_takes_little() {
        let mut cutter = Cutter::new(LIMIT);
        receive(&mut cutter, &(LIMIT as u32).to_be_bytes());
        receive(&mut cutter, &[0; 10]);
        assert_eq!(cutter.cut(), Ok(None));
        assert_eq!(cutter.announced(), Some(LIMIT));
        assert!(cutter.room().len() <= 2 * ROOM_AHEAD);
        receive(&mut cutter, &[0; 1 << 20]);
        assert!(cutter.buffer.capacity() <= 4 << 20, "{}", cutter.buffer.capacity());
    }

    #[test]
    fn room_grows_while_reads_fill_it_and_shrinks_when_little_comes() {
        let mut cutter = Cutter::new(LIMIT);
        let fill = |cutter: &mut Cutter, share: usize| {
            let bytes = cutter.room().len() / share;
            receive(cutter, &vec![0; bytes]);
            while let Ok(Some(frame)) = cutter.cut() {
                assert!(frame.is_empty(), "zeros are frames without bytes");
            }
            cutter.rest();
            bytes
        };
        let full: Vec<usize> = (0..4).map(|_| fill(&mut cutter, 1)).collect();
        assert_eq!(full, [ROOM_LEAST, 2 * ROOM_LEAST, ROOM_GROWN, ROOM_GROWN]);
        fill(&mut cutter, 64);
        fill(&mut cutter, 64);
        assert_eq!(cutter.room().len(), ROOM_LEAST);
    }

    #[test]
    fn a_resting_connection_holds_no_memory_and_a_waiting_frame_is_not_lost() {
        let mut cutter = Cutter::new(LIMIT);
        receive(&mut cutter, &framed(b"whole"));
        assert_eq!(cutter.cut(), Ok(Some(Bytes::from_static(b"whole"))));
        cutter.rest();
        assert_eq!(cutter.buffer.capacity(), 0);
        receive(&mut cutter, &framed(b"half")[..5]);
        cutter.rest();
        receive(&mut cutter, b"alf");
        assert_eq!(cutter.cut(), Ok(Some(Bytes::from_static(b"half"))));
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_the_bytes_arrive(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9000), 0..8),
            pieces in proptest::collection::vec(1usize..6000, 1..40),
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|frame| framed(frame)).collect();
            let mut cutter = Cutter::new(9000);
            let (mut cut, mut at) = (Vec::new(), 0);
            for piece in pieces.iter().cycle() {
                if at == bytes.len() {
                    break;
                }
                let end = bytes.len().min(at + piece);
                receive(&mut cutter, &bytes[at..end]);
                at = end;
                while let Some(frame) = cutter.cut().expect("no length lies") {
                    cut.push(frame.to_vec());
                }
            }
            prop_assert_eq!(cut, frames);
            prop_assert_eq!(cutter.held(), 0);
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut cutter = Cutter::new(64);
            receive(&mut cutter, &bytes);
            while let Ok(Some(frame)) = cutter.cut() {
                prop_assert!(frame.len() <= 64);
            }
        }
    }
}
