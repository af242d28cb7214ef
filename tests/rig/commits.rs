//! Offsets that groups commit while the broker may die, and what was acknowledged of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use strandlog::kafka::messages::FindCoordinatorRequest;
use strandlog::kafka::messages::OffsetCommitRequest;
use strandlog::kafka::messages::OffsetCommitRequestPartition;
use strandlog::kafka::messages::OffsetCommitRequestTopic;
use strandlog::kafka::messages::OffsetFetchRequest;

use crate::client::Connection;
use crate::load::PARTITIONS;
use crate::load::TOPICS;

/// So many that each shard coordinates some.
const GROUPS: u64 = 8;
const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
const COORDINATOR_NOT_AVAILABLE: i16 = 15;
/// A coordinator is there by then.
const COORDINATED_WITHIN: Duration = Duration::from_secs(20);

/// A group and a partition that it commits.
type Place = (String, &'static str, i32);

/// The last offset that was acknowledged at each place, and the last one that was sent anywhere:
/// offsets only grow.
#[derive(Default)]
pub struct Committed {
    acknowledged: BTreeMap<Place, i64>,
    pub count: u64,
    sent: i64,
}

/// A thread that commits, one request at a time, until its broker dies.
pub struct Commits {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Committed>,
}

fn place(number: i64) -> Place {
    let number = number as u64;
    let turn = number / GROUPS;
    let partition = (turn / 2) % PARTITIONS as u64;
    (group(number % GROUPS), TOPICS[(turn % 2) as usize], partition as i32)
}

fn group(number: u64) -> String {
    format!("committers-{number}")
}

impl Commits {
    pub fn start(address: &str, committed: Committed) -> Self {
        wait_for_coordinators(address);
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, connection) = (stop.clone(), Connection::open(address));
        let thread = std::thread::spawn(move || commit(connection, committed, &stopped));
        Self { stop, thread }
    }

    /// When the broker is gone, or to end before.
    pub fn stop(self) -> Committed {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the committer's thread")
    }
}

fn wait_for_coordinators(address: &str) {
    let mut connection = Connection::open(address);
    let began = Instant::now();
    for number in 0..GROUPS {
        loop {
            let request = FindCoordinatorRequest { key: group(number), ..Default::default() };
            let answer = connection.call(1, &request).expect("an answer");
            match answer.error_code {
                0 => break,
                COORDINATOR_NOT_AVAILABLE => {
                    assert!(began.elapsed() < COORDINATED_WITHIN, "no coordinator: {answer:?}");
                    std::thread::park_timeout(Duration::from_millis(10));
                }
                code => panic!("FindCoordinator answers {code}"),
            }
        }
    }
}

fn commit(mut connection: Connection, mut committed: Committed, stop: &AtomicBool) -> Committed {
    while !stop.load(Ordering::Relaxed) {
        committed.sent += 1;
        let place = place(committed.sent);
        // No answer: it may be there or not, both are right.
        let Ok(code) = commit_one(&mut connection, &place, committed.sent) else { break };
        match code {
            0 => {
                committed.acknowledged.insert(place, committed.sent);
                committed.count += 1;
            }
            COORDINATOR_LOAD_IN_PROGRESS | COORDINATOR_NOT_AVAILABLE => {}
            code => panic!("{place:?}: OffsetCommit answers {code}"),
        }
    }
    committed
}

fn commit_one(connection: &mut Connection, place: &Place, offset: i64) -> io::Result<i16> {
    let (group, topic, partition) = place;
    let partition = OffsetCommitRequestPartition {
        partition_index: *partition,
        committed_offset: offset,
        committed_metadata: Some(offset.to_string()),
        ..Default::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: (*topic).to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: group.clone(),
        topics: vec![topic],
        ..OffsetCommitRequest::default()
    };
    let answer = connection.call(7, &request)?;
    Ok(answer.topics[0].partitions[0].error_code)
}

impl Committed {
    /// Everything acknowledged is there, or what was sent after it. Says what is not.
    pub fn compare(&self, address: &str) -> Result<(), String> {
        wait_for_coordinators(address);
        let mut connection = Connection::open(address);
        let mut found = BTreeMap::new();
        for number in 0..GROUPS {
            for (place, offset) in fetch(&mut connection, &group(number))? {
                found.insert(place, offset);
            }
        }
        for (place, offset) in &self.acknowledged {
            match found.get(place) {
                Some(later) if (*offset..=self.sent).contains(later) => {}
                other => return Err(format!("{place:?}: {other:?} where {offset} was committed")),
            }
        }
        Ok(())
    }
}

/// All offsets of a group.
fn fetch(connection: &mut Connection, group: &str) -> Result<Vec<(Place, i64)>, String> {
    let request = OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: None,
        ..OffsetFetchRequest::default()
    };
    let began = Instant::now();
    let answer = loop {
        let answer = connection.call(5, &request).map_err(|error| error.to_string())?;
        match answer.error_code {
            0 => break answer,
            COORDINATOR_LOAD_IN_PROGRESS if began.elapsed() < COORDINATED_WITHIN => {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            code => return Err(format!("{group}: OffsetFetch answers {code}")),
        }
    };
    let mut offsets = Vec::new();
    for topic in answer.topics {
        let name = TOPICS.into_iter().find(|name| *name == topic.name);
        let name = name.ok_or_else(|| format!("{group} has offsets of {}", topic.name))?;
        for part in topic.partitions {
            let offset = part.committed_offset;
            if part.metadata != Some(offset.to_string()) {
                return Err(format!("{group}: offset {offset} with metadata {:?}", part.metadata));
            }
            offsets.push(((group.to_owned(), name, part.partition_index), offset));
        }
    }
    Ok(offsets)
}
