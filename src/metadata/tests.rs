//! The log and what it says: encoding, replay, snapshots.

use proptest::prelude::*;

use crate::base::PartitionId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Alteration;
use crate::metadata::Command;
use crate::metadata::Configured;
use crate::metadata::ControllerOutput;
use crate::metadata::EVENTS;
use crate::metadata::EncodingError;
use crate::metadata::Event;
use crate::metadata::Growth;
use crate::metadata::JournalError;
use crate::metadata::NewTopic;
use crate::metadata::Operation;
use crate::metadata::QuotaEntity;
use crate::metadata::QuotaName;
use crate::metadata::RecoveryError;
use crate::metadata::Resource;
use crate::metadata::SNAPSHOTS;
use crate::metadata::Snapshot;
use crate::metadata::SnapshotReader;
use crate::metadata::SnapshotWriter;
use crate::metadata::State;
use crate::metadata::TopicRef;
use crate::metadata::rig::Desk;
use crate::metadata::rig::NOBODY;
use crate::metadata::rig::Tape;

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z._-]{0,12}", "\\PC{0,6}"]
}

fn changes() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    proptest::collection::vec((texts(), proptest::option::of(texts())), 0..5)
}

fn topic_ids() -> impl Strategy<Value = TopicId> {
    any::<[u8; 16]>().prop_map(TopicId)
}

fn strands() -> impl Strategy<Value = Vec<StrandId>> {
    proptest::collection::vec(any::<u16>().prop_map(StrandId), 0..20)
}

fn events() -> impl Strategy<Value = Event> {
    let overrides = || proptest::collection::vec((texts(), texts()), 0..4);
    prop_oneof![
        topic_ids().prop_map(|cluster| Event::ClusterFormed { cluster }),
        any::<i32>().prop_map(|node| Event::NodeStarted { node }),
        (topic_ids(), texts(), any::<u64>(), strands(), overrides()).prop_map(
            |(topic, name, first, strands, overrides)| Event::TopicCreated {
                topic,
                name,
                first: PartitionId(first),
                strands,
                overrides
            }
        ),
        (topic_ids(), any::<u64>(), strands()).prop_map(|(topic, first, strands)| {
            Event::PartitionsAdded { topic, first: PartitionId(first), strands }
        }),
        topic_ids().prop_map(|topic| Event::TopicDeleted { topic }),
        (topic_ids(), changes())
            .prop_map(|(topic, changes)| Event::TopicConfigured { topic, changes }),
        (proptest::option::of(any::<i32>()), changes())
            .prop_map(|(node, changes)| Event::NodeConfigured { node, changes }),
        (resources(), changes())
            .prop_map(|(resource, changes)| Event::ResourceConfigured { resource, changes }),
        (any::<i32>(), any::<i64>(), any::<u32>())
            .prop_map(|(node, first, count)| Event::ProducerIdsAllocated { node, first, count }),
    ]
}

