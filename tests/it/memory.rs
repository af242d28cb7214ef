//! Memory under attack: what the process holds at its peak, against what it was given. Others are
//! served meanwhile.

use std::io::Read;
use std::io::Write;
use std::time::Duration;

use strandlog::record::BatchBuilder;
use strandlog::record::Codec;

use crate::broker::Broker;
use crate::broker::Setup;
use crate::client::consume;
use crate::client::produce;
use crate::client::producer;
use crate::wire::Connection;
use crate::wire::FETCH;
use crate::wire::PRODUCE;
use crate::wire::batch;
use crate::wire::fetch_request;
use crate::wire::now_ms;
use crate::wire::produce_request;

/// A client of another kind sends and reads as if nothing were.
fn others_are_unharmed(broker: &Broker) {
    let producer = producer(&broker.bootstrap(), &[]);
    let topic = format!("unharmed-{}", now_ms());
    let sent = produce(&producer, &topic, 2000, 1000);
    let found = consume(&broker.bootstrap(), &topic, &sent);
    assert!(found == sent, "{} records of {}, or others", found.len(), sent.len());
}

#[track_caller]
fn assert_bounded(broker: &Broker) {
    let memory = broker.memory();
    println!("{memory:?}");
    assert!(memory.peak <= memory.bound, "{memory:?}");
}

/// Each of them was closed, with one line in the log about it.
#[track_caller]
fn assert_closed(broker: &Broker, clients: &mut [Connection]) {
    for client in clients {
        assert!(client.ends());
        assert_eq!(broker.lines_about(client), 1, "{}", broker.log());
    }
}

/// The end of an attack by such clients, which others have survived.
#[track_caller]
fn assert_survived(broker: Broker, clients: &mut [Connection]) {
    others_are_unharmed(&broker);
    assert_closed(&broker, clients);
    assert_bounded(&broker);
    broker.stop();
}

/// Sends as much as the broker takes within a moment.
fn press(stream: &mut std::net::TcpStream, bytes: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    // It fails when the broker takes no more, which is what is wanted.
    let _ = stream.write_all(bytes);
}

#[test]
fn ten_clients_that_announce_100_mib_are_closed_at_once() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut ten: Vec<_> = (0..10).map(|_| Connection::open(&broker)).collect();
    for client in &mut ten {
        client.stream.write_all(&(100u32 << 20).to_be_bytes()).expect("a length is taken");
    }
    assert_closed(&broker, &mut ten);
    others_are_unharmed(&broker);
    assert_bounded(&broker);
    broker.stop();
}

#[test]
fn ten_clients_that_announce_100_mib_where_that_is_allowed_and_stall_hold_what_they_sent() {
    // Room for one such request on each core.
    let options = ["--queued-max-request-bytes", "280MiB", "--request-progress-max-ms", "3000"];
    let setup = Setup::new().with(&options);
    let broker = setup.start();
    let mut ten: Vec<_> = (0..10).map(|_| Connection::open(&broker)).collect();
    for client in &mut ten {
        client.stream.write_all(&(100u32 << 20).to_be_bytes()).expect("a length is taken");
        press(&mut client.stream, &vec![0; 1 << 20]);
    }
    assert_survived(broker, &mut ten);
}

#[test]
fn twenty_clients_that_stall_near_the_end_of_large_requests_share_the_memory_for_requests() {
    let setup = Setup::new().with(&["--request-progress-max-ms", "3000"]);
    let broker = setup.start();
    let mut twenty: Vec<_> = (0..20).map(|_| Connection::open(&broker)).collect();
    for client in &mut twenty {
        client.stream.write_all(&(11u32 << 20).to_be_bytes()).expect("a length is taken");
        press(&mut client.stream, &vec![0; 10 << 20]);
    }
    assert_survived(broker, &mut twenty);
}

#[test]
fn readers_that_never_read_hold_no_more_than_answers_may() {
    let setup = Setup::new().with(&["--request-progress-max-ms", "4000"]);
    let broker = setup.start();
    let mut writer = Connection::open(&broker);
    writer.create_topic("t", 4, &[]);
    for number in 0..160 {
        let answer = writer.produce("t", number % 4, batch(&vec![1; 1_000_000]));
        assert_eq!(answer.error_code, 0, "{answer:?}");
    }
    let mut deaf: Vec<_> = (0..40).map(|_| Connection::open(&broker)).collect();
    for (client, partition) in deaf.iter_mut().zip((0..4).cycle()) {
        for _ in 0..5 {
            client.send(FETCH, &fetch_request("t", partition, 0, 0));
        }
    }
    others_are_unharmed(&broker);
    assert_bounded(&broker);
    for client in &deaf {
        broker.wait_for_line_about(client);
    }
    others_are_unharmed(&broker);
    assert_bounded(&broker);
    assert_closed(&broker, &mut deaf);
    broker.stop();
}

