//! Fetch: in sessions and without, by name and by id. What is read lies where it lay before, without
//! holes, and below what is visible.

use std::collections::BTreeMap;

use bytes::Bytes;
use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::FetchPartition;
use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::FetchResponse;
use strandlog::kafka::messages::FetchTopic;
use strandlog::kafka::messages::FetchedPartition;
use strandlog::kafka::messages::ForgottenTopic;
use strandlog::record::Batches;

use super::any_place;
use super::error_of;
use super::expect;
use crate::node::client::Stage;
use crate::node::mind::Mind;
use crate::node::mind::Position;
use crate::node::mind::Role;
use crate::node::mind::Session;
use crate::node::options::pick;
use crate::node::truth::Floor;
use crate::node::truth::Place;
use crate::node::truth::Truth;

/// The first versions with sessions, divergence, and ids of topics.
const SESSIONS_FROM: i16 = 7;
const DIVERGENCE_FROM: i16 = 12;
const TOPIC_IDS_FROM: i16 = 13;

/// What is remembered of a fetch that is under way.
struct Under {
    version: i16,
    /// Every partition that it may be answered about, with where it is read from.
    floors: BTreeMap<Place, (Floor, i64)>,
    in_session: bool,
}

/// Whether the reader has not read everything that anybody was shown.
pub fn is_behind(truth: &Truth, mind: &Mind) -> bool {
    mind.reading.following.iter().any(|(place, position)| {
        let is_there = truth.topic(&place.0).is_usable();
        is_there && position.next.is_none_or(|next| next < truth.log(place).high)
    })
}

pub fn ask(stage: &mut Stage<'_>) {
    follow(stage);
    if stage.mind.reading.in_flight {
        return;
    }
    let known = stage.mind.reading.following.iter();
    let wanted: BTreeMap<Place, Position> = known
        .filter(|(_, position)| position.next.is_some())
        .map(|(place, position)| (place.clone(), *position))
        .collect();
    if wanted.is_empty() {
        return super::list_offsets::ask(stage);
    }
    let (request, under) = match stage.mind.reading.session.take() {
        Some(session) => incremental(stage, session, &wanted),
        None => full(stage, &wanted),
    };
    stage.mind.reading.in_flight = true;
    let version = under.version;
    stage.send(version, &request, move |stage, response| on_answer(stage, under, response));
}

/// Which partitions it reads changes now and then.
fn follow(stage: &mut Stage<'_>) {
    let following = stage.mind.reading.following.len();
    if stage.mind.role != Role::Consumer || stage.healing {
        return;
    }
    if following < 6
        && (following == 0 || stage.rng.one_in(8))
        && let Some(place) = any_place(stage)
    {
        let beginning = match stage.rng.one_in(2) {
            true => Position { next: Some(0), ..Position::default() },
            false => Position::default(),
        };
        stage.mind.reading.following.entry(place).or_insert(beginning);
    }
    if following > 1 && stage.rng.one_in(20) {
        let gone = stage.rng.below(following as u64) as usize;
        let place = stage.mind.reading.following.keys().nth(gone).cloned();
        place.and_then(|place| stage.mind.reading.following.remove(&place));
    }
}

fn full(stage: &mut Stage<'_>, wanted: &BTreeMap<Place, Position>) -> (FetchRequest, Under) {
    let mut version = stage.version::<FetchRequest>();
    if wanted.keys().any(|place| stage.truth.id_of(&place.0).is_none()) {
        version = version.min(TOPIC_IDS_FROM - 1);
    }
    let in_session = stage.mind.reading.wants_session && version >= SESSIONS_FROM;
    let request = FetchRequest {
        session_epoch: if in_session { 0 } else { -1 },
        topics: topics(stage, version, wanted),
        ..terms(stage)
    };
    let floors = floors(stage, wanted.iter().map(|(place, position)| (place, position.next)));
    (request, Under { version, floors, in_session })
}

