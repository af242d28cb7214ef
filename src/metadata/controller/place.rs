//! Which strand a partition goes to.

use std::collections::BTreeMap;

use crate::base::NodeId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::metadata::Image;

/// Strands for `count` further partitions of a topic whose partitions lie in `present`: spread as
/// evenly over the cores as the topic allows, then to the core, and its strand, with the fewest
/// partitions. `chosen` says which brokers were asked for, partition by partition.
pub(super) fn place(
    image: &Image,
    present: impl IntoIterator<Item = StrandId>,
    count: usize,
    chosen: impl Fn(usize) -> Option<NodeId>,
) -> Vec<StrandId> {
    let layout = image.layout();
    let mut of_topic: BTreeMap<ShardId, u32> = BTreeMap::new();
    let mut of_shard: BTreeMap<ShardId, u32> = BTreeMap::new();
    let mut of_strand: BTreeMap<StrandId, u32> = BTreeMap::new();
    for (strand, shard) in &layout.strands {
        let load = image.state().load(*strand);
        of_strand.insert(*strand, load);
        *of_shard.entry(*shard).or_default() += load;
    }
    for strand in present {
        *of_topic.entry(image.owner(strand)).or_default() += 1;
    }
    let mut placed = Vec::with_capacity(count);
    for number in 0..count {
        let broker = chosen(number);
        let shown = layout.brokers().find(|(known, _)| Some(*known) == broker);
        let core = shown.and_then(|(_, core)| core);
        let eligible = layout.strands.iter().filter(|(_, shard)| core.is_none_or(|c| c == **shard));
        let least = eligible.min_by_key(|(strand, shard)| {
            let topic = of_topic.get(shard).copied().unwrap_or(0);
            (topic, of_shard.get(shard).copied(), of_strand.get(strand).copied(), **strand)
        });
        // A core without a strand has none of its own to offer: any will do.
        let any = layout.strands.iter().next();
        let (strand, shard) = least.or(any).expect("a layout has a strand");
        *of_topic.entry(*shard).or_default() += 1;
        *of_shard.entry(*shard).or_default() += 1;
        *of_strand.entry(*strand).or_default() += 1;
        placed.push(*strand);
    }
    placed
}
