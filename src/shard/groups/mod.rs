//! Group coordinators: one for each partition of `__consumer_offsets` that this shard owns. Their
//! log is that partition, appended to and read as any other; what they answer waits until what they
//! wrote is durable.

mod cluster;
mod journal;
mod loading;
mod matching;
mod upkeep;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Shard;
use super::route::Asker;
use crate::api::Answer;
use crate::base::Now;
use crate::base::PartitionId;
use crate::base::Rng;
use crate::group;
use crate::group::Command;
use crate::group::Context;
use crate::group::Coordinator;
use crate::group::Error;
use crate::group::GroupSettings;
use crate::group::Ticket;
use crate::kafka::groups::OFFSETS_TOPIC;
use crate::metadata::Image;
use crate::metadata::Topic;
use crate::shard::Effects;
use crate::shard::RequestId;

use cluster::ImageCluster;
use journal::PartitionJournal;
use loading::Phase;
use upkeep::Upkeep;

pub(super) use matching::Matching;

#[derive(Debug, Default)]
pub(super) struct Groups {
    hosted: BTreeMap<PartitionId, Hosted>,
    /// Coordinators whose log was not read to its end.
    loading: BTreeSet<PartitionId>,
    /// Coordinators whose log is being written anew.
    renewing: BTreeSet<PartitionId>,
    config: Arc<group::Config>,
    /// Of consumer groups on which nothing is set.
    defaults: GroupSettings,
    seed: u64,
}

/// A coordinator, and where it stands with its log.
#[derive(Debug)]
struct Hosted {
    coordinator: Coordinator,
    phase: Phase,
    upkeep: Upkeep,
}

impl Groups {
    pub(super) fn new(config: Arc<group::Config>, seed: u64) -> Self {
        Self { config, seed, ..Self::default() }
    }

    /// The assignors that members may ask for.
    pub(super) fn assignors(&self) -> Vec<&'static str> {
        self.config.assignors.iter().map(|assignor| assignor.name()).collect()
    }

    /// When a coordinator is due, in `Now::mono_us`.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let active = self.hosted.values().filter(|hosted| matches!(hosted.phase, Phase::Active));
        active.filter_map(|hosted| hosted.coordinator.next_deadline()).min()
    }
}

impl Shard {
    /// Partitions of `topic` came to this shard: where they hold groups, each gets a coordinator,
    /// which reads its log before it answers.
    pub(super) fn host_groups(&mut self, image: &Image, topic: &Topic) {
        if &*topic.name != OFFSETS_TOPIC {
            return;
        }
        for info in image.partitions(topic).filter(|info| info.owner == self.config.id) {
            if self.groups.hosted.contains_key(&info.id) {
                continue;
            }
            let seed = Rng::new(self.groups.seed).fork(info.id.0).next_u64();
            let coordinator = Coordinator::new(seed);
            let (phase, upkeep) = (Phase::default(), Upkeep::default());
            self.groups.hosted.insert(info.id, Hosted { coordinator, phase, upkeep });
            self.groups.loading.insert(info.id);
        }
    }

    /// A partition is gone: whoever waits for its groups is told.
    pub(super) fn dismiss_groups(&mut self, now: Now, partition: PartitionId) {
        self.groups.loading.remove(&partition);
        self.groups.renewing.remove(&partition);
        let Some(hosted) = self.groups.hosted.remove(&partition) else { return };
        let Self { groups, owner, image: Some(image), .. } = self else { return };
        let mut answers = Vec::new();
        let mut journal = PartitionJournal::new(owner, partition, now);
        let cluster = ImageCluster::new(image, groups.defaults);
        let config = &groups.config;
        hosted.coordinator.dismiss(&mut Context {
            now,
            config,
            cluster: &cluster,
            journal: &mut journal,
            answers: &mut answers,
        });
        self.answer_groups(partition, answers);
    }

