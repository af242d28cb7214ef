//! The planted bugs of the node, and the seeds that catch them. Found with `--node --find-seeds`;
//! the clean build passes the same seeds.

use strandlog::base::Mutant;

/// Each with its seeds.
pub const CAUGHT_BY: &[(Mutant, &[u64])] = &[
    (Mutant::AckBeforeDurable, &[0, 3]),
    (Mutant::AnswersOutOfOrder, &[0, 1]),
    (Mutant::HighWatermarkEarly, &[14, 16]),
    (Mutant::ProducersForgottenAtStart, &[0, 6]),
    (Mutant::DuplicateAcceptedAfterStart, &[0, 1]),
    (Mutant::DeletionAnsweredEarly, &[0, 12]),
    (Mutant::OutcomeBeforeAllConfirm, &[81, 88]),
    (Mutant::PartsMixedUp, &[0, 1]),
    (Mutant::RetentionTooEager, &[1, 4]),
    (Mutant::RetentionOneTooMany, &[1, 3]),
    (Mutant::ProducerIdTwice, &[1, 6]),
    (Mutant::HeldAppendsOvertaken, &[6, 14]),
    (Mutant::ReadsBeyondVisible, &[0, 10]),
];

/// Those that no seed was found for (README.md).
pub const UNCAUGHT: &[Mutant] = &[
    Mutant::SessionForgetsPartition,
    Mutant::ResumeForgotten,
    Mutant::MetadataBeforeDurable,
    Mutant::EndedNotAnswered,
];

/// Whether it is a bug of the node, not of its storage.
pub fn is_of_node(mutant: Mutant) -> bool {
    UNCAUGHT.contains(&mutant) || CAUGHT_BY.iter().any(|(other, _)| *other == mutant)
}
