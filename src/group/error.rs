//! The coordinator's expected noes.

/// Why a coordinator does not do what it was asked. The names are Kafka's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Error {
    /// The group's state is being read from the log.
    CoordinatorLoadInProgress,
    /// It could not be written down; try again.
    CoordinatorNotAvailable,
    /// The group is another coordinator's, or nobody's yet.
    NotCoordinator,
    /// A group's name that no group can have.
    InvalidGroupId,
    IllegalGeneration,
    InconsistentGroupProtocol,
    UnknownMemberId,
    InvalidSessionTimeout,
    RebalanceInProgress,
    /// The member shall join again by the id that it was given.
    MemberIdRequired,
    /// Another process joined under the member's `group.instance.id`.
    FencedInstanceId,
    GroupMaxSizeReached,
    OffsetMetadataTooLarge,
    InvalidCommitOffsetSize,
    UnknownTopicOrPartition,
    UnknownTopicId,
    NonEmptyGroup,
    GroupIdNotFound,
    GroupSubscribedToTopic,
    InvalidRequest,
    /// What the group would be cannot be written down at all.
    UnknownServerError,
}
