//! Planted bugs: those of the storage (storage.md, section 8), and behind them those of the node. One build with `STRANDLOG_PLANT=1` holds all of them and one is
//! chosen at run time; the product's build has none: there `is_on` is a constant `false`.

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident => $label:literal,)*) => {
        /// A planted bug. Each must be caught by the simulator.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mutant { $($(#[$doc])* $name,)* }

        impl Mutant {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }
        }
    };
}

mutants! {
    AckAtSubmission => "ack at submission",
    AckOutOfFrameOrder => "acks out of frame order",
    FrameBeyondKIssuedEarly => "frame N+K issued early",
    UseNotRenewed => "use not renewed",
    DeclaredEndIgnored => "declared end ignored",
    HighestStartNotBinding => "highest start not binding",
    TornTailTakenForDamage => "torn tail taken for damage",
    DamageTakenForTornTail => "damage taken for torn tail",
    RecoveryWithoutFlush => "recovery without flush",
    LockOnAnotherFile => "lock on another file",
    SlotAheadOfProven => "slot ahead of proven",
    SlotNotValidated => "slot not validated before it counts",
    RecycledBeforeKillerDurable => "recycled before the killing entry is durable",
    RecycledAfterOneSlot => "recycled after one slot",
    SealNotAwaited => "Seal not awaited",
    TruncateReplayedTwice => "Truncate replayed twice",
    DuplicateAnsweredBeforeDurability => "duplicate answered before durability",
    PaddingNotZeroed => "padding not zeroed",
    StaleFooterBelieved => "stale footer believed",
    FooterOffByOneRun => "footer off by one run",
    LogStartForgotten => "LogStart forgotten",
    OffsetsReusedAfterDamage => "offsets reused after damage",
    RelocateAdds => "Relocate adds instead of re-points",
    EvacuationStarvesOnFullDisk => "evacuation starves on a full disk",
    EvacuationUnpaced => "evacuation unpaced",
    WaitedForExtentZeroed => "extent that is waited for zeroed first",
    AckBeforeDurable => "ack before durable",
    AnswersOutOfOrder => "answers out of order",
    HighWatermarkEarly => "high watermark before durable",
    ProducersForgottenAtStart => "producers forgotten at a start",
    DuplicateAcceptedAfterStart => "duplicate accepted after a start",
    DeletionAnsweredEarly => "DeleteRecords answered before it is durable",
    OutcomeBeforeAllConfirm => "a change is confirmed before every core knows it",
    SessionForgetsPartition => "fetch session forgets what it served",
    PartsMixedUp => "parts of an answer mixed up",
    ResumeForgotten => "a paused connection is never read again",
    RetentionTooEager => "retention by half of the time",
    RetentionOneTooMany => "retention by size deletes one segment too many",
    ProducerIdTwice => "a producer id is handed out twice",
    HeldAppendsOvertaken => "an append passes those that wait",
    ReadsBeyondVisible => "reads beyond what is visible",
    MetadataBeforeDurable => "metadata published before it is durable",
    EndedNotAnswered => "a deleted partition's appends are never answered",
}

#[cfg(mutant)]
mod chosen {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    impl Mutant {
        /// Plants `mutant` (or none) in all code that this thread runs from now on.
        pub fn choose(mutant: Option<Self>) {
            CHOSEN.with(|chosen| chosen.set(mutant));
        }

        #[inline]
        pub fn is_on(self) -> bool {
            CHOSEN.with(|chosen| chosen.get()) == Some(self)
        }
    }
}

#[cfg(not(mutant))]
impl Mutant {
    #[inline(always)]
    pub const fn is_on(self) -> bool {
        false
    }
}
