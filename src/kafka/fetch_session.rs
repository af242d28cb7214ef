//! Fetch sessions (KIP-227, rule 70): a reader names its partitions once, then only what changes,
//! and is told only of partitions that changed. Sessions belong to the shard that has the
//! connection; a reader that comes back through another one begins anew, as after an eviction.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors::ErrorCode;
use super::messages::FetchPartition;
use super::messages::FetchRequest;
use crate::base::Mutant;
use crate::base::Offset;
use crate::base::Rng;
use crate::base::TopicId;

/// A session that was not used for this long may be evicted for any other (Kafka's
/// `FetchSessionCache.evictionMs`).
const EVICTION_US: u64 = 120_000_000;

/// The first version that names topics by their id.
const TOPIC_IDS_FROM: i16 = 13;

const NO_SESSION: i32 = 0;
const INITIAL_EPOCH: i32 = 0;
const FINAL_EPOCH: i32 = -1;

/// A topic as a fetch names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TopicKey {
    Name(Arc<str>),
    Id(TopicId),
}

/// One partition that a reader wants, as it said last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub topic: TopicKey,
    pub partition: i32,
    pub current_epoch: i32,
    pub from: Offset,
    pub last_epoch: i32,
    pub max_bytes: i32,
}

/// How a fetch is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Context {
    /// All partitions, under session id 0.
    Sessionless,
    /// All partitions, and a session is made if there is room.
    Full,
    /// What changed in a session, whose epoch is then `epoch`.
    Incremental { session: i32, epoch: i32 },
}

/// What an answer says of a partition, as far as a session compares it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Said {
    pub bytes: usize,
    pub high_watermark: Offset,
    pub log_start: Offset,
    /// An error or a divergence: always said.
    pub remarkable: bool,
    pub failed: bool,
}

/// The sessions of one shard.
#[derive(Debug)]
pub struct FetchSessions {
    sessions: BTreeMap<i32, Session>,
    sessions_max: usize,
    partitions: usize,
    partitions_max: usize,
    rng: Rng,
}

#[derive(Debug)]
struct Session {
    epoch: i32,
    topic_ids: bool,
    created_us: u64,
    used_us: u64,
    /// In the order in which they are read: what was served goes to the end.
    order: BTreeMap<u64, Cached>,
    places: BTreeMap<(TopicKey, i32), u64>,
    next_place: u64,
}

#[derive(Debug)]
struct Cached {
    wanted: Wanted,
    high_watermark: Offset,
    log_start: Offset,
}

impl Session {
    fn new(topic_ids: bool, now_us: u64) -> Self {
        Self {
            epoch: next_epoch(INITIAL_EPOCH),
            topic_ids,
            created_us: now_us,
            used_us: now_us,
            order: BTreeMap::new(),
            places: BTreeMap::new(),
            next_place: 0,
        }
    }

    fn set(&mut self, wanted: Wanted) {
        let key = (wanted.topic.clone(), wanted.partition);
        let known = self.places.get(&key).and_then(|place| self.order.get_mut(place));
        if let Some(cached) = known {
            cached.wanted = wanted;
            return;
        }
        self.push(Cached { wanted, high_watermark: -1, log_start: -1 });
    }

    fn push(&mut self, cached: Cached) {
        let place = self.next_place;
        self.next_place += 1;
        let key = (cached.wanted.topic.clone(), cached.wanted.partition);
        self.places.insert(key, place);
        self.order.insert(place, cached);
    }

    fn forget(&mut self, topic: &TopicKey, partition: i32) {
        if let Some(place) = self.places.remove(&(topic.clone(), partition)) {
            self.order.remove(&place);
        }
    }

    /// Whether the answer must mention the partition; what is said is remembered, and what was
    /// served goes to the end.
    fn say(&mut self, topic: &TopicKey, partition: i32, said: Said) -> bool {
        let key = (topic.clone(), partition);
        let Some(&place) = self.places.get(&key) else { return said.remarkable || said.bytes > 0 };
        let Some(cached) = self.order.get_mut(&place) else { return true };
        let changed = said.bytes > 0
            || said.remarkable
            || cached.high_watermark != said.high_watermark
            || cached.log_start != said.log_start;
        // After an error the partition is told anew, whatever it says.
        cached.high_watermark = if said.failed { -1 } else { said.high_watermark };
        cached.log_start = said.log_start;
        if said.bytes > 0
            && let Some(cached) = self.order.remove(&place)
            && !Mutant::SessionForgetsPartition.is_on()
        {
            self.push(cached);
        }
        changed
    }
}

impl FetchSessions {
    /// Remembers so many sessions, and so many partitions in all of them together. Beyond either no
    /// session is made: the reader names its partitions each time.
    pub fn new(sessions_max: usize, partitions_max: usize, seed: u64) -> Self {
        let rng = Rng::new(seed);
        Self { sessions: BTreeMap::new(), sessions_max, partitions: 0, partitions_max, rng }
    }

