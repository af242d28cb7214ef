//! Group consumers of librdkafka: members come, go and die; what they committed outlives the broker.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::Message;
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::CommitMode;
use rdkafka::consumer::Consumer;
use strandlog::kafka::messages::JoinGroupRequest;
use strandlog::kafka::messages::JoinGroupRequestProtocol;
use strandlog::kafka::wire::encode_request;

use crate::broker::Setup;
use crate::client::PATIENCE;
use crate::client::partitions_of;
use crate::client::produce;
use crate::client::producer;

/// Quick rebalances: nobody waits for members that were already told to come.
const QUICK: &[&str] = &["--num-partitions", "8", "--group-initial-rebalance-delay-ms", "200"];

fn member(bootstrap: &str, group: &str, more: &[(&str, &str)]) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "300")
        .set("reconnect.backoff.max.ms", "200");
    more.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    config.create().expect("a consumer")
}

/// A port where clients find the broker again after it was killed: below the range from which the
/// kernel gives clients theirs, so that none of them is given it meanwhile.
fn lasting_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let spread = std::process::id() % 1_000 * 10;
        let port = 12_000 + (spread as u16).wrapping_add(step) % 15_000;
        let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if [port, port + 1_000, port + 1_001].into_iter().all(is_free) {
            return port;
        }
    }
}

fn subscribed(bootstrap: &str, group: &str, topic: &str) -> BaseConsumer {
    let member = member(bootstrap, group, &[]);
    member.subscribe(&[topic]).expect("a subscription");
    member
}

/// Polls all members until `done`; everything that is read is committed at once. Gives how often
/// each place was read.
fn poll_until(
    members: &[BaseConsumer],
    seen: &mut BTreeMap<(i32, i64), usize>,
    mut done: impl FnMut(&BTreeMap<(i32, i64), usize>) -> bool,
) {
    let begun = Instant::now();
    while !done(seen) {
        assert!(begun.elapsed() < PATIENCE, "{} places seen", seen.len());
        for member in members {
            if let Some(Ok(message)) = member.poll(Duration::from_millis(10)) {
                *seen.entry((message.partition(), message.offset())).or_default() += 1;
                // A rebalance in between refuses it; the record is then read once more.
                let _ = member.commit_message(&message, CommitMode::Async);
            }
        }
    }
}

/// How many partitions each member has.
fn shares(members: &[BaseConsumer]) -> Vec<usize> {
    let share = |member: &BaseConsumer| member.assignment().map_or(0, |list| list.count());
    members.iter().map(share).collect()
}

/// Polls until the members share all partitions evenly.
fn settle(members: &[BaseConsumer], seen: &mut BTreeMap<(i32, i64), usize>, each: usize) {
    poll_until(members, seen, |_| shares(members).iter().all(|&share| share == each));
}

/// A consumer that joins a group, learns that it is a member, and is never heard of again.
fn join_and_die(address: SocketAddr, group: &str, topic: &str) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut subscription = vec![0, 0, 0, 0, 0, 1];
    subscription.extend((topic.len() as u16).to_be_bytes());
    subscription.extend(topic.as_bytes());
    subscription.extend((-1_i32).to_be_bytes());
    let request = JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 6_000,
        rebalance_timeout_ms: 30_000,
        protocol_type: "consumer".to_owned(),
        protocols: ["range", "roundrobin"]
            .map(|name| JoinGroupRequestProtocol {
                name: name.to_owned(),
                metadata: subscription.clone().into(),
                ..JoinGroupRequestProtocol::default()
            })
            .to_vec(),
        ..JoinGroupRequest::default()
    };
    let frame = encode_request(3, 1, Some("mortal"), &request).expect("a request");
    stream.write_all(&frame).expect("a request is taken");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("an answer");
    // Correlation id, throttle time, error code.
    assert_eq!(answer[..10], [0, 0, 0, 1, 0, 0, 0, 0, 0, 0], "it joined");
}

#[test]
fn members_share_the_partitions_as_they_come_leave_and_die() {
    let setup = Setup::new().with(QUICK);
    let broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    assert_eq!(partitions_of(&producer, "shared"), 8);
    let sent = produce(&producer, "shared", 400, 100);
    let mut seen = BTreeMap::new();
    let mut members = vec![subscribed(&broker.bootstrap(), "workers", "shared")];
    settle(&members, &mut seen, 8);
    members.push(subscribed(&broker.bootstrap(), "workers", "shared"));
    settle(&members, &mut seen, 4);
    members.push(subscribed(&broker.bootstrap(), "workers", "shared"));
    members.push(subscribed(&broker.bootstrap(), "workers", "shared"));
    settle(&members, &mut seen, 2);
    // Two leave, in good order.
    members.truncate(2);
    settle(&members, &mut seen, 4);
    // One comes, is given its share, and dies: nothing is heard of it, and its share comes back.
    let (address, topic) = (broker.address, "shared");
    let mortal = std::thread::spawn(move || join_and_die(address, "workers", topic));
    poll_until(&members, &mut seen, |_| mortal.is_finished());
    mortal.join().expect("it was a member for a moment");
    settle(&members, &mut seen, 4);
    // One leaves again; the last has everything.
    members.truncate(1);
    settle(&members, &mut seen, 8);
    poll_until(&members, &mut seen, |seen| seen.len() == sent.len());
    assert!(seen.keys().eq(sent.keys()), "each record at least once");
    // Whoever is there still gets what comes.
    let more = produce(&producer, "shared", 100, 100);
    poll_until(&members, &mut seen, |seen| seen.len() == more.len());
    drop(members);
    broker.stop();
}

