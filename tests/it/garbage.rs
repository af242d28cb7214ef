//! Bytes that no client sends. Whatever comes, other clients go on.

use std::io::Read;
use std::io::Write;
use std::time::Duration;

use crate::broker::Broker;
use crate::broker::Setup;
use crate::client::consume;
use crate::client::produce;
use crate::client::producer;
use crate::wire::Connection;

fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes
}

/// ApiVersions, version 0, no client id.
fn api_versions(correlation: i32) -> Vec<u8> {
    let mut body = vec![0, 18, 0, 0];
    body.extend_from_slice(&correlation.to_be_bytes());
    body.extend_from_slice(&(-1i16).to_be_bytes());
    framed(&body)
}

/// A client that asks and is answered.
fn is_served(broker: &Broker) {
    let mut client = Connection::open(broker);
    client.stream.write_all(&api_versions(7)).expect("a request is taken");
    let mut head = [0; 8];
    client.stream.read_exact(&mut head).expect("an answer");
    assert_eq!(head[4..], 7i32.to_be_bytes());
}

#[test]
fn lengths_that_lie_and_garbage_end_their_connection_with_one_line_and_nothing_else() {
    let setup = Setup::new();
    let broker = setup.start();
    let length = |length: i32| length.to_be_bytes().to_vec();
    let unknown_api = framed(&[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    let unknown_version = framed(&[0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff]);
    let refused_version = framed(&[0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff]);
    let produce_of_nothing =
        framed(&[0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0x7f]);
    for (bytes, what) in [
        (length(-1), "Malformed"),
        (length(i32::MIN), "Malformed"),
        (length(i32::MAX), "TooLarge"),
        (length(104_857_601), "TooLarge"),
        (unknown_api, "Malformed"),
        (unknown_version, "Malformed"),
        (refused_version, "Malformed"),
        (produce_of_nothing, "Malformed"),
        (framed(&[0]), "Malformed"),
        (framed(&[]), "Malformed"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "TooLarge"),
    ] {
        let mut client = Connection::open(&broker);
        client.stream.write_all(&bytes).expect("bytes are taken");
        assert!(client.ends(), "{bytes:?}");
        assert_eq!(broker.lines_about(&client), 1, "{bytes:?}: {}", broker.log());
        let log = broker.log();
        let line = log.lines().find(|line| line.contains(&client.name())).expect("counted above");
        assert!(line.contains(what), "{bytes:?}: {line}");
        is_served(&broker);
    }
    broker.stop();
}

#[test]
fn requests_in_pieces_pipelined_and_cut_off_are_answered_as_far_as_they_are_whole() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut client = Connection::open(&broker);
    for byte in api_versions(1) {
        client.stream.write_all(&[byte]).expect("a byte is taken");
    }
    let many: Vec<u8> = (2..50).flat_map(api_versions).collect();
    client.stream.write_all(&many).expect("requests are taken");
    client.stream.write_all(&api_versions(99)[..9]).expect("a part is taken");
    for correlation in 1..50i32 {
        let mut length = [0; 4];
        client.stream.read_exact(&mut length).expect("an answer");
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        client.stream.read_exact(&mut body).expect("an answer");
        assert_eq!(body[..4], correlation.to_be_bytes(), "answers leave in order");
    }
    client.close_own_direction();
    assert!(client.ends());
    broker.stop();
}

#[test]
fn clients_that_stall_never_read_or_trickle_leave_others_unharmed() {
    let setup = Setup::new().with(&["--request-progress-max-ms", "1500"]);
    let broker = setup.start();
    let mut stalled: Vec<_> = (0..10).map(|_| Connection::open(&broker)).collect();
    for client in &mut stalled {
        client.stream.write_all(&(10u32 << 20).to_be_bytes()).expect("a length is taken");
        client.stream.set_nonblocking(true).expect("a mode");
        // As much as the broker takes.
        let _ = client.stream.write(&vec![0; 8 << 20]);
        client.stream.set_nonblocking(false).expect("a mode");
    }
    let mut deaf = Connection::open(&broker);
    deaf.stream.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let many: Vec<u8> = (0..10_000).flat_map(api_versions).collect();
    while deaf.stream.write_all(&many).is_ok() {}
    let mut trickling = Connection::open(&broker);
    trickling.stream.write_all(&api_versions(1)[..5]).expect("a part is taken");
    let producer = producer(&broker.bootstrap(), &[]);
    let sent = produce(&producer, "unharmed", 2000, 1000);
    assert_eq!(consume(&broker.bootstrap(), "unharmed", &sent), sent);
    let all_end = stalled.iter_mut().all(Connection::ends);
    assert!(all_end, "requests without progress are closed");
    assert!(trickling.ends(), "{}", broker.log());
    broker.wait_for_line_about(&deaf);
    for client in stalled.iter().chain([&trickling, &deaf]) {
        assert_eq!(broker.lines_about(client), 1, "{}", broker.log());
    }
    is_served(&broker);
    broker.stop();
}

#[test]
fn a_thousand_connections_are_served_and_the_limit_is_kept() {
    let setup = Setup::new().with(&["--max-connections", "1000"]);
    let broker = setup.start();
    let mut all: Vec<_> = (0..1000).map(|_| Connection::open(&broker)).collect();
    for client in &mut all {
        client.stream.write_all(&api_versions(3)).expect("a request is taken");
    }
    for client in &mut all {
        let mut head = [0; 8];
        client.stream.read_exact(&mut head).expect("an answer");
        assert_eq!(head[4..], 3i32.to_be_bytes());
    }
    let mut refused = Connection::open(&broker);
    assert!(refused.ends(), "one more is refused");
    let log = broker.log();
    let line = log.lines().find(|line| line.contains(&refused.name()));
    assert!(line.is_some_and(|line| line.contains("max.connections")), "{log}");
    let memory = broker.memory();
    assert!(memory.peak <= memory.bound, "{memory:?}");
    drop(all);
    broker.stop();
}
