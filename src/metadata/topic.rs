//! What is known of one topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;

/// Configs that were set on a resource, by name. Names and values were validated when they were
/// set; a name that this version does not know is kept and has no effect.
pub type Overrides = BTreeMap<Box<str>, Box<str>>;

/// A topic as the log has it. Immutable; an image shares it with the images before and after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    pub id: TopicId,
    pub name: Arc<str>,
    /// By partition number.
    pub partitions: Box<[Placement]>,
    /// `None`: nothing is set on this topic.
    pub overrides: Option<Arc<Overrides>>,
}

impl Topic {
    /// The placement of partition `index`, as clients count them.
    pub fn partition(&self, index: i32) -> Option<Placement> {
        self.partitions.get(usize::try_from(index).ok()?).copied()
    }
}

/// Where a partition lives, and when it began to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placement {
    pub id: PartitionId,
    pub strand: StrandId,
    /// The node's starts when its leadership of this partition had epoch 0. The leader epoch is the
    /// node's starts less this, so that one event per start raises all of them.
    pub epoch_zero: i32,
}

/// A partition's topic, and its number in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionRef {
    pub topic: TopicId,
    pub index: i32,
}
