//! What the strand alone cannot show: the shard's answers to producers (R12), over disks that hold
//! their writes back.

#[path = "../harness/mod.rs"]
mod harness;

use strandlog::kafka::messages::ProduceRequest;
use strandlog::record::BatchBuilder;

use harness::TestNode;
use harness::produce_request;

/// A batch that is sent again while the first one is on its way to the disk is answered when that
/// one is durable, and not before. Panics where it is not so.
pub fn a_duplicate_waits_for_its_original() {
    let mut node = TestNode::single();
    node.create_topic("t", 1, &[]);
    let (mut first, mut second) = (node.connect(0), node.connect(0));
    node.hold_disk = true;
    for client in [&mut first, &mut second] {
        let mut builder = BatchBuilder::new().producer(7, 0, 0);
        builder.push(harness::WALL_MS, None, Some(b"value"), &[]);
        client.send(&mut node, 9, &produce_request("t", 0, builder.finish(), -1));
        node.run();
    }
    for client in [&mut first, &mut second] {
        let early = client.answers::<ProduceRequest>(&mut node, 9);
        assert!(early.is_empty(), "R12: answered before it is durable: {early:?}");
    }
    node.hold_disk = false;
    node.run();
    for client in [&mut first, &mut second] {
        let answers = client.answers::<ProduceRequest>(&mut node, 9);
        let bases: Vec<i64> = answers
            .iter()
            .map(|(_, answer)| answer.responses[0].partition_responses[0].base_offset)
            .collect();
        assert_eq!(bases, [0], "both speak of the one batch that is there");
    }
}