    /// Something is asked of a group.
    pub(super) fn on_group_command(
        &mut self,
        now: Now,
        asker: Asker,
        partition: PartitionId,
        group: &Arc<str>,
        command: Command,
    ) {
        let error = match self.groups.hosted.get(&partition).map(|hosted| &hosted.phase) {
            Some(Phase::Active) => None,
            Some(Phase::Loading(_)) => Some(Error::CoordinatorLoadInProgress),
            Some(Phase::Unreadable) => Some(Error::CoordinatorNotAvailable),
            None => Some(Error::NotCoordinator),
        };
        if let Some(error) = error {
            return self.answer(asker, Answer::Group(group::refusal(&command, error)));
        }
        let ticket = Ticket { home: asker.home, request: asker.request.0, part: asker.part };
        self.drive(now, partition, |coordinator, cx| {
            coordinator.on_command(ticket, group, command, cx);
        });
    }

    /// The groups of all coordinators of this shard.
    pub(super) fn on_list_groups(&mut self, asker: Asker) {
        let mut listed = Ok(Vec::new());
        for hosted in self.groups.hosted.values() {
            match (&mut listed, &hosted.phase) {
                (Ok(groups), Phase::Active) => groups.extend(hosted.coordinator.list()),
                (Ok(_), Phase::Loading(_)) => listed = Err(Error::CoordinatorLoadInProgress),
                (Ok(_), Phase::Unreadable) => listed = Err(Error::CoordinatorNotAvailable),
                (Err(_), _) => {}
            }
        }
        self.answer(asker, Answer::Group(group::Answer::Listed(listed)));
    }

    /// A topic was deleted, and with it what groups committed for it. Coordinators that still load
    /// find that out by themselves.
    pub(super) fn forget_group_offsets(&mut self, now: Now, topic: &str) {
        let hosted: Vec<_> = self.groups.hosted.keys().copied().collect();
        for partition in hosted {
            self.drive(now, partition, |coordinator, cx| coordinator.on_topic_deleted(topic, cx));
        }
    }

    /// Timers of groups that are due.
    pub(super) fn tick_groups(&mut self, now: Now) {
        let is_due = |(_, hosted): &(&PartitionId, &Hosted)| {
            hosted.coordinator.next_deadline().is_some_and(|at_us| at_us <= now.mono_us)
        };
        let due: Vec<_> = self.groups.hosted.iter().filter(is_due).map(|(&id, _)| id).collect();
        for partition in due {
            self.drive(now, partition, Coordinator::on_time);
        }
    }

    /// Work of coordinators that goes on from turn to turn, a piece in each.
    pub(super) fn work_on_groups(&mut self, now: Now, out: &mut Effects) {
        self.load_groups(now, out);
        self.renew_groups(now);
        self.start_jobs(out);
    }

    /// There is something to do for coordinators in the next turn.
    pub(super) fn has_group_work(&self) -> bool {
        self.can_load_groups() || self.can_renew_groups()
    }

    /// Lends a coordinator that has loaded its journal, and gives what it answers.
    fn drive(
        &mut self,
        now: Now,
        partition: PartitionId,
        act: impl FnOnce(&mut Coordinator, &mut Context<'_>),
    ) {
        let Self { groups, owner, image: Some(image), .. } = self else { return };
        let Some(hosted) = groups.hosted.get_mut(&partition) else { return };
        if !matches!(hosted.phase, Phase::Active) {
            return;
        }
        let mut answers = Vec::new();
        let mut journal = PartitionJournal::new(owner, partition, now);
        let cluster = ImageCluster::new(image, groups.defaults);
        act(
            &mut hosted.coordinator,
            &mut Context {
                now,
                config: &groups.config,
                cluster: &cluster,
                journal: &mut journal,
                answers: &mut answers,
            },
        );
        let written = journal.written();
        let wanted = hosted.coordinator.take_wanted();
        if hosted.upkeep.grow(written, hosted.coordinator.bytes()) {
            groups.renewing.insert(partition);
        }
        self.answer_groups(partition, answers);
        self.match_patterns(partition, wanted);
    }

    /// R12: an answer waits until what was appended before it is durable.
    fn answer_groups(&mut self, partition: PartitionId, answers: Vec<(Ticket, group::Answer)>) {
        for (ticket, answer) in answers {
            let Ticket { home, request, part } = ticket;
            let asker = Asker { home, request: RequestId(request), part };
            self.answer_appended(partition, asker, Answer::Group(answer));
        }
    }
}