    /// Sessions that are remembered.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// How the request is to be answered, and what it wants, in the order in which to read.
    ///
    /// # Errors
    /// The request's session is not what the reader believes.
    pub fn open(
        &mut self,
        version: i16,
        request: &FetchRequest,
        now_us: u64,
    ) -> Result<(Context, Vec<Wanted>), ErrorCode> {
        let (id, epoch) = (request.session_id, request.session_epoch);
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            // Whatever session a full request names is over.
            if id != NO_SESSION {
                self.remove(id);
            }
            let context = if epoch == FINAL_EPOCH { Context::Sessionless } else { Context::Full };
            return Ok((context, wanted_of(version, request)));
        }
        let topic_ids = version >= TOPIC_IDS_FROM;
        let session = self.sessions.get_mut(&id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if session.topic_ids != topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let before = session.order.len();
        for wanted in wanted_of(version, request) {
            session.set(wanted);
        }
        for topic in &request.forgotten_topics_data {
            let key = topic_key(version, &topic.topic, topic.topic_id);
            for &partition in &topic.partitions {
                session.forget(&key, partition);
            }
        }
        let wanted: Vec<_> = session.order.values().map(|cached| cached.wanted.clone()).collect();
        self.partitions = self.partitions + wanted.len() - before;
        if self.partitions > self.partitions_max {
            // The reader begins anew, and gets no session: it names its partitions each time.
            self.remove(id);
            return Err(ErrorCode::FetchSessionIdNotFound);
        }
        if wanted.is_empty() {
            self.remove(id);
            return Ok((Context::Sessionless, wanted));
        }
        session_used(session, now_us);
        let epoch = session.epoch;
        Ok((Context::Incremental { session: id, epoch }, wanted))
    }

    /// The session id of the answer, and which of its partitions it mentions.
    ///
    /// # Errors
    /// The session went on without this request.
    pub fn answer(
        &mut self,
        version: i16,
        context: Context,
        said: &[(Wanted, Said)],
        now_us: u64,
    ) -> Result<(i32, Vec<bool>), ErrorCode> {
        match context {
            Context::Sessionless => Ok((NO_SESSION, vec![true; said.len()])),
            Context::Full => Ok((self.create(version, said, now_us), vec![true; said.len()])),
            Context::Incremental { session, epoch } => {
                let found = self.sessions.get_mut(&session);
                let found = found.ok_or(ErrorCode::FetchSessionIdNotFound)?;
                if found.epoch != epoch {
                    return Err(ErrorCode::InvalidFetchSessionEpoch);
                }
                let mentioned = said
                    .iter()
                    .map(|(wanted, said)| found.say(&wanted.topic, wanted.partition, *said));
                Ok((session, mentioned.collect()))
            }
        }
    }

    fn create(&mut self, version: i16, said: &[(Wanted, Said)], now_us: u64) -> i32 {
        if said.is_empty() || !self.make_room(said.len(), now_us) {
            return NO_SESSION;
        }
        let mut session = Session::new(version >= TOPIC_IDS_FROM, now_us);
        for (wanted, said) in said {
            session.set(wanted.clone());
            session.say(&wanted.topic, wanted.partition, *said);
        }
        self.partitions += session.order.len();
        let id = loop {
            let id = self.rng.below(i32::MAX as u64) as i32 + 1;
            if !self.sessions.contains_key(&id) {
                break id;
            }
        };
        self.sessions.insert(id, session);
        id
    }

    /// Room for a session of `partitions`: a free slot, one that was not used for long, or the
    /// smallest that has lived long enough and is not larger.
    fn make_room(&mut self, partitions: usize, now_us: u64) -> bool {
        if partitions + self.partitions > self.partitions_max || self.sessions_max == 0 {
            return false;
        }
        if self.sessions.len() < self.sessions_max {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used_us);
        let stale =
            oldest.filter(|(_, session)| now_us.saturating_sub(session.used_us) > EVICTION_US);
        let settled = |session: &Session| now_us.saturating_sub(session.created_us) > EVICTION_US;
        let smallest = self
            .sessions
            .iter()
            .filter(|(_, session)| settled(session))
            .min_by_key(|(_, session)| session.order.len());
        let less = smallest.filter(|(_, session)| session.order.len() <= partitions);
        let Some(evicted) = stale.or(less).map(|(&id, _)| id) else { return false };
        self.remove(evicted);
        true
    }

    fn remove(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.partitions -= session.order.len();
        }
    }
}

fn session_used(session: &mut Session, now_us: u64) {
    session.used_us = now_us;
    session.epoch = next_epoch(session.epoch);
}

/// Epochs wrap to 1: 0 begins a session (`FetchMetadata.nextEpoch`).
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

fn topic_key(version: i16, name: &str, id: TopicId) -> TopicKey {
    if version >= TOPIC_IDS_FROM { TopicKey::Id(id) } else { TopicKey::Name(name.into()) }
}

fn wanted_of(version: i16, request: &FetchRequest) -> Vec<Wanted> {
    let mut all = Vec::new();
    for topic in &request.topics {
        let key = topic_key(version, &topic.topic, topic.topic_id);
        all.extend(topic.partitions.iter().map(|partition| wanted(&key, partition)));
    }
    all
}

fn wanted(topic: &TopicKey, partition: &FetchPartition) -> Wanted {
    Wanted {
        topic: topic.clone(),
        partition: partition.partition,
        current_epoch: partition.current_leader_epoch,
        from: partition.fetch_offset,
        last_epoch: partition.last_fetched_epoch,
        max_bytes: partition.partition_max_bytes,
    }
}

#[cfg(test)]
mod tests;
