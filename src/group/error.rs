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
    /// There is a group of that name, and it speaks the other protocol.
    GroupOfOtherKind,
    /// The member's epoch is not the group's: it must give everything up and join again.
    FencedMemberEpoch,
    /// A commit or a fetch of offsets by an epoch that is not the member's.
    StaleMemberEpoch,
    /// The member that goes by this `group.instance.id` has not left.
    UnreleasedInstanceId,
    InvalidRegularExpression,
    /// A member of the consumer protocol commits by a version that has no member epochs.
    UnsupportedVersion,
    GroupSubscribedToTopic,
    InvalidRequest,
    /// What the group would be cannot be written down at all.
    UnknownServerError,
}

/// A no with its reason, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    pub error: Error,
    /// Empty: what the error says is all.
    pub reason: String,
}

impl Refused {
    pub(super) fn new(error: Error, reason: String) -> Self {
        Self { error, reason }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, reason: String::new() }
    }
}
