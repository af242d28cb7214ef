//! A Produce request and its answer, walked side by side.

use crate::requests::Part;
use crate::requests::check_batch;
use crate::requests::invalid;
use std::io;

/// Partitions and topics that a request may name; the frame bounds them, this bounds a lie.
const COUNT_MAX: i32 = 1 << 20;

/// A request that is being worked on. The answer grows with it.
pub(crate) struct Produce {
    version: i16,
    acks: i16,
    at: usize,
    topics_left: i32,
    partitions_left: i32,
    answer: Vec<u8>,
}

impl Produce {
    /// Reads up to the topics.
    pub(crate) fn parse(frame: &[u8], version: i16) -> io::Result<Self> {
        let correlation = i32::from_be_bytes(take(frame, &mut 4)?);
        let mut at = 8;
        skip_string(frame, &mut at)?;
        skip_string(frame, &mut at)?;
        let acks = i16::from_be_bytes(take(frame, &mut at)?);
        at += 4;
        let topics_left = count(frame, &mut at)?;
        let mut answer = Vec::with_capacity(96);
        answer.extend_from_slice(&[0; 4]);
        answer.extend_from_slice(&correlation.to_be_bytes());
        answer.extend_from_slice(&topics_left.to_be_bytes());
        Ok(Self { version, acks, at, topics_left, partitions_left: 0, answer })
    }

    /// The next batch, checked.
    pub(crate) fn next_part(&mut self, frame: &[u8]) -> io::Result<Option<Part>> {
        while self.partitions_left == 0 {
            if self.topics_left == 0 {
                return Ok(None);
            }
            self.topics_left -= 1;
            let name = self.at;
            skip_string(frame, &mut self.at)?;
            self.answer.extend_from_slice(&frame[name..self.at]);
            self.partitions_left = count(frame, &mut self.at)?;
            self.answer.extend_from_slice(&self.partitions_left.to_be_bytes());
        }
        self.partitions_left -= 1;
        let partition = i32::from_be_bytes(take(frame, &mut self.at)?);
        self.answer.extend_from_slice(&partition.to_be_bytes());
        let bytes = count_of_bytes(frame, &mut self.at)?;
        let range = self.at..self.at + bytes;
        self.at = range.end;
        check_batch(frame, partition, range).map(Some)
    }

    /// Completes the answer for the batch that was taken last.
    pub(crate) fn answer_part(&mut self, base_offset: i64) {
        let answer = &mut self.answer;
        answer.extend_from_slice(&0_i16.to_be_bytes());
        answer.extend_from_slice(&base_offset.to_be_bytes());
        answer.extend_from_slice(&(-1_i64).to_be_bytes());
        if self.version >= 5 {
            answer.extend_from_slice(&0_i64.to_be_bytes());
        }
        if self.version >= 8 {
            answer.extend_from_slice(&0_i32.to_be_bytes());
            answer.extend_from_slice(&(-1_i16).to_be_bytes());
        }
    }

    /// The answer's frame; none with acks=0.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        self.answer.extend_from_slice(&0_i32.to_be_bytes());
        let length = (self.answer.len() - 4) as i32;
        self.answer[..4].copy_from_slice(&length.to_be_bytes());
        (self.acks != 0).then_some(self.answer)
    }
}

fn take<const N: usize>(frame: &[u8], at: &mut usize) -> io::Result<[u8; N]> {
    let bytes = frame.get(*at..).and_then(|rest| rest.first_chunk::<N>());
    *at += N;
    bytes.copied().ok_or_else(|| invalid("cut off"))
}

/// A string that may be null.
fn skip_string(frame: &[u8], at: &mut usize) -> io::Result<()> {
    let length = i16::from_be_bytes(take(frame, at)?);
    *at += usize::try_from(length).unwrap_or(0);
    if *at <= frame.len() { Ok(()) } else { Err(invalid("cut off")) }
}

fn count(frame: &[u8], at: &mut usize) -> io::Result<i32> {
    let count = i32::from_be_bytes(take(frame, at)?);
    if (0..=COUNT_MAX).contains(&count) { Ok(count) } else { Err(invalid("impossible count")) }
}

fn count_of_bytes(frame: &[u8], at: &mut usize) -> io::Result<usize> {
    let length = i32::from_be_bytes(take(frame, at)?);
    let left = frame.len() - *at;
    usize::try_from(length)
        .ok()
        .filter(|&length| length <= left)
        .ok_or_else(|| invalid("impossible length"))
}
