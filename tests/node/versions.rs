//! Every version of every API of the data path, answered well and answered badly: an answer that
//! its version cannot carry would close the connection.

use strandlog::base::TopicId;
use strandlog::kafka::errors::ErrorCode;
use strandlog::kafka::messages::DeleteRecordsPartition;
use strandlog::kafka::messages::DeleteRecordsRequest;
use strandlog::kafka::messages::DeleteRecordsTopic;
use strandlog::kafka::messages::InitProducerIdRequest;
use strandlog::kafka::messages::ListOffsetsPartition;
use strandlog::kafka::messages::ListOffsetsRequest;
use strandlog::kafka::messages::ListOffsetsTopic;
use strandlog::kafka::messages::OffsetForLeaderEpochRequest;
use strandlog::kafka::messages::OffsetForLeaderPartition;
use strandlog::kafka::messages::OffsetForLeaderTopic;
use strandlog::kafka::wire::Message;

use crate::batch_at;
use crate::harness::Client;
use crate::harness::TestNode;
use crate::harness::WALL_MS;
use crate::harness::fetch_request;
use crate::harness::produce_request;

fn node() -> (TestNode, Client) {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let mut client = node.connect(0);
    client.produce(&mut node, "t", 0, batch_at(&[WALL_MS]));
    (node, client)
}

#[test]
fn produce() {
    let (mut node, mut client) = node();
    for version in strandlog::kafka::messages::ProduceRequest::VERSIONS {
        let future = batch_at(&[WALL_MS + 9_000_000]);
        let mut torn = batch_at(&[WALL_MS]);
        torn[40] ^= 1;
        for (partition, records, error) in [
            (0, batch_at(&[WALL_MS]), ErrorCode::None),
            (0, future, ErrorCode::InvalidTimestamp),
            (0, torn, ErrorCode::CorruptMessage),
            (0, Vec::new(), ErrorCode::InvalidRecord),
            (5, batch_at(&[WALL_MS]), ErrorCode::UnknownTopicOrPartition),
        ] {
            let mut request = produce_request("t", partition, records, -1);
            request.topic_data[0].topic_id = node.topics.id("t");
            let answer = client.call(&mut node, version, &request);
            let answer = &answer.responses[0].partition_responses[0];
            assert_eq!(answer.error_code, error.code(), "version {version}");
        }
    }
}

#[test]
fn fetch() {
    let (mut node, mut client) = node();
    for version in strandlog::kafka::messages::FetchRequest::VERSIONS {
        for (partition, from, error) in [
            (0, 0, ErrorCode::None),
            (0, 99, ErrorCode::OffsetOutOfRange),
            (5, 0, ErrorCode::UnknownTopicOrPartition),
        ] {
            let mut request = fetch_request("t", &[(partition, from)], 0);
            request.topics[0].topic_id = node.topics.id("t");
            request.isolation_level = 1;
            if version >= 7 {
                request.session_epoch = 0;
            }
            let answer = client.call(&mut node, version, &request);
            let answer = &answer.responses[0].partitions[0];
            assert_eq!(answer.error_code, error.code(), "version {version}");
        }
        if version >= 7 {
            let mut request = fetch_request("t", &[(0, 0)], 0);
            request.topics[0].topic_id = TopicId([1; 16]);
            (request.session_id, request.session_epoch) = (77, 3);
            let answer = client.call(&mut node, version, &request);
            assert_eq!(answer.error_code, ErrorCode::FetchSessionIdNotFound.code());
        }
    }
}

#[test]
fn list_offsets() {
    let (mut node, mut client) = node();
    for version in ListOffsetsRequest::VERSIONS {
        for (partition_index, timestamp, offset, error) in [
            (0, -1, 1, ErrorCode::None),
            (0, -2, 0, ErrorCode::None),
            (0, WALL_MS, 0, ErrorCode::None),
            (0, WALL_MS + 1, -1, ErrorCode::None),
            (0, -99, -1, ErrorCode::UnsupportedVersion),
            (5, -1, -1, ErrorCode::UnknownTopicOrPartition),
        ] {
            let partition = ListOffsetsPartition {
                partition_index,
                timestamp,
                ..ListOffsetsPartition::default()
            };
            let request = ListOffsetsRequest {
                replica_id: -1,
                timeout_ms: 1000,
                topics: vec![ListOffsetsTopic {
                    name: "t".to_owned(),
                    partitions: vec![partition],
                    ..ListOffsetsTopic::default()
                }],
                ..ListOffsetsRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            let answer = &answer.topics[0].partitions[0];
            let found = (answer.error_code, answer.offset);
            assert_eq!(found, (error.code(), offset), "{timestamp} in version {version}");
        }
    }
}

#[test]
fn delete_records() {
    let (mut node, mut client) = node();
    for version in DeleteRecordsRequest::VERSIONS {
        for (partition_index, offset, error) in [
            (0, 0, ErrorCode::None),
            (0, 99, ErrorCode::OffsetOutOfRange),
            (5, 0, ErrorCode::UnknownTopicOrPartition),
        ] {
            let partition = DeleteRecordsPartition {
                partition_index,
                offset,
                ..DeleteRecordsPartition::default()
            };
            let request = DeleteRecordsRequest {
                timeout_ms: 1000,
                topics: vec![DeleteRecordsTopic {
                    name: "t".to_owned(),
                    partitions: vec![partition],
                    ..DeleteRecordsTopic::default()
                }],
                ..DeleteRecordsRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            assert_eq!(answer.topics[0].partitions[0].error_code, error.code());
        }
    }
}

#[test]
fn offset_for_leader_epoch() {
    let (mut node, mut client) = node();
    for version in OffsetForLeaderEpochRequest::VERSIONS {
        for (partition, current_leader_epoch, error) in [
            (0, -1, ErrorCode::None),
            (0, 7, ErrorCode::UnknownLeaderEpoch),
            (5, -1, ErrorCode::UnknownTopicOrPartition),
        ] {
            let request = OffsetForLeaderEpochRequest {
                replica_id: -1,
                topics: vec![OffsetForLeaderTopic {
                    topic: "t".to_owned(),
                    partitions: vec![OffsetForLeaderPartition {
                        partition,
                        current_leader_epoch,
                        ..OffsetForLeaderPartition::default()
                    }],
                    ..OffsetForLeaderTopic::default()
                }],
                ..OffsetForLeaderEpochRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            assert_eq!(answer.topics[0].partitions[0].error_code, error.code());
        }
    }
}

#[test]
fn init_producer_id_of_a_transaction_finds_no_coordinator() {
    let (mut node, mut client) = node();
    for version in InitProducerIdRequest::VERSIONS {
        for (transactional_id, error) in
            [("payments", ErrorCode::CoordinatorNotAvailable), ("", ErrorCode::InvalidRequest)]
        {
            let request = InitProducerIdRequest {
                transactional_id: Some(transactional_id.to_owned()),
                transaction_timeout_ms: 1000,
                ..InitProducerIdRequest::default()
            };
            let answer = client.call(&mut node, version, &request);
            assert_eq!((answer.error_code, answer.producer_id), (error.code(), -1));
        }
    }
}
