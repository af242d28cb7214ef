//! What bounds a coordinator beside its configuration.

/// Longest name of a group or member and longest `group.instance.id`, in bytes: Kafka's records
/// hold no longer string.
pub const NAME_BYTES_MAX: usize = i16::MAX as usize;

/// Bytes of a client id that become part of the ids of its members.
pub const CLIENT_ID_BYTES_MAX: usize = 1_024;

/// Protocols that a member may offer.
pub const PROTOCOLS_MAX: usize = 1_024;

/// Longest regular expression that a member may subscribe by, in bytes: its heartbeat compiles it.
pub const PATTERN_BYTES_MAX: usize = 1 << 10;

/// Different regular expressions in one group.
pub const PATTERNS_MAX: usize = 256;

/// Bytes that a regular expression may take up when it is compiled.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 64 << 10;

/// Bytes of names that a regular expression is matched against before others have their turn.
pub const MATCH_BYTES: usize = 4 << 10;

/// How long what regular expressions stand for is not looked for again, in milliseconds (Kafka's
/// `REGEX_BATCH_REFRESH_MIN_INTERVAL_MS`).
pub const MATCH_PAUSE_MS: i32 = 10_000;

/// A member that is over and could not be written off is tried again after this, in milliseconds.
pub const FENCE_PAUSE_MS: i32 = 500;

/// How long a member may wait for the end of its first join, in milliseconds (Kafka's
/// `classicGroupNewMemberJoinTimeoutMs`): it sends no heartbeats meanwhile.
pub const FIRST_JOIN_MS_MAX: i32 = 5 * 60 * 1_000;

/// How long static members of whom none joined are waited for once more, at the least, in
/// milliseconds: their own timeout may be none.
pub const LATE_JOIN_MS_MIN: i32 = 1_000;

/// Groups that one step of the search for expired offsets looks at.
pub const EXPIRY_GROUPS: usize = 64;

/// Between two steps of a search that is not over, in microseconds.
pub const EXPIRY_PAUSE_US: u64 = 100_000;

/// Bytes of a batch where what is written may as well be several; a larger record alone is more.
pub const BATCH_BYTES: usize = 128 << 10;

/// Bytes that a group, an offset and a member take up beside their names, about.
pub(super) const GROUP_BYTES: usize = 512;
pub(super) const OFFSET_BYTES: usize = 96;
pub(super) const MEMBER_BYTES: usize = 256;
/// Of a name in a list.
pub(super) const NAME_BYTES: usize = 24;

/// Bytes of so many numbers under one topic.
pub(super) fn partitions(count: usize) -> usize {
    32 + 4 * count
}
