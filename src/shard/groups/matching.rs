//! What regular expressions of groups stand for is found out off-core.

use std::sync::Arc;

use super::cluster::settings;
use crate::base::Now;
use crate::base::PartitionId;
use crate::group::PatternSearch;
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
    /// Has the patterns of groups matched that a coordinator wants to know of. Each group has one
    /// search at most, and that one piece.
    pub(super) fn match_patterns(
        &mut self,
        partition: PartitionId,
        wanted: Vec<(Arc<str>, Vec<Arc<str>>)>,
    ) {
        let Some(image) = &self.image else { return };
        for (group, patterns) in wanted {
            let matching = Matching { partition, group, version: image.index() };
            let search = Box::new(PatternSearch::new(patterns));
            let job = Job::MatchPatterns { image: Box::new(image.clone()), search };
            self.owner.push_matching(matching, job);
        }
    }

    /// A piece of a search is done: it goes on behind those that wait, or is over.
    pub(in crate::shard) fn on_matched(
        &mut self,
        now: Now,
        matching: Matching,
        image: Box<Image>,
        search: Box<PatternSearch>,
    ) {
        if !search.is_over() {
            return self.owner.push_matching(matching, Job::MatchPatterns { image, search });
        }
        let Matching { partition, group, version } = matching;
        let matches = search.into_matches();
        self.drive(now, partition, |coordinator, cx| {
            coordinator.on_matched(&group, &matches, version, cx);
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
