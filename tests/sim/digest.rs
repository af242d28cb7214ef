//! A fingerprint of everything that happened, in order: the same seed must give the same one.

use strandlog::strand::Notice;
use strandlog::strand::Op;
use strandlog::strand::Outcome;
use strandlog::strand::Token;

use crate::world::outcome_mark;

/// See the module. Prints what it takes in when it is told to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Digest {
    state: u64,
    pub loud: bool,
}

impl Digest {
    pub fn value(&self) -> u64 {
        self.state
    }

    pub fn add(&mut self, words: &[u64]) {
        for word in words {
            self.state = (self.state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        }
    }

    pub fn op(&mut self, now: u64, token: Token, op: &Op) {
        let (kind, words) = match op {
            Op::List => (1, [0, 0]),
            Op::Lock { .. } => (2, [0, 0]),
            Op::Flush => (3, [0, 0]),
            Op::Read { position, bytes, .. } => (4, [*position, u64::from(*bytes)]),
            Op::Write { position, data, .. } => {
                (5, [*position, u64::from(crc32c::crc32c(data.bytes()))])
            }
            Op::Allocate { extent, bytes, .. } => (6, [u64::from(extent.0), *bytes]),
            Op::StoreIndex { index, data } => (7, [index.0, data.len() as u64]),
            Op::GrowSlot { bytes, .. } => (8, [*bytes, 0]),
            Op::Remove { .. } => (9, [0, 0]),
        };
        self.add(&[now, token.0, kind, words[0], words[1]]);
        if self.loud {
            println!("{now:>9} → {} {op:?}", token.0);
        }
    }

    pub fn outcome(&mut self, now: u64, token: Token, outcome: &Outcome) {
        self.add(&[now, token.0, outcome_mark(outcome)]);
        if self.loud {
            println!("{now:>9} ← {} {outcome:?}", token.0);
        }
    }

    pub fn notice(&mut self, now: u64, notice: &Notice) {
        let text = format!("{notice:?}");
        self.add(&[now, u64::from(crc32c::crc32c(text.as_bytes()))]);
        if self.loud {
            println!("{now:>9} ! {text}");
        }
    }

    /// For what only a human wants to see.
    pub fn say(&self, now: u64, text: impl FnOnce() -> String) {
        if self.loud {
            println!("{now:>9}   {}", text());
        }
    }
}
