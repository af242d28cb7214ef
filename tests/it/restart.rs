//! Ends and starts: nothing acknowledged is lost.

use crate::broker::Setup;
use crate::client::consume;
use crate::client::partitions_of;
use crate::client::produce;
use crate::client::producer;

#[test]
fn after_a_stop_in_good_order_everything_is_there() {
    let setup = Setup::new().with(&["--num-partitions", "2"]);
    let broker = setup.start();
    let sent = {
        let producer = producer(&broker.bootstrap(), &[]);
        partitions_of(&producer, "kept");
        produce(&producer, "kept", 1000, 500)
    };
    broker.stop();
    let broker = setup.start();
    assert_eq!(consume(&broker.bootstrap(), "kept", &sent), sent);
    let log = broker.log();
    assert!(!log.contains("torn"), "a stop in good order leaves no torn tail: {log}");
    broker.stop();
}

#[test]
fn after_each_of_several_kills_everything_acknowledged_is_there() {
    let setup = Setup::new().with(&["--num-partitions", "2"]);
    let mut all = std::collections::BTreeMap::new();
    for _ in 0..3 {
        let broker = setup.start();
        let producer = producer(&broker.bootstrap(), &[("enable.idempotence", "true")]);
        partitions_of(&producer, "kept");
        all.append(&mut produce(&producer, "kept", 500, 300));
        broker.kill();
        drop(producer);
    }
    let broker = setup.start();
    assert_eq!(all.len(), 1500);
    assert_eq!(consume(&broker.bootstrap(), "kept", &all), all);
    broker.stop();
}

#[test]
fn with_another_number_of_cores_everything_is_there() {
    let mut setup = Setup::new().with(&["--num-partitions", "4"]);
    let broker = setup.start();
    let sent = {
        let producer = producer(&broker.bootstrap(), &[]);
        partitions_of(&producer, "kept");
        produce(&producer, "kept", 400, 100)
    };
    broker.stop();
    for shards in ["1", "3"] {
        setup.arguments[1] = shards.to_owned();
        let broker = setup.start();
        assert_eq!(consume(&broker.bootstrap(), "kept", &sent), sent);
        broker.stop();
    }
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_next_start_recovers() {
    let setup = Setup::new();
    let broker = setup.start();
    let sent = {
        let producer = producer(&broker.bootstrap(), &[]);
        produce(&producer, "kept", 100, 100)
    };
    // However far the first one got, the broker ends, and by one of the two ways.
    broker.signal(libc::SIGINT);
    let status = broker.wait_signalling(libc::SIGINT);
    assert!(matches!(status.code(), Some(0 | 130)), "{status:?}");
    let broker = setup.start();
    assert_eq!(consume(&broker.bootstrap(), "kept", &sent), sent);
    broker.stop();
}

/// The bounds are the documented ones, and several times what it takes; of later starts the best
/// counts, since other tests run beside this one.
#[test]
fn it_is_ready_within_three_seconds_at_first_and_within_one_later() {
    let setup = Setup::new();
    let broker = setup.start();
    assert!(broker.ready_ms <= 3000, "first start: {} ms", broker.ready_ms);
    let producer = producer(&broker.bootstrap(), &[]);
    produce(&producer, "kept", 1000, 1000);
    broker.stop();
    let later: Vec<u64> = (0..3)
        .map(|_| {
            let broker = setup.start();
            let ready_ms = broker.ready_ms;
            broker.kill();
            ready_ms
        })
        .collect();
    assert!(later.iter().any(|ms| *ms <= 1000), "later starts: {later:?} ms");
}
