//! Clients that close their own direction: what came in before the end is done and answered.

use std::net::Shutdown;

use strandlog::kafka::messages::FetchRequest;
use strandlog::kafka::messages::ProduceRequest;

use crate::broker::Setup;
use crate::wire::Connection;
use crate::wire::FETCH;
use crate::wire::PRODUCE;
use crate::wire::batch;
use crate::wire::fetch_request;
use crate::wire::produce_request;

#[test]
fn requests_that_were_pending_when_a_client_closed_its_direction_are_answered_in_order() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut client = Connection::open(&broker);
    client.create_topic("t", 1, &[]);
    let waits = fetch_request("t", 0, 4, 600_000);
    let mut frames = Vec::new();
    for number in 0..4u8 {
        let request = produce_request("t", 0, batch(&[number]), -1);
        frames.extend_from_slice(&client.frame(PRODUCE, &request));
    }
    frames.extend_from_slice(&client.frame(FETCH, &waits));
    std::io::Write::write_all(&mut client.stream, &frames).expect("requests are taken");
    client.close_own_direction();
    for number in 0..4 {
        let (_, answer) = client.receive::<ProduceRequest>(PRODUCE);
        let answer = &answer.responses[0].partition_responses[0];
        assert_eq!((answer.error_code, answer.base_offset), (0, number));
    }
    let (_, answer) = client.receive::<FetchRequest>(FETCH);
    let answer = &answer.responses[0].partitions[0];
    assert_eq!((answer.error_code, answer.partition_index), (0, 0), "it is not kept waiting");
    assert!(client.ends());
    assert_eq!(broker.lines_about(&client), 0, "this is no fault: {}", broker.log());
    broker.stop();
}

#[test]
fn what_was_sent_without_acknowledgement_before_the_end_is_kept() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut reader = Connection::open(&broker);
    reader.create_topic("t", 1, &[]);
    let mut end = 0;
    for round in 0..20 {
        let mut writer = Connection::open(&broker);
        // More than one turn takes, and than a connection may have under way.
        for _ in 0..100 {
            writer.send(PRODUCE, &produce_request("t", 0, batch(&[7; 2000]), 0));
        }
        match round % 2 {
            0 => drop(writer),
            _ => writer.stream.shutdown(Shutdown::Both).expect("an open connection"),
        }
        end += 100;
    }
    reader.wait_for("t", 0, end);
    broker.stop();
}
