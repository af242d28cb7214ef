//! How stories tell of groups of the consumer protocol.
//!
//! `a beat 0 reads=t+u has=` joins, `a beat 3` only lives, `a leaves`, `a away static=i`; further
//! words are `static=`, `pattern=`, `assignor=`, `timeout=`, `rack=`, `id=`. `show` describes the
//! group, `match` finds out what patterns stand for.

use std::sync::Arc;

use super::story::Story;
use super::story::millis;
use super::story::option;
use super::world::topic_id;
use crate::base::TopicId;
use crate::group::AWAY;
use crate::group::Cluster;
use crate::group::ConsumerDescription;
use crate::group::ConsumerHeartbeat;
use crate::group::Heard;
use crate::group::LEAVE;
use crate::group::NamedPartitions;
use crate::group::PatternSearch;

impl Story {
    pub(super) fn beat(&self, who: &str, verb: &str, arguments: &[&str]) -> ConsumerHeartbeat {
        let said = arguments.iter().find_map(|word| word.parse().ok());
        let text = |key| option(arguments, key).map(Arc::from);
        ConsumerHeartbeat {
            member: match option(arguments, "id") {
                Some("none") => Arc::default(),
                Some(id) => id.into(),
                None => who.into(),
            },
            epoch: match verb {
                "leaves" => LEAVE,
                "away" => AWAY,
                _ => said.expect("an epoch"),
            },
            instance: text("static"),
            rack: text("rack"),
            client_id: who.into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: match option(arguments, "timeout") {
                Some(time) => Some(millis(time) as i32),
                None => (said == Some(0)).then_some(60_000),
            },
            topics: option(arguments, "reads").map(|topics| {
                Arc::new(
                    topics.split('+').filter(|topic| !topic.is_empty()).map(Arc::from).collect(),
                )
            }),
            pattern: text("pattern"),
            assignor: text("assignor"),
            owned: option(arguments, "has").map(owned),
        }
    }

    /// Finds out what patterns stand for, as it is done off-core.
    pub(super) fn match_wanted(&mut self) {
        for (group, patterns) in self.coordinator.take_wanted() {
            let names = self.world.names();
            let mut search = PatternSearch::new(patterns);
            while !search.is_over() {
                let begin = search.begins_at();
                search.go_on(names.iter().filter(|name| **name >= begin));
            }
            let (matches, version) = (search.into_matches(), self.world.version());
            self.with(|coordinator, cx| coordinator.on_matched(&group, &matches, version, cx));
        }
    }

    pub(super) fn heard(&self, heard: &Heard) -> String {
        let Some(assignment) = &heard.assignment else { return format!("at {}", heard.epoch) };
        let each = assignment.iter().flat_map(|(topic, found)| {
            let name = self.world.names().into_iter().find(|name| topic_id(name) == *topic);
            let name = name.unwrap_or_else(|| "gone".into());
            found.iter().map(move |partition| format!("{name}-{partition}"))
        });
        let each = each.collect::<Vec<_>>().join(" ");
        format!("at {}: {each}", heard.epoch).trim_end().to_owned()
    }
}

/// `t-0+t-1`
fn owned(words: &str) -> Vec<(TopicId, Vec<i32>)> {
    let words = words.split('+').filter(|word| !word.is_empty());
    let place = words.map(|word| {
        let (topic, partition) = word.split_once('-').expect("topic-partition");
        (topic_id(topic), vec![partition.parse().expect("a partition")])
    });
    place.collect()
}

/// What a member has, and behind an arrow what it is to have, where that is another.
pub(super) fn shown(described: &ConsumerDescription) -> String {
    let listed = |found: &[NamedPartitions]| {
        let each = found.iter().flat_map(|found| {
            found.partitions.iter().map(move |partition| format!("{}-{partition}", found.topic))
        });
        each.collect::<Vec<_>>().join(",")
    };
    let members = described.members.iter().map(|member| {
        let (has, target) = (listed(&member.assignment), listed(&member.target));
        let classic = if member.about.classic.is_some() { "*" } else { "" };
        let wants = if has == target { String::new() } else { format!("->{target}") };
        format!("{}{classic}@{}:{has}{wants}", member.about.client_id, member.epoch)
    });
    let members = members.collect::<Vec<_>>().join(" ");
    let ConsumerDescription { state, epoch, target_epoch, assignor, .. } = described;
    format!("is {state} {epoch}/{target_epoch} by {} [{members}]", assignor.name())
}
