//! How long records stay, in the classes that storage keeps apart.

/// A shard writes partitions of different lifetimes into different strands: mixed, records that
/// stay pin the extents of those that go, and evacuation writes several times what clients send
/// (the space model in tuning.md has the figures).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lifetime {
    /// Deleted within a day.
    Brief,
    /// Deleted some day.
    Finite,
    /// Kept until somebody says otherwise: no retention time, or compaction.
    Endless,
}

impl Lifetime {
    pub const ALL: [Self; 3] = [Self::Brief, Self::Finite, Self::Endless];

    /// Up to this `retention.ms` a topic is brief.
    pub const BRIEF_MS_MAX: i64 = 24 * 60 * 60 * 1000;
}
