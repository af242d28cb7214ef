//! What `cargo test` runs: a ceiling in a directory of its own, and a client that wants right
//! answers in order.

use crate::Args;
use bytes::Bytes;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc;
use strandlog::kafka::messages::PartitionProduceData;
use strandlog::kafka::messages::ProduceRequest;
use strandlog::kafka::messages::ProduceResponse;
use strandlog::kafka::messages::TopicProduceData;
use strandlog::kafka::wire::Message;
use strandlog::kafka::wire::encode_request;
use strandlog::record::BatchBuilder;

const VERSION: i16 = 8;
const REQUESTS: i32 = 200;

pub(crate) fn run(args: Args) {
    let dir = std::env::temp_dir().join(format!("strandlog-ceiling-{}", std::process::id()));
    let (tell, told) = mpsc::channel();
    let args =
        Args { port: 0, dir: dir.clone(), file_mib: 8, k: 2, core: 0, frame_max: 64, ..args };
    std::thread::spawn(move || {
        let served = crate::serve(args, move |address| {
            tell.send(address).expect("the test waits for it");
        });
        panic!("the ceiling ended: {served:?}");
    });
    let address = told.recv().expect("the ceiling starts");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let mut sender = stream.try_clone().expect("a descriptor is free");
    let sending = std::thread::spawn(move || {
        for correlation in 0..REQUESTS {
            // Every tenth batch is larger than a frame.
            let bytes = if correlation % 10 == 0 { 100_000 } else { 1000 };
            let request = encode_request(VERSION, correlation, None, &request(bytes))
                .expect("a request that its version can carry");
            sender.write_all(&request).expect("the ceiling reads");
        }
    });
    for correlation in 0..REQUESTS {
        let answer = read_frame(&mut stream);
        assert_eq!(answer[..4], correlation.to_be_bytes(), "answers come in order");
        let response =
            ProduceResponse::decode_whole(VERSION, answer.slice(4..)).expect("a valid answer");
        let part = &response.responses[0].partition_responses[0];
        assert_eq!((part.index, part.error_code), (3, 0));
        assert_eq!(part.base_offset, i64::from(correlation) * 2);
    }
    sending.join().expect("everything was sent");
    std::fs::remove_dir_all(&dir).expect("the directory is the test's own");
    println!("ceiling: smoke test passed");
}

fn request(bytes: usize) -> ProduceRequest {
    let mut batch = BatchBuilder::new();
    batch.push(1, None, Some(&vec![7; bytes]), &[]);
    batch.push(2, None, Some(b"second"), &[]);
    let partition = PartitionProduceData {
        index: 3,
        records: Some(Bytes::from(batch.finish())),
        ..PartitionProduceData::default()
    };
    let topic = TopicProduceData {
        name: "smoke".to_owned(),
        partition_data: vec![partition],
        ..TopicProduceData::default()
    };
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() }
}

fn read_frame(stream: &mut TcpStream) -> Bytes {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).expect("a whole answer");
    Bytes::from(frame)
}
