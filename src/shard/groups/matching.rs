//! What regular expressions of groups stand for is found out off-core.

use std::sync::Arc;

use super::cluster::settings;
use crate::base::Now;
use crate::base::PartitionId;
use crate::group::Match;
use crate::metadata::Change;
use crate::metadata::Image;
use crate::shard::Job;
use crate::shard::Shard;

/// The group that waits for what its patterns stand for.
#[derive(Debug)]
pub(in crate::shard) struct Matching {
    partition: PartitionId,
    group: Arc<str>,
    /// Of the metadata that they are matched against.
    version: i64,
}

impl Shard {
    /// Has the patterns of groups matched that a coordinator wants to know of. Each group waits for
    /// one job at most.
    pub(super) fn match_patterns(
        &mut self,
        partition: PartitionId,
        wanted: Vec<(Arc<str>, Vec<Arc<str>>)>,
    ) {
        let Some(image) = &self.image else { return };
        for (group, patterns) in wanted {
            let matching = Matching { partition, group, version: image.index() };
            let job = Job::MatchPatterns { image: Box::new(image.clone()), patterns };
            self.owner.push_matching(matching, job);
        }
    }

    pub(in crate::shard) fn on_matched(
        &mut self,
        now: Now,
        matching: &Matching,
        matches: &[Match],
    ) {
        let Matching { partition, group, version } = matching;
        self.drive(now, *partition, |coordinator, cx| {
            coordinator.on_matched(group, matches, *version, cx);
        });
    }

    /// Topics of a new image differ: consumer groups look at their subscriptions again.
    pub(in crate::shard) fn note_topics_for_groups(&mut self, image: &Image, changes: &[Change]) {
        let mut any_made = false;
        let mut names = Vec::new();
        for change in changes {
            match change {
                Change::Created { topic } => {
                    any_made = true;
                    names.extend(image.topic_by_id(*topic).map(|topic| topic.name.clone()));
                }
                Change::Grown { topic, .. } => {
                    names.extend(image.topic_by_id(*topic).map(|topic| topic.name.clone()));
                }
                Change::Deleted { topic } => names.push(topic.name.clone()),
                Change::Started | Change::Configured { .. } | Change::Defaults => {}
            }
        }
        self.groups.defaults = settings(image, None);
        if names.is_empty() {
            return;
        }
        for hosted in self.groups.hosted.values_mut() {
            hosted.coordinator.on_topics_changed(&names, any_made, image.index());
        }
    }
}
