//! The coordinator's noes in Kafka's codes.

use crate::group::Error;
use crate::kafka::errors::ErrorCode;

/// Kafka's code for an error of a coordinator.
pub fn error_code(error: Error) -> ErrorCode {
    match error {
        Error::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
        Error::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
        Error::NotCoordinator => ErrorCode::NotCoordinator,
        Error::InvalidGroupId => ErrorCode::InvalidGroupId,
        Error::IllegalGeneration => ErrorCode::IllegalGeneration,
        Error::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
        Error::UnknownMemberId => ErrorCode::UnknownMemberId,
        Error::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        Error::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        Error::MemberIdRequired => ErrorCode::MemberIdRequired,
        Error::FencedInstanceId => ErrorCode::FencedInstanceId,
        Error::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
        Error::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        Error::InvalidCommitOffsetSize => ErrorCode::InvalidCommitOffsetSize,
        Error::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        Error::UnknownTopicId => ErrorCode::UnknownTopicId,
        Error::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        Error::GroupIdNotFound | Error::GroupOfOtherKind => ErrorCode::GroupIdNotFound,
        Error::FencedMemberEpoch => ErrorCode::FencedMemberEpoch,
        Error::StaleMemberEpoch => ErrorCode::StaleMemberEpoch,
        Error::UnreleasedInstanceId => ErrorCode::UnreleasedInstanceId,
        Error::InvalidRegularExpression => ErrorCode::InvalidRegularExpression,
        Error::UnsupportedVersion => ErrorCode::UnsupportedVersion,
        Error::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        Error::InvalidRequest => ErrorCode::InvalidRequest,
        Error::UnknownServerError => ErrorCode::UnknownServerError,
    }
}

/// The code of an outcome.
pub(super) fn code<T>(outcome: &Result<T, Error>) -> i16 {
    outcome.as_ref().err().map_or(0, |error| error_code(*error).code())
}
