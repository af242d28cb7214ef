//! What goes in comes out.

use crate::broker::Setup;
use crate::client::consume;
use crate::client::partitions_of;
use crate::client::produce;
use crate::client::producer;

#[test]
fn records_come_back_from_several_partitions_as_they_were_sent() {
    let setup = Setup::new().with(&["--num-partitions", "3"]);
    let broker = setup.start();
    let producer = producer(&broker.bootstrap(), &[]);
    assert_eq!(partitions_of(&producer, "some"), 3);
    let sent = produce(&producer, "some", 3000, 200);
    assert_eq!(sent.len(), 3000);
    assert_eq!(consume(&broker.bootstrap(), "some", &sent), sent);
    broker.stop();
}

#[test]
fn every_codec_and_large_records_with_idempotence() {
    let setup = Setup::new();
    let broker = setup.start();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let more = [
            ("compression.codec", codec),
            ("enable.idempotence", "true"),
            ("message.max.bytes", "2000000"),
        ];
        let producer = producer(&broker.bootstrap(), &more);
        let topic = format!("codec-{codec}");
        let mut sent = produce(&producer, &topic, 500, 100);
        sent.append(&mut produce(&producer, &topic, 3, 900_000));
        assert_eq!(sent.len(), 503);
        assert_eq!(consume(&broker.bootstrap(), &topic, &sent), sent);
    }
    broker.stop();
}

#[test]
fn each_core_takes_requests_on_its_own_port_and_core_advertising_shows_each_as_a_broker() {
    let setup = Setup::new().with(&["--advertise", "core", "--num-partitions", "4"]);
    let broker = setup.start();
    assert_eq!(broker.cores.len(), 2);
    let producer = producer(&broker.bootstrap(), &[]);
    assert_eq!(partitions_of(&producer, "spread"), 4);
    let timeout = crate::client::PATIENCE;
    use rdkafka::producer::Producer;
    let metadata = producer.client().fetch_metadata(Some("spread"), timeout).unwrap();
    let mut shown: Vec<(i32, i32)> =
        metadata.brokers().iter().map(|shown| (shown.id(), shown.port())).collect();
    shown.sort_unstable();
    let expected: Vec<(i32, i32)> =
        (1000..).zip(broker.cores.iter().map(|p| i32::from(*p))).collect();
    assert_eq!(shown, expected);
    let sent = produce(&producer, "spread", 500, 100);
    assert_eq!(consume(&broker.bootstrap(), "spread", &sent), sent);
    broker.stop();
}
