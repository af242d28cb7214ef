//! What is on its way from the disk, and what waiting reads hold of what came.

use std::collections::BTreeMap;

use crate::base::Block;
use crate::strand::op::File;
use crate::strand::op::IndexId;
use crate::strand::op::Op;
use crate::strand::op::Token;
use crate::strand::output::Damage;
use crate::strand::output::DamageReport;
use crate::strand::output::ReadId;
use crate::strand::read::PAGE_BYTES;
use crate::strand::read::ReadFigures;
use crate::strand::read::ReadPort;
use crate::strand::read::assemble::RunBytes;
use crate::strand::read::locate::PageKey;
use crate::strand::read::window::Window;
use crate::strand::run::PlacedRun;
use crate::strand::run::Use;

/// Reads of a strand that are on their way to the disk at once.
pub(super) const FETCHES_MAX: usize = 64;

/// Something on disk that a read needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    Page(PageKey),
    Window(Window),
}

impl Wanted {
    pub(super) fn bytes(&self) -> u32 {
        match self {
            Self::Page(_) => PAGE_BYTES,
            Self::Window(window) => window.bytes,
        }
    }

    fn place(&self) -> (File, u64) {
        match self {
            Self::Page(key) => (File::Index(key.index), key.position()),
            Self::Window(window) => (File::Extent(window.place.extent), u64::from(window.position)),
        }
    }

    pub(super) fn unreadable(&self) -> DamageReport {
        let (file, position) = self.place();
        DamageReport { file, position, partition: None, damage: Damage::Unreadable }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Page(one), Self::Page(other)) => one == other,
            (Self::Window(one), Self::Window(other)) => {
                one.place == other.place
                    && one.position <= other.position
                    && other.end() <= one.end()
            }
            _ => false,
        }
    }
}

/// What a waiting read was given.
#[derive(Debug, Default)]
pub(super) struct Held {
    pages: Vec<(PageKey, Block)>,
    windows: Vec<(Window, Block)>,
}

impl Held {
    pub(super) fn page(&self, key: PageKey) -> Option<Block> {
        let (_, block) = self.pages.iter().find(|(held, _)| *held == key)?;
        Some(block.clone())
    }

    pub(super) fn run(&self, placed: &PlacedRun) -> Option<RunBytes> {
        self.windows.iter().find_map(|(window, block)| {
            let range = window.range_of(placed)?;
            Some(RunBytes { block: block.clone(), range, is_own: false })
        })
    }

    fn bytes(&self) -> usize {
        let pages = self.pages.iter().map(|(_, block)| block.len());
        let windows = self.windows.iter().map(|(_, block)| block.len());
        pages.chain(windows).sum()
    }
}

#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) wanted: Wanted,
    pub(super) waiters: Vec<ReadId>,
}

/// Ops under way, with their memory and that of what is held.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    under_way: BTreeMap<Token, Fetch>,
    bytes: usize,
    held_bytes: usize,
}

impl Fetches {
    /// Whether all of `needs` may be asked for at once, within `bytes_max`. When nothing is under
    /// way they always may: somebody must get on.
    pub(super) fn admits(&self, needs: &[Wanted], bytes_max: usize) -> bool {
        let bytes: usize = needs.iter().map(|wanted| wanted.bytes() as usize).sum();
        let fits = self.under_way.len() + needs.len() <= FETCHES_MAX
            && self.bytes + self.held_bytes + bytes <= bytes_max;
        fits || self.under_way.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < FETCHES_MAX
    }

    /// Asks for `wanted`, or joins the fetch that brings it already.
    pub(super) fn fetch(
        &mut self,
        wanted: Wanted,
        waiter: Option<ReadId>,
        port: &mut dyn ReadPort,
        figures: &mut ReadFigures,
    ) -> Token {
        let same = self.under_way.iter_mut().find(|(_, fetch)| fetch.wanted.covers(&wanted));
        if let Some((token, fetch)) = same {
            fetch.waiters.extend(waiter);
            return *token;
        }
        let (file, position) = wanted.place();
        let token = port.issue(Op::Read { file, position, bytes: wanted.bytes() });
        self.under_way.insert(token, Fetch { wanted, waiters: waiter.into_iter().collect() });
        self.bytes += wanted.bytes() as usize;
        figures.fetches += 1;
        figures.fetched_bytes += u64::from(wanted.bytes());
        token
    }

    pub(super) fn ended(&mut self, token: Token) -> Fetch {
        let fetch = self.under_way.remove(&token).expect("the outcome of an op that was issued");
        self.bytes -= fetch.wanted.bytes() as usize;
        fetch
    }

    pub(super) fn hold(&mut self, held: &mut Held, wanted: Wanted, block: Block) {
        self.held_bytes += block.len();
        match wanted {
            Wanted::Page(key) => held.pages.push((key, block)),
            Wanted::Window(window) => held.windows.push((window, block)),
        }
    }

    pub(super) fn release(&mut self, held: Held) {
        self.held_bytes -= held.bytes();
    }

    pub(super) fn holds(&self, place: Use) -> bool {
        let is_of_use = |wanted: &Wanted| match wanted {
            Wanted::Window(window) => window.place == place,
            Wanted::Page(_) => false,
        };
        self.under_way.values().any(|fetch| is_of_use(&fetch.wanted))
    }

    pub(super) fn holds_index(&self, index: IndexId) -> bool {
        let is_of_index = |wanted: &Wanted| match wanted {
            Wanted::Page(key) => key.index == index,
            Wanted::Window(_) => false,
        };
        self.under_way.values().any(|fetch| is_of_index(&fetch.wanted))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }
}
