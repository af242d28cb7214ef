//! What coordinators see of the cluster: the newest image of the metadata.

use std::sync::Arc;

use crate::base::TopicId;
use crate::group::Cluster;
use crate::group::GroupSettings;
use crate::group::TopicFacts;
use crate::metadata::GroupDef;
use crate::metadata::Image;
use crate::metadata::Overrides;
use crate::metadata::Resource;
use crate::metadata::Topic;
use crate::metadata::Value;

pub(super) struct ImageCluster<'a> {
    image: &'a Image,
    /// Of groups on which nothing is set.
    defaults: GroupSettings,
}

impl<'a> ImageCluster<'a> {
    pub(super) fn new(image: &'a Image, defaults: GroupSettings) -> Self {
        Self { image, defaults }
    }
}

impl Cluster for ImageCluster<'_> {
    fn topic(&self, name: &str) -> Option<TopicFacts> {
        self.image.topic(name).map(facts)
    }

    fn topic_by_id(&self, id: TopicId) -> Option<TopicFacts> {
        self.image.topic_by_id(id).map(facts)
    }

    fn rack(&self) -> Option<&str> {
        self.image.layout().rack.as_deref()
    }

    fn version(&self) -> i64 {
        self.image.index()
    }

    fn group_settings(&self, group: &str) -> GroupSettings {
        match self.image.state().resource(&Resource::Group(group.to_owned())) {
            Some(overrides) => settings(self.image, Some(overrides)),
            None => self.defaults,
        }
    }
}

fn facts(topic: &Arc<Topic>) -> TopicFacts {
    TopicFacts {
        id: topic.id,
        name: topic.name.clone(),
        partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
    }
}

/// What holds for a group on which `overrides` are set.
pub(super) fn settings(image: &Image, overrides: Option<&Arc<Overrides>>) -> GroupSettings {
    let kafka = GroupSettings::default();
    let value = |name: &str, default: i32| {
        let found = image.in_force().group_value(name, overrides.map(|set| &**set));
        let Some(Value::Number(number)) = found else { return default };
        // What was allowed when it was set may lie beyond the bounds that the node has by now.
        let def = GroupDef::of(name);
        let bound = |bound: &_| image.in_force().bound(bound);
        let least = def.and_then(|def| def.least.as_ref()).map_or(i64::MIN, bound);
        let most = def.and_then(|def| def.most.as_ref()).map_or(i64::MAX, bound);
        i32::try_from(number.min(most).max(least)).unwrap_or(default)
    };
    GroupSettings {
        session_timeout_ms: value("consumer.session.timeout.ms", kafka.session_timeout_ms),
        heartbeat_interval_ms: value("consumer.heartbeat.interval.ms", kafka.heartbeat_interval_ms),
        assignment_interval_ms: value(
            "consumer.assignment.interval.ms",
            kafka.assignment_interval_ms,
        ),
    }
}