#[test]
fn readers_of_more_than_memory_holds_are_all_served() {
    let setup = Setup::new();
    let broker = setup.start();
    let mut writer = Connection::open(&broker);
    writer.create_topic("t", 4, &[]);
    for number in 0..400 {
        assert_eq!(writer.produce("t", number % 4, batch(&vec![1; 1_000_000])).error_code, 0);
    }
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let broker = &broker;
            scope.spawn(move || {
                let mut client = Connection::open(broker);
                let mut from = 0;
                while from < 100 {
                    let answer = client.fetch("t", reader % 4, from, 1000);
                    assert_eq!(answer.error_code, 0, "{answer:?}");
                    let records = answer.records.expect("records");
                    from += strandlog::record::Batches::new(&records).count() as i64;
                }
            });
        }
    });
    assert_bounded(&broker);
    broker.stop();
}

#[test]
fn bombs_from_many_clients_are_opened_one_at_a_time() {
    let setup = Setup::new();
    let broker = setup.start();
    Connection::open(&broker).create_topic("keyed", 2, &[("cleanup.policy", "compact")]);
    let mut builder = BatchBuilder::new().codec(Codec::Zstd, 3);
    builder.push(now_ms(), Some(b"key"), Some(&vec![0; 64 << 20]), &[]);
    let bomb = builder.finish();
    let mut many: Vec<_> = (0..20).map(|_| Connection::open(&broker)).collect();
    for (client, partition) in many.iter_mut().zip((0..2).cycle()) {
        for _ in 0..20 {
            client.send(PRODUCE, &produce_request("keyed", partition, bomb.clone(), -1));
        }
    }
    others_are_unharmed(&broker);
    for client in &mut many {
        for _ in 0..20 {
            let (_, answer) = client.receive::<strandlog::kafka::messages::ProduceRequest>(PRODUCE);
            assert_ne!(answer.responses[0].partition_responses[0].error_code, 0);
        }
        assert_eq!(broker.lines_about(client), 1, "{}", broker.log());
    }
    assert_bounded(&broker);
    broker.stop();
}

#[test]
fn a_thousand_clients_with_half_a_request_each_leave_room_for_others() {
    let setup = Setup::new().with(&["--request-progress-max-ms", "4000"]);
    let broker = setup.start();
    let mut all: Vec<_> = (0..1000).map(|_| Connection::open(&broker)).collect();
    for client in &mut all {
        client.stream.write_all(&(60u32 << 10).to_be_bytes()).expect("a length is taken");
        press(&mut client.stream, &[0; 30 << 10]);
    }
    assert_closed(&broker, &mut all);
    others_are_unharmed(&broker);
    assert_bounded(&broker);
    broker.stop();
}

#[test]
fn one_byte_a_second_is_no_request() {
    let setup = Setup::new().with(&["--request-progress-max-ms", "2500"]);
    let broker = setup.start();
    let mut slow = Connection::open(&broker);
    let frame = slow.frame(FETCH, &fetch_request("t", 0, 0, 0));
    slow.stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let mut sent = 0;
    for byte in frame.chunks(1) {
        if slow.stream.write_all(byte).is_err() {
            break;
        }
        sent += 1;
        // The pause between two bytes, in which the broker may end it.
        match slow.stream.read(&mut [0]) {
            Ok(0) => break,
            Ok(_) => panic!("an answer to {sent} bytes"),
            Err(_) => {}
        }
    }
    assert!(sent < frame.len(), "it may not go on for ever");
    assert_eq!(broker.lines_about(&slow), 1, "{}", broker.log());
    others_are_unharmed(&broker);
    broker.stop();
}

/// Asks for many topics, all by different names that no topic can have: much more in memory than
/// on the wire, both of the question and of the answer.
fn metadata_of_impossible_topics(count: u32) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff];
    body.extend_from_slice(&count.to_be_bytes());
    for number in 0..count {
        let name = format!("!{number:x}");
        body.extend_from_slice(&(name.len() as u16).to_be_bytes());
        body.extend_from_slice(name.as_bytes());
    }
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.append(&mut body);
    frame
}

#[test]
fn requests_that_are_much_larger_in_memory_than_on_the_wire_are_bounded_too() {
    let setup = Setup::new();
    let broker = setup.start();
    for count in [10_000, 100_000, 500_000, 1_000_000] {
        let frame = metadata_of_impossible_topics(count);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut client = Connection::open(&broker);
                    press(&mut client.stream, &frame);
                    // Fails where it was closed already.
                    let _ = client.stream.shutdown(std::net::Shutdown::Write);
                    // Answered or closed, as it fits.
                    assert!(client.ends());
                });
            }
        });
        println!("{count} topics: {:?}", broker.memory());
    }
    others_are_unharmed(&broker);
    assert_bounded(&broker);
    broker.stop();
}
