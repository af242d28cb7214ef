//! Requests that were sound before some of their bytes were changed, against the real binary.

use std::io::Write;
use std::net::Shutdown;

use strandlog::base::Rng;
use strandlog::kafka::messages::DescribeConfigsRequest;
use strandlog::kafka::messages::DescribeConfigsResource;
use strandlog::kafka::messages::InitProducerIdRequest;
use strandlog::kafka::messages::ListOffsetsPartition;
use strandlog::kafka::messages::ListOffsetsRequest;
use strandlog::kafka::messages::ListOffsetsTopic;
use strandlog::kafka::messages::MetadataRequest;
use strandlog::kafka::messages::MetadataRequestTopic;

use crate::broker::Setup;
use crate::wire::Connection;
use crate::wire::FETCH;
use crate::wire::PRODUCE;
use crate::wire::batch;
use crate::wire::fetch_request;
use crate::wire::produce_request;

const FRAMES: usize = 2000;

/// Bytes of the length in front of a frame: it stays true, so that what is behind it is read.
const LENGTH: usize = 4;

/// Sound requests of several APIs, as frames.
fn sound(client: &mut Connection) -> Vec<Vec<u8>> {
    let offsets = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![ListOffsetsPartition { timestamp: 5, ..Default::default() }],
            ..ListOffsetsTopic::default()
        }],
        ..ListOffsetsRequest::default()
    };
    let topic = MetadataRequestTopic { name: Some("t".to_owned()), ..Default::default() };
    let metadata = MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() };
    let resource = DescribeConfigsResource {
        resource_type: 2,
        resource_name: "t".to_owned(),
        ..DescribeConfigsResource::default()
    };
    let configs = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let frames = [
        client.frame(PRODUCE, &produce_request("t", 0, batch(b"value"), -1)),
        client.frame(PRODUCE, &produce_request("t", 1, batch(&[1; 500]), 1)),
        client.frame(FETCH, &fetch_request("t", 0, 0, 100)),
        client.frame(7, &offsets),
        client.frame(9, &metadata),
        client.frame(4, &configs),
        client.frame(4, &InitProducerIdRequest::default()),
    ];
    frames.into_iter().map(|frame| frame.to_vec()).collect()
}

fn mutate(rng: &mut Rng, frame: &mut [u8]) {
    for _ in 0..=rng.below(3) {
        let at = LENGTH + rng.below((frame.len() - LENGTH) as u64) as usize;
        frame[at] = match rng.below(3) {
            0 => frame[at] ^ (1 << rng.below(8)),
            1 => [0, 0x7f, 0x80, 0xff][rng.below(4) as usize],
            _ => rng.below(256) as u8,
        };
    }
}

#[test]
fn requests_with_a_few_other_bytes_are_answered_or_end_their_connection() {
    let setup = Setup::new().with(&["--auto-create-topics-enable", "false"]);
    let broker = setup.start();
    let mut client = Connection::open(&broker);
    client.create_topic("t", 2, &[("cleanup.policy", "compact")]);
    let sound = sound(&mut client);
    let mut rng = Rng::new(11);
    for number in 0..FRAMES {
        let mut frame = sound[number % sound.len()].clone();
        mutate(&mut rng, &mut frame);
        let mut client = Connection::open(&broker);
        client.stream.write_all(&frame).expect("a frame is taken");
        // Fails where the broker was quicker.
        let _ = client.stream.shutdown(Shutdown::Write);
        assert!(client.ends(), "{frame:?}");
    }
    // One line for a connection at most. Their ports come again, so they are counted together.
    let log = broker.log();
    let lines = log.lines().filter(|line| line.contains("peer=")).count();
    assert!((1..=FRAMES).contains(&lines), "{lines} lines about {FRAMES} connections");
    assert_eq!(client.produce("t", 0, batch(b"sound")).error_code, 0);
    let memory = broker.memory();
    assert!(memory.peak <= memory.bound, "{memory:?}");
    broker.stop();
}