proptest! {
    #[test]
    fn an_event_reads_back_as_it_was_written(event in events()) {
        prop_assert_eq!(Event::decode(&event.encode()), Ok(event));
    }

    #[test]
    fn a_cut_event_is_refused(event in events(), cut in any::<proptest::sample::Index>()) {
        let bytes = event.encode();
        prop_assert!(Event::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        // What is read at all is written back as the same event.
        if let Ok(event) = Event::decode(&bytes) {
            prop_assert_eq!(Event::decode(&event.encode()), Ok(event));
        }
    }

    #[test]
    fn an_event_that_does_not_follow_changes_nothing(
        events in proptest::collection::vec(events(), 0..40),
    ) {
        let mut state = State::default();
        for event in &events {
            let before = state.clone();
            if state.apply(before.applied() + 1, event).is_err() {
                prop_assert_eq!(&state, &before);
            } else {
                prop_assert_eq!(state.applied(), before.applied() + 1);
            }
        }
    }
}

#[test]
fn a_later_kind_or_version_is_refused_by_name() {
    assert_eq!(Event::decode(&[99, 0]), Err(EncodingError::Kind(99)));
    let mut later = Event::NodeStarted { node: 1 }.encode();
    later[1] = 1;
    let error = Event::decode(&later).unwrap_err();
    assert_eq!(error, EncodingError::Version { kind: 2, version: 1 });
    assert!(error.to_string().contains("later version of this software"), "{error}");
}

#[test]
fn a_count_beyond_the_bytes_at_hand_is_refused_before_memory_is_taken() {
    let mut bytes = vec![4, 0];
    bytes.extend([1; 16]);
    bytes.extend([0, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(Event::decode(&bytes), Err(EncodingError::Short));
}

/// What somebody may ask, on few names, so that commands meet.
fn commands() -> impl Strategy<Value = Command> {
    let name = || prop_oneof!["[ab]", Just("a.b".to_owned()), Just("a_b".to_owned())];
    let config = || {
        prop_oneof![
            Just(("retention.ms".to_owned(), Some("5".to_owned()))),
            Just(("cleanup.policy".to_owned(), Some("compact".to_owned()))),
            Just(("bad".to_owned(), Some("x".to_owned()))),
        ]
    };
    let topic = (name(), 1..5_i32, proptest::collection::vec(config(), 0..3)).prop_map(
        |(name, partitions, configs)| NewTopic {
            name,
            partitions: Some(partitions),
            configs,
            ..NewTopic::default()
        },
    );
    let alteration = (name(), proptest::option::of("[1-9]")).prop_map(|(name, value)| Alteration {
        resource: if name == "b" { Configured::Cluster } else { Configured::Topic(name) },
        replaces: false,
        changes: vec![(
            "min.insync.replicas".to_owned(),
            value.map_or(Operation::Delete, Operation::Set),
        )],
    });
    let limit = (resources(), any::<bool>()).prop_map(|(resource, replaces)| Alteration {
        resource: Configured::Resource(resource),
        replaces,
        changes: vec![("producer_byte_rate".to_owned(), Operation::Set("5.0".to_owned()))],
    });
    let alteration = prop_oneof![3 => alteration, 1 => limit];
    prop_oneof![
        3 => (proptest::collection::vec(topic, 1..4), proptest::bool::weighted(0.1))
            .prop_map(|(topics, validate_only)| Command::CreateTopics { topics, validate_only }),
        2 => proptest::collection::vec(name().prop_map(TopicRef::Name), 1..3)
            .prop_map(|topics| Command::DeleteTopics { topics }),
        2 => (name(), 1..9_i32).prop_map(|(topic, partitions)| Command::GrowTopics {
            topics: vec![Growth { topic, partitions, assignment: None }],
            validate_only: false,
        }),
        2 => proptest::collection::vec(alteration, 1..3)
            .prop_map(|alterations| Command::Alter { alterations, validate_only: false }),
        1 => Just(Command::AllocateProducerIds),
    ]
}

fn resources() -> impl Strategy<Value = Resource> {
    let name = || {
        proptest::option::of(prop_oneof![
            Just(QuotaName::Default),
            "[ab]".prop_map(QuotaName::Named)
        ])
    };
    prop_oneof![
        "[gh]".prop_map(Resource::Group),
        (name(), name(), name()).prop_map(|(user, client, address)| {
            Resource::Quota(QuotaEntity { user, client, address })
        }),
        (1..3).prop_map(Resource::Loggers),
    ]
}

/// More resources than one piece of a snapshot holds.
#[test]
fn a_snapshot_holds_every_resource_and_is_none_without_one() {
    let mut state = State::default();
    for number in 0..3000 {
        let resource = Resource::Group(format!("a group with a long name, number {number}"));
        let changes = vec![("consumer.session.timeout.ms".to_owned(), Some("50000".to_owned()))];
        let event = Event::ResourceConfigured { resource, changes };
        state.apply(state.applied() + 1, &event).expect("it follows");
    }
    let pieces = written(&state);
    assert!(pieces.len() > 5, "{} pieces", pieces.len());
    let whole = read(&pieces).expect("sound").expect("complete");
    assert_eq!(whole.state, state);
    let mut torn = pieces;
    torn.remove(3);
    assert_eq!(read(&torn), Ok(None), "a piece is missing");
}

#[test]
fn levels_of_loggers_hold_for_one_life_of_their_node() {
    let mut state = State::default();
    let resource = Resource::Loggers(1);
    let changes = vec![("root".to_owned(), Some("DEBUG".to_owned()))];
    let set = Event::ResourceConfigured { resource: resource.clone(), changes };
    for (index, event) in (0..).zip([Event::NodeStarted { node: 1 }, set]) {
        state.apply(index, &event).expect("it follows");
    }
    assert!(state.resource(&resource).is_some());
    state.apply(2, &Event::NodeStarted { node: 1 }).expect("it follows");
    assert!(state.resource(&resource).is_none());
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Command),
    /// Everything that was appended becomes durable.
    Durable,
    /// The log takes nothing, or something again.
    Full(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => commands().prop_map(Step::Ask),
        4 => Just(Step::Durable),
        1 => any::<bool>().prop_map(Step::Full),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    /// Replay is what ran live: from the first event, from every snapshot and the tail after it,
    /// at every point at which the power may have gone.
    #[test]
    fn replay_gives_what_ran_live(steps in steps(), cut in any::<proptest::sample::Index>()) {
        let mut desk = Desk::new();
        desk.controller = desk.controller.with_snapshot_after(3);
        let mut out = ControllerOutput::default();
        let mut live = vec![(desk.tape.newest(), desk.controller.head().state().clone())];
        for step in steps {
            match step {
                Step::Ask(command) => {
                    desk.controller.on_command(1, NOBODY, command, &mut desk.tape, &mut out);
                }
                Step::Durable => {
                    let durable = desk.tape.newest();
                    desk.controller.on_durable(1, durable, &mut desk.tape, &mut out);
                }
                Step::Full(full) => desk.tape.full = full,
            }
            live.push((desk.tape.newest(), desk.controller.head().state().clone()));
        }
        let recovered = desk.tape.recover(desk.tape.newest()).expect("a sound log");
        prop_assert_eq!(recovered.image.state(), desk.controller.head().state());
        let term = recovered.term;
        prop_assert_eq!(term, desk.controller.term());

        let whole = Tape { starts: Default::default(), ..desk.tape.clone() };
        let cut = 2.max(cut.index(desk.tape.appended.len() + 1)) as u64;
        if let Some((_, state)) = live.iter().rfind(|(appended, _)| *appended == cut) {
            let recovered = whole.recover(cut).expect("a sound log");
            prop_assert_eq!(recovered.image.state(), state);
        }
        let mut events_alone = whole;
        events_alone.appended.retain(|(partition, _)| *partition == EVENTS);
        let recovered = events_alone.recover(events_alone.newest()).expect("a sound log");
        prop_assert_eq!(recovered.image.state(), desk.controller.head().state());
    }
}

fn create(name: &str, partitions: i32) -> Command {
    let topic =
        NewTopic { name: name.to_owned(), partitions: Some(partitions), ..NewTopic::default() };
    Command::CreateTopics { topics: vec![topic], validate_only: false }
}

fn written(state: &State) -> Vec<Vec<u8>> {
    let mut writer = SnapshotWriter::new(state.clone(), 3);
    std::iter::from_fn(|| writer.next_piece()).collect()
}

fn read(pieces: &[Vec<u8>]) -> Result<Option<Snapshot>, JournalError> {
    let mut reader = SnapshotReader::default();
    for (offset, value) in (0..).zip(pieces) {
        let record = crate::metadata::JournalRecord { offset, term: 3, value };
        reader.on_record(record)?;
    }
    Ok(reader.finish())
}

#[test]
fn a_snapshot_of_a_large_topic_is_cut_into_pieces_and_reads_back() {
    let mut desk = Desk::new();
    desk.ask(create("before", 1));
    desk.ask(create("large", 9_000));
    desk.ask(create("zz.after", 3));
    let state = desk.controller.head().state();
    let pieces = written(state);
    assert!(pieces.len() > 5, "{} pieces", pieces.len());
    assert!(pieces.iter().all(|piece| piece.len() < 64 << 10));
    let snapshot = read(&pieces).unwrap().unwrap();
    assert_eq!(&snapshot.state, state);
    assert_eq!((snapshot.term, snapshot.from), (3, 0));
}

#[test]
fn a_snapshot_without_its_end_does_not_count() {
    let mut desk = Desk::new();
    desk.ask(create("a", 1));
    let older = written(desk.controller.head().state());
    let state = desk.controller.head().state().clone();
    desk.ask(create("b", 1));
    let newer = written(desk.controller.head().state());
    let cut = [older, newer[..newer.len() - 1].to_vec()].concat();
    assert_eq!(read(&cut).unwrap().unwrap().state, state);
    assert_eq!(read(&newer[..newer.len() - 1]).unwrap(), None);
    let headless = &newer[1..];
    assert_eq!(read(headless).unwrap(), None);
}

#[test]
fn a_written_snapshot_moves_the_starts_of_both_partitions() {
    let mut desk = Desk::new();
    desk.controller = desk.controller.with_snapshot_after(4);
    for number in 0..20 {
        desk.ask(create(&format!("t{number}"), 1));
    }
    let events = desk.tape.starts[&EVENTS];
    let snapshots = desk.tape.starts[&SNAPSHOTS];
    assert!(events > 4 && snapshots > 0, "events from {events}, snapshots from {snapshots}");
    let recovered = desk.tape.recover(desk.tape.newest()).unwrap();
    assert_eq!(recovered.image.state(), desk.controller.head().state());
    assert!(recovered.events < 20, "the snapshot holds most of the events");
}

#[test]
fn a_missing_event_stops_the_start() {
    let mut desk = Desk::new();
    desk.ask(create("a", 1));
    desk.ask(create("b", 1));
    let mut tape = desk.tape.clone();
    tape.appended.remove(1);
    let error = tape.recover(tape.newest()).unwrap_err();
    assert!(matches!(error, RecoveryError::Gap { .. }), "{error}");
}

#[test]
fn a_flipped_bit_stops_the_start() {
    let desk = Desk::new();
    let mut tape = desk.tape;
    let mut bytes = tape.appended[0].1.to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    tape.appended[0].1 = bytes.into();
    let error = tape.recover(1).unwrap_err();
    assert!(matches!(error, RecoveryError::Journal(JournalError::Checksum { at: 0 })), "{error}");
}

#[test]
fn one_event_a_start_raises_every_leader_epoch() {
    let mut desk = Desk::new();
    desk.ask(create("old", 2));
    let mut desk = Desk::take_over(desk.tape.recover(desk.tape.newest()).unwrap(), desk.tape);
    desk.ask(create("young", 1));
    let epochs = |desk: &Desk, name: &str| {
        let topic = desk.image.topic(name).unwrap().clone();
        desk.image.partitions(&topic).map(|partition| partition.leader_epoch).collect::<Vec<_>>()
    };
    assert_eq!(epochs(&desk, "old"), [1, 1]);
    assert_eq!(epochs(&desk, "young"), [0]);
    let events = desk.tape.end(EVENTS);
    let desk = Desk::take_over(desk.tape.recover(desk.tape.newest()).unwrap(), desk.tape);
    assert_eq!(desk.tape.end(EVENTS), events + 1, "one event");
    assert_eq!((epochs(&desk, "old"), epochs(&desk, "young")), (vec![2, 2], vec![1]));
    assert_eq!(desk.controller.term(), 3);
}

#[test]
fn partition_ids_are_never_used_again() {
    let mut desk = Desk::new();
    desk.ask(create("a", 3));
    let ids = |desk: &Desk| {
        desk.image.state().partitions().map(|(id, _)| id).collect::<Vec<PartitionId>>()
    };
    let first = ids(&desk);
    desk.ask(Command::DeleteTopics { topics: vec![TopicRef::Name("a".to_owned())] });
    assert!(ids(&desk).is_empty());
    desk.ask(create("a", 3));
    assert!(ids(&desk).iter().all(|id| first.iter().all(|old| old < id)), "{:?}", ids(&desk));
}

#[test]
fn the_load_of_a_strand_is_what_lies_in_it() {
    let mut desk = Desk::new();
    desk.ask(create("a", 7));
    desk.ask(create("b", 2));
    desk.ask(Command::DeleteTopics { topics: vec![TopicRef::Name("a".to_owned())] });
    let state = desk.image.state();
    assert_eq!((state.load(StrandId(0)), state.load(StrandId(1))), (1, 1));
    let owners: Vec<ShardId> =
        desk.image.partitions(desk.image.topic("b").unwrap()).map(|p| p.owner).collect();
    assert_ne!(owners[0], owners[1], "one partition for each core");
}
