//! The planted bugs of the node, and the seeds that catch them. Found with `--node --find-seeds`;
//! the clean build passes the same seeds.

use strandlog::base::Mutant;

/// Each with its seeds.
pub const CAUGHT_BY: &[(Mutant, &[u64])] = &[
    (Mutant::AckBeforeDurable, &[]),
    (Mutant::AnswersOutOfOrder, &[]),
    (Mutant::HighWatermarkEarly, &[]),
    (Mutant::ProducersForgottenAtStart, &[]),
    (Mutant::DuplicateAcceptedAfterStart, &[]),
    (Mutant::DeletionAnsweredEarly, &[]),
    (Mutant::OutcomeBeforeAllConfirm, &[]),
    (Mutant::SessionForgetsPartition, &[]),
    (Mutant::PartsMixedUp, &[]),
    (Mutant::ResumeForgotten, &[]),
    (Mutant::RetentionTooEager, &[]),
    (Mutant::RetentionOneTooMany, &[]),
    (Mutant::ProducerIdTwice, &[]),
    (Mutant::HeldAppendsOvertaken, &[]),
    (Mutant::ReadsBeyondVisible, &[]),
    (Mutant::MetadataBeforeDurable, &[]),
    (Mutant::EndedNotAnswered, &[]),
];

/// Whether it is a bug of the node, not of its storage.
pub fn is_of_node(mutant: Mutant) -> bool {
    CAUGHT_BY.iter().any(|(other, _)| *other == mutant)
}