#[test]
fn without_deaths_each_record_is_consumed_once() {
    let setup = Setup::new().with(QUICK);
    let broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    partitions_of(&producer, "once");
    let group = "cooperative";
    let more = [("partition.assignment.strategy", "cooperative-sticky")];
    let mut members: Vec<_> = (0..3)
        .map(|_| {
            let member = member(&broker.bootstrap(), group, &more);
            member.subscribe(&["once"]).expect("a subscription");
            member
        })
        .collect();
    let mut seen = BTreeMap::new();
    poll_until(&members, &mut seen, |_| {
        let shares = shares(&members);
        shares.iter().sum::<usize>() == 8 && shares.iter().all(|&share| share >= 2)
    });
    let sent = produce(&producer, "once", 600, 100);
    poll_until(&members, &mut seen, |seen| seen.len() == sent.len());
    assert!(seen.values().all(|&times| times == 1), "each record once");
    members.clear();
    broker.stop();
}

fn committed(member: &BaseConsumer, topic: &str) -> BTreeMap<i32, Offset> {
    let mut list = TopicPartitionList::new();
    (0..8).for_each(|partition| {
        list.add_partition(topic, partition);
    });
    let begun = Instant::now();
    loop {
        match member.committed_offsets(list.clone(), Duration::from_secs(10)) {
            Ok(found) => {
                let elements = found.elements();
                return elements.iter().map(|part| (part.partition(), part.offset())).collect();
            }
            Err(error) => assert!(begun.elapsed() < PATIENCE, "no offsets: {error}"),
        }
    }
}

#[test]
fn every_acknowledged_commit_is_there_after_each_of_several_kills() {
    let mut setup = Setup::new().with(QUICK);
    setup.listeners = format!("PLAINTEXT://127.0.0.1:{}", lasting_port());
    let mut expected = BTreeMap::new();
    let mut broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    assert_eq!(partitions_of(&producer, "kept"), 8);
    drop(producer);
    for round in 0..5_i64 {
        let member = member(&broker.bootstrap(), "keepers", &[]);
        for partition in 0..8 {
            let mut list = TopicPartitionList::new();
            let offset = 100 * round + i64::from(partition);
            list.add_partition_offset("kept", partition, Offset::Offset(offset))
                .expect("an offset");
            let begun = Instant::now();
            while let Err(error) = member.commit(&list, CommitMode::Sync) {
                assert!(begun.elapsed() < PATIENCE, "not committed: {error}");
            }
            expected.insert(partition, Offset::Offset(offset));
        }
        broker.kill();
        drop(member);
        broker = setup.start();
        let reader = self::member(&broker.bootstrap(), "keepers", &[]);
        assert_eq!(committed(&reader, "kept"), expected, "round {round}");
    }
    broker.stop();
}

#[test]
fn a_group_goes_on_where_it_was_when_the_broker_is_killed_under_it() {
    let mut setup = Setup::new().with(QUICK);
    setup.listeners = format!("PLAINTEXT://127.0.0.1:{}", lasting_port());
    let mut broker = setup.start();
    let sent = {
        let producer = producer(&broker.bootstrap(), &[]);
        partitions_of(&producer, "stream");
        produce(&producer, "stream", 800, 200)
    };
    let members: Vec<_> =
        (0..2).map(|_| subscribed(&broker.bootstrap(), "readers", "stream")).collect();
    let mut seen = BTreeMap::new();
    poll_until(&members, &mut seen, |seen| seen.len() >= 200);
    broker.kill();
    broker = setup.start();
    poll_until(&members, &mut seen, |seen| seen.len() == sent.len());
    assert!(seen.keys().collect::<BTreeSet<_>>().into_iter().eq(sent.keys()));
    drop(members);
    broker.stop();
}

#[test]
fn each_core_shown_as_a_broker_coordinates_its_own_groups() {
    let setup = Setup::new().with(QUICK).with(&["--advertise", "core"]);
    let broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    partitions_of(&producer, "spread");
    let sent = produce(&producer, "spread", 100, 100);
    for group in ["one", "two", "three", "four"] {
        let members = [subscribed(&broker.bootstrap(), group, "spread")];
        let mut seen = BTreeMap::new();
        poll_until(&members, &mut seen, |seen| seen.len() == sent.len());
    }
    broker.stop();
}
