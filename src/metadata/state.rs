//! What the metadata log says, as of an index: a deterministic function of the events up to there.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;

use crate::base::LeaderEpoch;
use crate::base::NodeId;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Event;
use crate::metadata::Overrides;
use crate::metadata::PartitionRef;
use crate::metadata::Placement;
use crate::metadata::Resource;
use crate::metadata::Topic;

/// All that the log says. Cheap to clone: the maps share what they have in common.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    pub(super) applied: Offset,
    pub(super) cluster: TopicId,
    pub(super) node: Option<NodeId>,
    pub(super) starts: i32,
    pub(super) next_partition: u64,
    pub(super) next_producer_id: i64,
    pub(super) topics: OrdMap<TopicId, Arc<Topic>>,
    pub(super) names: OrdMap<Arc<str>, TopicId>,
    /// Topics with `.` or `_` in their names, by the name with `.` turned into `_`: two topics that
    /// would meet here are refused (their metrics would collide in Kafka).
    pub(super) folded: OrdMap<Box<str>, TopicId>,
    pub(super) partitions: OrdMap<PartitionId, PartitionRef>,
    /// Partitions per strand; strands without any are not listed.
    pub(super) load: OrdMap<StrandId, u32>,
    /// Dynamic configs by node; those under `None` hold for every node.
    pub(super) node_overrides: OrdMap<Option<NodeId>, Arc<Overrides>>,
    /// Configs of what is neither topic nor node.
    pub(super) resources: OrdMap<Resource, Arc<Overrides>>,
}

/// An event that does not follow from the state before it: the log is not what this code wrote.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inconsistent {
    pub index: Offset,
    pub what: &'static str,
}

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metadata event {} does not follow: {}", self.index, self.what)
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            applied: -1,
            cluster: TopicId::NONE,
            node: None,
            starts: 0,
            next_partition: Self::FIRST_PARTITION.0,
            next_producer_id: 0,
            topics: OrdMap::new(),
            names: OrdMap::new(),
            folded: OrdMap::new(),
            partitions: OrdMap::new(),
            load: OrdMap::new(),
            node_overrides: OrdMap::new(),
            resources: OrdMap::new(),
        }
    }
}

impl State {
    /// The lowest id of a topic's partition: those below are the metadata strand's own.
    pub const FIRST_PARTITION: PartitionId = PartitionId(16);

    /// Index of the newest event in this state; -1 when there is none.
    pub fn applied(&self) -> Offset {
        self.applied
    }

    /// The cluster's id; all zeros before the first event.
    pub fn cluster(&self) -> TopicId {
        self.cluster
    }

    /// The node whose store this is, once it has started.
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// The id that the next partition gets.
    pub fn next_partition(&self) -> PartitionId {
        PartitionId(self.next_partition)
    }