/// Only what changed is said; the node remembers the rest.
fn incremental(
    stage: &mut Stage<'_>,
    mut session: Session,
    wanted: &BTreeMap<Place, Position>,
) -> (FetchRequest, Under) {
    let version = match session.by_id {
        true => pick(stage.rng, &[13, 14, 15, 16, 17, 18]),
        false => pick(stage.rng, &[7, 8, 9, 10, 11, 12]),
    };
    let is_known = |place: &Place| stage.truth.id_of(&place.0).is_some() || !session.by_id;
    let wanted: BTreeMap<Place, Position> = wanted
        .iter()
        .filter(|(place, _)| is_known(place))
        .map(|(p, at)| (p.clone(), *at))
        .collect();
    let changed: BTreeMap<Place, Position> = wanted
        .iter()
        .filter(|(place, position)| session.told.get(*place).copied() != position.next)
        .map(|(place, position)| (place.clone(), *position))
        .collect();
    let forgotten: Vec<Place> =
        session.told.keys().filter(|place| !wanted.contains_key(*place)).cloned().collect();
    let request = FetchRequest {
        session_id: session.id,
        session_epoch: session.epoch,
        topics: topics(stage, version, &changed),
        forgotten_topics_data: forgotten
            .iter()
            .map(|place| forget(stage, version, place))
            .collect(),
        ..terms(stage)
    };
    for place in &forgotten {
        session.told.remove(place);
    }
    session.told.extend(changed.iter().map(|(place, at)| (place.clone(), at.next.unwrap_or(0))));
    session.epoch += 1;
    let floors = floors(stage, session.told.iter().map(|(place, next)| (place, Some(*next))));
    stage.mind.reading.session = Some(session);
    (request, Under { version, floors, in_session: true })
}

fn terms(stage: &mut Stage<'_>) -> FetchRequest {
    FetchRequest {
        max_wait_ms: pick(stage.rng, &[0, 5, 100, 500]),
        min_bytes: pick(stage.rng, &[0, 1, 1, 5_000]),
        max_bytes: pick(stage.rng, &[1, 4_000, 1 << 20]),
        ..FetchRequest::default()
    }
}

fn floors<'a>(
    stage: &Stage<'_>,
    places: impl Iterator<Item = (&'a Place, Option<i64>)>,
) -> BTreeMap<Place, (Floor, i64)> {
    let floor = |(place, next): (&Place, Option<i64>)| {
        (place.clone(), (stage.truth.floor(place), next.unwrap_or(0)))
    };
    places.map(floor).collect()
}

