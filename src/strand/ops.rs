//! Which op was issued for what: an outcome finds its way back by its token.

use std::collections::BTreeMap;

use crate::strand::ExtentId;
use crate::strand::IndexId;
use crate::strand::Op;
use crate::strand::Output;
use crate::strand::Token;

/// Why an op was issued, and so who takes its outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// A frame on its way to the disk.
    Frame {
        sequence: u64,
    },
    /// The header that opens a use.
    Header {
        use_number: u64,
    },
    /// The footer of a sealed use.
    Footer {
        use_number: u64,
    },
    Allocate {
        extent: ExtentId,
    },
    RemoveExtent {
        extent: ExtentId,
    },
    StoreIndex {
        index: IndexId,
    },
    RemoveIndex {
        index: IndexId,
    },
    Checkpoint,
    Recovery,
    Evacuation,
    Sweep,
    /// To make an index file anew.
    Reindex,
    /// Of reads, which remember what for.
    Reading,
}

/// Gives out tokens and remembers what each is for.
#[derive(Debug, Default)]
pub(super) struct Ops {
    next: u64,
    waiting: BTreeMap<Token, Purpose>,
}

impl Ops {
    pub(super) fn issue(&mut self, purpose: Purpose, op: Op, out: &mut Output) -> Token {
        self.next += 1;
        let token = Token(self.next);
        self.waiting.insert(token, purpose);
        out.ops.push((token, op));
        token
    }

    /// What the op was for. Every op ends once: a second outcome is the port's bug.
    pub(super) fn ended(&mut self, token: Token) -> Purpose {
        self.waiting.remove(&token).expect("an outcome belongs to an op in flight")
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }
}