    /// The first producer id that no block holds.
    pub fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.topics.get(self.names.get(name)?)
    }

    pub fn topic_by_id(&self, topic: TopicId) -> Option<&Arc<Topic>> {
        self.topics.get(&topic)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.names.values().filter_map(|id| self.topics.get(id))
    }

    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// Topics named `name` or after it, in order.
    pub fn topics_from(&self, name: &str) -> impl Iterator<Item = &Arc<Topic>> {
        let from: Arc<str> = Arc::from(name);
        self.names.range(from..).filter_map(|(_, id)| self.topics.get(id))
    }

    /// The topic that a topic named `name` would collide with.
    pub fn collision(&self, name: &str) -> Option<&Arc<Topic>> {
        let folded = folded(name)?;
        self.topics.get(self.folded.get(&*folded)?).filter(|topic| &*topic.name != name)
    }

    pub fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// Every partition by id, with where it belongs.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionId, PartitionRef)> {
        self.partitions.iter().map(|(id, place)| (*id, *place))
    }

    pub fn partition_ref(&self, partition: PartitionId) -> Option<PartitionRef> {
        self.partitions.get(&partition).copied()
    }

    /// Partitions in `strand`.
    pub fn load(&self, strand: StrandId) -> u32 {
        self.load.get(&strand).copied().unwrap_or(0)
    }

    /// Strands that hold partitions.
    pub fn strands(&self) -> impl Iterator<Item = StrandId> {
        self.load.keys().copied()
    }

    /// Dynamic configs of `node`, or with `None` those of every node.
    pub fn node_overrides(&self, node: Option<NodeId>) -> Option<&Arc<Overrides>> {
        self.node_overrides.get(&node)
    }

    /// What is set on `resource`.
    pub fn resource(&self, resource: &Resource) -> Option<&Arc<Overrides>> {
        self.resources.get(resource)
    }

    /// Everything that is neither topic nor node and has something set, in order.
    pub fn resources(&self) -> impl Iterator<Item = (&Resource, &Arc<Overrides>)> {
        self.resources.iter()
    }

    pub fn resource_count(&self) -> usize {
        self.resources.len()
    }

    /// Raised by every start of the node, and 0 for a partition's first.
    pub fn leader_epoch(&self, placement: Placement) -> LeaderEpoch {
        self.starts.saturating_sub(placement.epoch_zero)
    }

    /// Applies the event at `index`. Live and in replay the same. An event that is refused changes
    /// nothing.
    pub fn apply(&mut self, index: Offset, event: &Event) -> Result<(), Inconsistent> {
        let refuse = |what| Inconsistent { index, what };
        if self.applied.checked_add(1) != Some(index) {
            return Err(refuse("its index is not the next"));
        }
        match event {
            Event::ClusterFormed { cluster } => self.form(*cluster),
            Event::NodeStarted { node } => self.start(*node),
            Event::TopicCreated { topic, name, first, strands, overrides } => {
                self.create(*topic, name, *first, strands, overrides)
            }
            Event::PartitionsAdded { topic, first, strands } => self.grow(*topic, *first, strands),
            Event::TopicDeleted { topic } => self.delete(*topic),
            Event::TopicConfigured { topic, changes } => self.configure(*topic, changes),
            Event::NodeConfigured { node, changes } => {
                let found = self.node_overrides.get(node);
                match changed(found, changes) {
                    Some(overrides) => self.node_overrides.insert(*node, overrides),
                    None => self.node_overrides.remove(node),
                };
                Ok(())
            }
            Event::ResourceConfigured { resource, changes } => {
                let found = self.resources.get(resource);
                match changed(found, changes) {
                    Some(overrides) => self.resources.insert(resource.clone(), overrides),
                    None => self.resources.remove(resource),
                };
                Ok(())
            }
            Event::ProducerIdsAllocated { first, count, .. } => self.allocate(*first, *count),
        }
        .map_err(refuse)?;
        self.applied = index;
        Ok(())
    }

    /// Puts a topic of a snapshot back.
    pub(super) fn restore_topic(&mut self, topic: Topic) {
        let (id, name) = (topic.id, topic.name.clone());
        self.index_partitions(id, 0, &topic.partitions);
        if let Some(folded) = folded(&name) {
            self.folded.insert(folded, id);
        }
        self.names.insert(name, id);
        self.topics.insert(id, Arc::new(topic));
    }

    /// Puts further partitions of a snapshot's topic back.
    pub(super) fn restore_partitions(&mut self, topic: TopicId, more: Vec<Placement>) {
        let Some(known) = self.topics.get(&topic).cloned() else { return };
        self.index_partitions(topic, known.partitions.len(), &more);
        let partitions = known.partitions.iter().copied().chain(more).collect();
        self.topics.insert(topic, Arc::new(Topic { partitions, ..Topic::clone(&known) }));
    }

    fn index_partitions(&mut self, topic: TopicId, from: usize, placements: &[Placement]) {
        for (index, placement) in (0_i32..).skip(from).zip(placements) {
            self.partitions.insert(placement.id, PartitionRef { topic, index });
            *self.load.entry(placement.strand).or_insert(0) += 1;
        }
    }

    fn form(&mut self, cluster: TopicId) -> Result<(), &'static str> {
        if self.cluster != TopicId::NONE {
            return Err("the cluster has an id");
        }
        if cluster == TopicId::NONE {
            return Err("the cluster's id is empty");
        }
        self.cluster = cluster;
        Ok(())
    }

    fn start(&mut self, node: NodeId) -> Result<(), &'static str> {
        if self.node.is_some_and(|known| known != node) {
            return Err("the log belongs to another node");
        }
        self.starts = self.starts.checked_add(1).ok_or("more starts than leader epochs")?;
        self.node = Some(node);
        // Levels of loggers hold for one life.
        self.resources.remove(&Resource::Loggers(node));
        Ok(())
    }

    fn create(
        &mut self,
        id: TopicId,
        name: &str,
        first: PartitionId,
        strands: &[StrandId],
        overrides: &[(String, String)],
    ) -> Result<(), &'static str> {
        if id == TopicId::NONE || self.topics.contains_key(&id) {
            return Err("the topic's id is taken");
        }
        if self.names.contains_key(name) || self.collision(name).is_some() {
            return Err("the topic's name is taken");
        }
        let placements = self.take_partitions(id, 0, first, strands)?;
        let name: Arc<str> = Arc::from(name);
        if let Some(folded) = folded(&name) {
            self.folded.insert(folded, id);
        }
        self.names.insert(name.clone(), id);
        let set: Overrides = overrides
            .iter()
            .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
            .collect();
        let overrides = (!set.is_empty()).then(|| Arc::new(set));
        let partitions = placements.into_boxed_slice();
        self.topics.insert(id, Arc::new(Topic { id, name, partitions, overrides }));
        Ok(())
    }

    fn grow(
        &mut self,
        id: TopicId,
        first: PartitionId,
        strands: &[StrandId],
    ) -> Result<(), &'static str> {
        let topic = self.topics.get(&id).cloned().ok_or("no such topic")?;
        let added = self.take_partitions(id, topic.partitions.len(), first, strands)?;
        let partitions = topic.partitions.iter().copied().chain(added).collect();
        self.topics.insert(id, Arc::new(Topic { partitions, ..Topic::clone(&topic) }));
        Ok(())
    }

    /// Gives ids from `first` on to the partitions `count..` of a topic.
    fn take_partitions(
        &mut self,
        topic: TopicId,
        count: usize,
        first: PartitionId,
        strands: &[StrandId],
    ) -> Result<Vec<Placement>, &'static str> {
        if strands.is_empty() {
            return Err("no partitions");
        }
        if first.0 < self.next_partition {
            return Err("the partition's id was handed out before");
        }
        let number = u64::try_from(strands.len()).map_err(|_| "too many partitions")?;
        let next = first.0.checked_add(number).ok_or("no partition ids are left")?;
        let whole = count.checked_add(strands.len()).ok_or("too many partitions")?;
        i32::try_from(whole).map_err(|_| "too many partitions")?;
        let epoch_zero = self.starts;
        let place = |(id, strand): (u64, &StrandId)| Placement {
            id: PartitionId(id),
            strand: *strand,
            epoch_zero,
        };
        let placements: Vec<Placement> = (first.0..next).zip(strands).map(place).collect();
        self.index_partitions(topic, count, &placements);
        self.next_partition = next;
        Ok(placements)
    }

    fn delete(&mut self, id: TopicId) -> Result<(), &'static str> {
        let topic = self.topics.remove(&id).ok_or("no such topic")?;
        self.names.remove(&topic.name);
        if let Some(folded) = folded(&topic.name) {
            self.folded.remove(&folded);
        }
        for placement in &topic.partitions {
            self.partitions.remove(&placement.id);
            let left = self.load(placement.strand).saturating_sub(1);
            if left == 0 {
                self.load.remove(&placement.strand);
            } else {
                self.load.insert(placement.strand, left);
            }
        }
        Ok(())
    }

    fn configure(
        &mut self,
        id: TopicId,
        changes: &[(String, Option<String>)],
    ) -> Result<(), &'static str> {
        let topic = self.topics.get(&id).cloned().ok_or("no such topic")?;
        let overrides = changed(topic.overrides.as_ref(), changes);
        self.topics.insert(id, Arc::new(Topic { overrides, ..Topic::clone(&topic) }));
        Ok(())
    }

    fn allocate(&mut self, first: i64, count: u32) -> Result<(), &'static str> {
        if first < self.next_producer_id {
            return Err("the producer ids were handed out before");
        }
        self.next_producer_id =
            first.checked_add(i64::from(count)).ok_or("no producer ids are left")?;
        Ok(())
    }
}

/// The name under which `name` may collide with another, if it can.
fn folded(name: &str) -> Option<Box<str>> {
    name.contains(['.', '_']).then(|| name.replace('.', "_").into_boxed_str())
}

fn changed(
    before: Option<&Arc<Overrides>>,
    changes: &[(String, Option<String>)],
) -> Option<Arc<Overrides>> {
    let mut overrides = before.map(|overrides| Overrides::clone(overrides)).unwrap_or_default();
    for (name, value) in changes {
        match value {
            Some(value) => overrides.insert(name.as_str().into(), value.as_str().into()),
            None => overrides.remove(name.as_str()),
        };
    }
    (!overrides.is_empty()).then(|| Arc::new(overrides))
}
