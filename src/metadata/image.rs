//! What shards see of the metadata: an immutable view as of an index, shared between cores.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdMap;

use crate::base::LeaderEpoch;
use crate::base::Lifetime;
use crate::base::NodeId;
use crate::base::Offset;
use crate::base::PartitionId;
use crate::base::ShardId;
use crate::base::StrandId;
use crate::base::TopicId;
use crate::metadata::Event;
use crate::metadata::InForce;
use crate::metadata::Inconsistent;
use crate::metadata::Placement;
use crate::metadata::Settings;
use crate::metadata::State;
use crate::metadata::Topic;
use crate::metadata::TopicConfig;

/// Numbers of brokers that a node takes up when each of its cores is shown as one.
pub const BROKERS_PER_NODE: NodeId = 1000;

/// What stays as it is while the process runs: the node, its cores, and how it shows itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    pub node: NodeId,
    pub rack: Option<String>,
    /// Cores, at least 1.
    pub shards: u16,
    /// The manifest's strands for partitions, with who drives them and how long what they hold
    /// will live. Never empty.
    pub strands: BTreeMap<StrandId, (ShardId, Lifetime)>,
    pub advertise: Advertise,
    /// As configured; an accepted connection names its listener by its place here.
    pub listeners: Vec<Listener>,
}

impl Default for Layout {
    /// Node 1 with one core, one strand, and nothing that clients could connect to.
    fn default() -> Self {
        Self {
            node: 1,
            rack: None,
            shards: 1,
            strands: BTreeMap::from([(StrandId(0), (ShardId(0), Lifetime::Finite))]),
            advertise: Advertise::Node,
            listeners: Vec::new(),
        }
    }
}

/// How many brokers clients are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advertise {
    /// One, the node, on the common port: any core takes any request and routes it.
    Node,
    /// Each core as a broker `1000 * node + shard` on a port of its own.
    Core,
}

/// What the clients of one listener are told to connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    pub name: String,
    pub host: String,
    /// The port that all cores accept on.
    pub port: u16,
    /// The port that shard 0 accepts on alone; shard `n` has the n-th after it.
    pub core_port: u16,
}

impl Layout {
    /// Node id of the broker that clients are shown for a core.
    pub fn broker_of(&self, shard: ShardId) -> NodeId {
        match self.advertise {
            Advertise::Node => self.node,
            Advertise::Core => {
                self.node.saturating_mul(BROKERS_PER_NODE).saturating_add(shard.0.into())
            }
        }
    }

    /// Every broker that clients are shown, with the core that it stands for; none: any core.
    pub fn brokers(&self) -> impl Iterator<Item = (NodeId, Option<ShardId>)> {
        let shown = match self.advertise {
            Advertise::Node => 1,
            Advertise::Core => self.shards,
        };
        (0..shown).map(|number| {
            let shard = ShardId(number);
            let core = (self.advertise == Advertise::Core).then_some(shard);
            (self.broker_of(shard), core)
        })
    }
}

/// A view of the metadata. A clone is cheap, and crosses cores.
#[derive(Clone, Debug)]
pub struct Image {
    state: State,
    layout: Arc<Layout>,
    in_force: Arc<InForce>,
    defaults: Arc<TopicConfig>,
    /// Of the topics that have configs of their own.
    configs: OrdMap<TopicId, Arc<TopicConfig>>,
}

/// A partition as clients and shards need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionInfo {
    pub id: PartitionId,
    pub strand: StrandId,
    /// The shard that drives the strand.
    pub owner: ShardId,
    pub leader_epoch: LeaderEpoch,
}

/// An image for every shard, with what differs from the one published before it.
#[derive(Clone, Debug)]
pub struct Publication {
    pub image: Image,
    pub changes: Arc<[Change]>,
}

/// What a shard may have to act upon. Facts are read from the image; what is gone is in the change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The first image of this start: every partition has a leader epoch of its own.
    Started,
    Created {
        topic: TopicId,
    },
    /// Partitions from number `from` on were added.
    Grown {
        topic: TopicId,
        from: i32,
    },
    /// The topic as it was.
    Deleted {
        topic: Arc<Topic>,
    },
    /// The topic's configs in force may differ.
    Configured {
        topic: TopicId,
    },
    /// The configs in force may differ for every topic.
    Defaults,
}

