//! Metadata without a controller: topics as events on a state, and images of it for the shards.

use std::collections::BTreeMap;
use std::sync::Arc;

use strandlog::base::Lifetime;
use strandlog::base::ShardId;
use strandlog::base::StrandId;
use strandlog::base::TopicId;
use strandlog::metadata::Advertise;
use strandlog::metadata::Change;
use strandlog::metadata::Event;
use strandlog::metadata::Image;
use strandlog::metadata::Layout;
use strandlog::metadata::Listener;
use strandlog::metadata::Publication;
use strandlog::metadata::Settings;
use strandlog::metadata::State;

/// What the node knows of topics.
pub struct Topics {
    state: State,
    layout: Arc<Layout>,
    made: u8,
}

impl Topics {
    /// No topics; strand `n` belongs to shard `n`.
    pub fn new(shards: u16) -> Self {
        let strands: BTreeMap<_, _> =
            (0..shards).map(|n| (StrandId(n), (ShardId(n), Lifetime::Finite))).collect();
        let layout = Layout {
            node: 1,
            rack: None,
            shards,
            strands,
            advertise: Advertise::Node,
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "localhost".to_owned(),
                port: 9092,
                core_port: 9093,
            }],
        };
        let mut topics = Self { state: State::default(), layout: Arc::new(layout), made: 0 };
        topics.apply(&Event::ClusterFormed { cluster: TopicId([1; 16]) });
        topics
    }

    pub fn layout(&self) -> Arc<Layout> {
        self.layout.clone()
    }

    fn apply(&mut self, event: &Event) {
        let index = self.state.applied() + 1;
        self.state.apply(index, event).expect("events follow from the state");
    }

    fn publication(&self, changes: Vec<Change>) -> Publication {
        let settings = Arc::new(Settings::default());
        let image = Image::new(self.state.clone(), self.layout.clone(), settings);
        Publication { image, changes: changes.into() }
    }

    /// A life of the node begins.
    pub fn start(&mut self) -> Publication {
        self.apply(&Event::NodeStarted { node: self.layout.node });
        self.publication(vec![Change::Started])
    }

    /// Partitions go round the strands.
    pub fn create(&mut self, name: &str, partitions: u16, configs: &[(&str, &str)]) -> Publication {
        self.made += 1;
        let topic = TopicId([100 + self.made; 16]);
        let overrides =
            configs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.apply(&Event::TopicCreated {
            topic,
            name: name.to_owned(),
            first: self.state.next_partition(),
            strands: (0..partitions).map(|n| StrandId(n % self.layout.shards)).collect(),
            overrides,
        });
        self.publication(vec![Change::Created { topic }])
    }

    pub fn delete(&mut self, name: &str) -> Publication {
        let topic = self.state.topic(name).expect("a topic that was made").clone();
        self.apply(&Event::TopicDeleted { topic: topic.id });
        self.publication(vec![Change::Deleted { topic }])
    }

    pub fn id(&self, name: &str) -> TopicId {
        self.state.topic(name).expect("a topic that was made").id
    }
}
