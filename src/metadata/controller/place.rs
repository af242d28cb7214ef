//! Which strand a partition goes to.

use std::collections::BTreeMap;

use crate::base::Lifetime;
use crate::base::NodeId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::metadata::Image;

/// Strands for `count` further partitions of a topic whose partitions lie in `present`. The core
/// first: spread as evenly as the topic allows, then the one with the fewest partitions; of its
/// strands the one for what lives as long as the topic's records, then the one with the fewest
/// partitions. `chosen` says which brokers were asked for, partition by partition.
pub(super) fn place(
    image: &Image,
    lifetime: Lifetime,
    present: impl IntoIterator<Item = StrandId>,
    count: usize,
    chosen: impl Fn(usize) -> Option<NodeId>,
) -> Vec<StrandId> {
    let layout = image.layout();
    let mut of_topic: BTreeMap<ShardId, u32> = BTreeMap::new();
    let mut of_shard: BTreeMap<ShardId, u32> = BTreeMap::new();
    let mut of_strand: BTreeMap<StrandId, u32> = BTreeMap::new();
    for (strand, (shard, _)) in &layout.strands {
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
        let core = shown.and_then(|(_, core)| core).filter(|core| of_shard.contains_key(core));
        let cores = of_shard.iter().filter(|(shard, _)| core.is_none_or(|core| core == **shard));
        let least = cores.min_by_key(|(shard, load)| (of_topic.get(shard).copied(), **load));
        let shard = *least.expect("a layout has a strand, and a chosen core has one").0;
        let strands = layout.strands.iter().filter(|(_, (driver, _))| *driver == shard);
        let least = strands.min_by_key(|(strand, (_, holds))| {
            (*holds != lifetime, of_strand.get(strand).copied())
        });
        let strand = *least.expect("a core that was counted has a strand").0;
        *of_topic.entry(shard).or_default() += 1;
        *of_shard.entry(shard).or_default() += 1;
        *of_strand.entry(strand).or_default() += 1;
        placed.push(strand);
    }
    placed
}