impl Image {
    /// The view of `state` on a node whose own configuration is `settings`.
    pub fn new(state: State, layout: Arc<Layout>, settings: Arc<Settings>) -> Self {
        let in_force = Arc::new(InForce::new(settings, None, None));
        let mut image =
            Self { state, layout, in_force, defaults: Arc::default(), configs: OrdMap::new() };
        image.resolve_all();
        image
    }

    /// Adds the next event. `change`: what it means to shards.
    pub(super) fn apply(
        &mut self,
        event: &Event,
        change: Option<&Change>,
    ) -> Result<(), Inconsistent> {
        self.state.apply(self.state.applied() + 1, event)?;
        match change {
            Some(Change::Created { topic } | Change::Configured { topic }) => {
                if let Some(topic) = self.state.topic_by_id(*topic).cloned() {
                    self.resolve_topic(&topic);
                }
            }
            Some(Change::Deleted { topic }) => {
                self.configs.remove(&topic.id);
            }
            Some(Change::Defaults) => self.resolve_all(),
            Some(Change::Started | Change::Grown { .. }) | None => {}
        }
        Ok(())
    }

    fn resolve_all(&mut self) {
        let node = self.state.node_overrides(Some(self.layout.node)).cloned();
        let cluster = self.state.node_overrides(None).cloned();
        let settings = self.in_force.settings().clone();
        self.in_force = Arc::new(InForce::new(settings, node, cluster));
        self.defaults = Arc::new(self.in_force.topic_config(None));
        let state = self.state.clone();
        for topic in state.topics() {
            self.resolve_topic(topic);
        }
    }

    fn resolve_topic(&mut self, topic: &Topic) {
        match &topic.overrides {
            Some(overrides) => {
                let config = Arc::new(self.in_force.topic_config(Some(overrides)));
                self.configs.insert(topic.id, config);
            }
            None => {
                self.configs.remove(&topic.id);
            }
        }
    }

    /// Index of the newest event in this image: images of one process are ordered by it.
    pub fn index(&self) -> Offset {
        self.state.applied()
    }

    /// All that the log says.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    pub fn topic(&self, name: &str) -> Option<&Arc<Topic>> {
        self.state.topic(name)
    }

    pub fn topic_by_id(&self, topic: TopicId) -> Option<&Arc<Topic>> {
        self.state.topic_by_id(topic)
    }

    /// Every topic, by name.
    pub fn topics(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.state.topics()
    }

    /// Partition `index` of `topic`.
    pub fn partition(&self, topic: &Topic, index: i32) -> Option<PartitionInfo> {
        topic.partition(index).map(|placement| self.resolve(placement))
    }

    /// All partitions of `topic`, in order.
    pub fn partitions<'a>(&'a self, topic: &'a Topic) -> impl Iterator<Item = PartitionInfo> + 'a {
        topic.partitions.iter().map(|placement| self.resolve(*placement))
    }

    /// The configs in force for a topic.
    pub fn config(&self, topic: TopicId) -> &Arc<TopicConfig> {
        self.configs.get(&topic).unwrap_or(&self.defaults)
    }

    /// The configs in force for topics on which nothing is set.
    pub fn defaults(&self) -> &Arc<TopicConfig> {
        &self.defaults
    }

    /// Which value of every config holds.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    fn resolve(&self, placement: Placement) -> PartitionInfo {
        PartitionInfo {
            id: placement.id,
            strand: placement.strand,
            owner: self.owner(placement.strand),
            leader_epoch: self.state.leader_epoch(placement),
        }
    }

    /// The shard that drives `strand`.
    pub fn owner(&self, strand: StrandId) -> ShardId {
        // A recovery refuses partitions in strands that the manifest lacks.
        self.layout.strands.get(&strand).map_or(ShardId(0), |(shard, _)| *shard)
    }
}
