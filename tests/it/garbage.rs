//! Bytes that no client sends. Whatever comes, other clients go on.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::broker::Broker;
use crate::broker::Setup;
use crate::client::PATIENCE;
use crate::client::consume;
use crate::client::produce;
use crate::client::producer;

fn connect(broker: &Broker) -> TcpStream {
    let stream = TcpStream::connect(broker.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// True once the broker has ended the connection.
fn ends(stream: &mut TcpStream) -> bool {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

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
    let mut stream = connect(broker);
    stream.write_all(&api_versions(7)).expect("a request is taken");
    let mut head = [0; 8];
    stream.read_exact(&mut head).expect("an answer");
    assert_eq!(head[4..], 7i32.to_be_bytes());
}

#[test]
fn lengths_that_lie_and_garbage_end_their_connection_with_a_line_and_nothing_else() {
    let setup = Setup::new();
    let broker = setup.start();
    for length in [-1, i32::MIN, i32::MAX, 104_857_601] {
        let mut stream = connect(&broker);
        stream.write_all(&length.to_be_bytes()).unwrap();
        assert!(ends(&mut stream), "a length of {length}");
    }
    let unknown_api = framed(&[0x7f, 0xff, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
    let produce_of_nothing =
        framed(&[0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0, 0xff, 0xff, 0xff, 0x7f]);
    let too_short = framed(&[0]);
    for bytes in [
        unknown_api,
        produce_of_nothing,
        too_short,
        framed(&[]),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut stream = connect(&broker);
        stream.write_all(&bytes).unwrap();
        assert!(ends(&mut stream), "{bytes:?}");
        is_served(&broker);
    }
    let log = broker.log();
    assert!(
        log.contains("TooLarge") && log.contains("Malformed") && log.contains("127.0.0.1:"),
        "{log}"
    );
    broker.stop();
}

#[test]
fn requests_in_pieces_pipelined_and_cut_off_are_answered_as_far_as_they_are_whole() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut stream = connect(&broker);
    for byte in api_versions(1) {
        stream.write_all(&[byte]).unwrap();
    }
    let many: Vec<u8> = (2..50).flat_map(api_versions).collect();
    stream.write_all(&many).unwrap();
    stream.write_all(&api_versions(99)[..9]).unwrap();
    for correlation in 1..50i32 {
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut body).unwrap();
        assert_eq!(body[..4], correlation.to_be_bytes(), "answers leave in order");
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(ends(&mut stream));
    broker.stop();
}

#[test]
fn clients_that_stall_never_read_or_trickle_leave_others_unharmed() {
    let setup = Setup::new().with(&["--request-progress-max-ms", "1500"]);
    let broker = setup.start();
    let mut stalled: Vec<TcpStream> = (0..10).map(|_| connect(&broker)).collect();
    for stream in &mut stalled {
        stream.write_all(&(10u32 << 20).to_be_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        // As much as the broker takes.
        let _ = stream.write(&vec![0; 8 << 20]);
        stream.set_nonblocking(false).unwrap();
    }
    let mut deaf = connect(&broker);
    deaf.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let many: Vec<u8> = (0..10_000).flat_map(api_versions).collect();
    while deaf.write_all(&many).is_ok() {}
    let mut trickling = connect(&broker);
    trickling.write_all(&api_versions(1)[..5]).unwrap();
    let producer = producer(&broker.bootstrap(), &[]);
    let sent = produce(&producer, "unharmed", 2000, 1000);
    assert_eq!(consume(&broker.bootstrap(), "unharmed", &sent), sent);
    assert!(stalled.iter_mut().all(ends), "requests without progress are closed");
    assert!(ends(&mut trickling), "{}", broker.log());
    is_served(&broker);
    drop(deaf);
    broker.stop();
}

#[test]
fn a_thousand_connections_are_served_and_the_limit_is_kept() {
    let setup = Setup::new().with(&["--max-connections", "1000"]);
    let broker = setup.start();
    let mut all: Vec<TcpStream> = (0..1000).map(|_| connect(&broker)).collect();
    for stream in &mut all {
        stream.write_all(&api_versions(3)).unwrap();
    }
    for stream in &mut all {
        let mut head = [0; 8];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(head[4..], 3i32.to_be_bytes());
    }
    assert!(ends(&mut connect(&broker)), "one more is refused");
    assert!(broker.log().contains("max.connections"));
    drop(all);
    broker.stop();
}