fn topics(
    stage: &mut Stage<'_>,
    version: i16,
    wanted: &BTreeMap<Place, Position>,
) -> Vec<FetchTopic> {
    let topic = |(place, position): (&Place, &Position)| {
        let (topic, topic_id) = named(stage, version, place);
        FetchTopic {
            topic,
            topic_id,
            partitions: vec![FetchPartition {
                partition: place.1,
                fetch_offset: position.next.unwrap_or(0),
                last_fetched_epoch: match version {
                    DIVERGENCE_FROM.. => position.epoch.unwrap_or(-1),
                    _ => -1,
                },
                partition_max_bytes: pick(stage.rng, &[1, 3_000, 1 << 20]),
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        }
    };
    wanted.iter().map(topic).collect()
}

fn named(stage: &Stage<'_>, version: i16, place: &Place) -> (String, TopicId) {
    match version {
        TOPIC_IDS_FROM.. => {
            (String::new(), stage.truth.id_of(&place.0).expect("a topic whose id is known"))
        }
        _ => (place.0.clone(), TopicId::NONE),
    }
}

fn forget(stage: &Stage<'_>, version: i16, place: &Place) -> ForgottenTopic {
    let (topic, topic_id) = named(stage, version, place);
    ForgottenTopic { topic, topic_id, partitions: vec![place.1], ..ForgottenTopic::default() }
}

fn on_answer(stage: &mut Stage<'_>, under: Under, response: Option<FetchResponse>) {
    stage.mind.reading.in_flight = false;
    let Some(response) = response else {
        stage.mind.reading.session = None;
        return;
    };
    let allowed = match under.in_session {
        true => [ErrorCode::None, ErrorCode::FetchSessionIdNotFound],
        false => [ErrorCode::None, ErrorCode::None],
    };
    if expect(response.error_code, &allowed, "a fetch") != ErrorCode::None {
        stage.mind.reading.session = None;
        return;
    }
    if !under.in_session {
        assert_eq!(response.session_id, 0, "fetch sessions: one that nobody wanted");
    } else if stage.mind.reading.session.is_none() && response.session_id != 0 {
        let told = under.floors.iter().map(|(place, (_, next))| (place.clone(), *next)).collect();
        let by_id = under.version >= TOPIC_IDS_FROM;
        stage.mind.reading.session =
            Some(Session { id: response.session_id, epoch: 1, by_id, told });
    } else if response.session_id == 0 {
        stage.mind.reading.session = None;
    }
    for topic in &response.responses {
        let name = match under.version {
            TOPIC_IDS_FROM.. => stage.truth.name_of(topic.topic_id).to_owned(),
            _ => topic.topic.clone(),
        };
        for part in &topic.partitions {
            let place = (name.clone(), part.partition_index);
            let asked = under.floors.get(&place);
            let (floor, from) =
                asked.unwrap_or_else(|| panic!("routing: {place:?} was not asked for"));
            on_part(stage, floor, *from, part);
        }
    }
}

fn on_part(stage: &mut Stage<'_>, floor: &Floor, from: i64, part: &FetchedPartition) {
    let place = &floor.place;
    let error = error_of(part.error_code);
    match error {
        ErrorCode::None => {}
        ErrorCode::OffsetOutOfRange => {
            // Only what was deleted is out of range: what was shown once is never beyond the end.
            let log = stage.truth.log(place);
            assert!(
                from < log.start.max(log.deletable)
                    || stage.truth.topic(&place.0).kind.has_retention(),
                "durability: {place:?} has no offset {from}, which somebody was shown"
            );
            if let Some(position) = stage.mind.reading.following.get_mut(place) {
                position.next = None;
            }
            return;
        }
        error => {
            if stage.truth.bear(floor, error, "a fetch") {
                stage.mind.reading.following.remove(place);
            }
            return;
        }
    }
    let diverging = &part.diverging_epoch;
    assert_eq!(diverging.epoch, -1, "durability: {place:?} parted below {from}: {diverging:?}");
    stage.truth.saw_high(floor, part.high_watermark);
    if part.log_start_offset >= 0 {
        stage.truth.saw_start(stage.wall_ms, floor, part.log_start_offset);
    }
    let records = part.records.clone().unwrap_or_default();
    let (next, epoch) = read(stage, place, from, part.high_watermark, &records);
    let Some(position) = stage.mind.reading.following.get_mut(place) else { return };
    // An answer of a session may be about a partition that was taken up anew meanwhile.
    if position.next == Some(from) && next > from {
        *position = Position { next: Some(next), least: next, epoch };
    }
}

/// Holds every batch against what is known; gives where to read on.
fn read(
    stage: &mut Stage<'_>,
    place: &Place,
    from: i64,
    high: i64,
    records: &Bytes,
) -> (i64, Option<i32>) {
    let (mut next, mut epoch) = (from, None);
    for batch in Batches::new(records) {
        let Ok(batch) = batch else { panic!("durability: {place:?} gives no batches at {next}") };
        let header = &batch.header;
        let (base, end) = (header.base_offset, header.end_offset());
        let is_next = if epoch.is_none() { base <= next && next < end } else { base == next };
        assert!(is_next, "holes: {place:?} gives {base}..{end} at {next}");
        assert!(end <= high, "durability: {place:?} gives {base}..{end} beyond {high}");
        let id = stage.truth.check_batch(place, &batch);
        stage.truth.put(id, base);
        stage.truth.read += 1;
        (next, epoch) = (end, Some(header.leader_epoch));
    }
    (next, epoch)
}
