//! A classic group of consumers becomes one of the consumer protocol, or comes of one (rule 61).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::CONSUMER;
use super::Classic;
use super::Member;
use crate::base::Now;
use crate::group::ClassicAbout;
use crate::group::Cluster;
use crate::group::GroupValue;
use crate::group::MemberAbout;
use crate::group::Partitions;
use crate::group::State;
use crate::group::consumer::Adopted;
use crate::group::consumer::Returned;
use crate::group::embedded::Assignment;
use crate::group::embedded::Subscription;

const MALFORMED: &str = "the embedded consumer protocol is malformed";
const CUSTOM: &str = "an unsupported custom assignor is in use. Please refer to the documentation \
                      or switch to a default assignor before re-attempting the upgrade";

impl Classic {
    pub(in crate::group) fn len(&self) -> usize {
        self.members.len()
    }

    pub(in crate::group) fn generation(&self) -> i32 {
        self.generation
    }

    /// The members in the words of the consumer protocol.
    ///
    /// # Errors
    /// What they say cannot be read, or would be lost.
    pub(in crate::group) fn as_consumers(
        &self,
        cluster: &dyn Cluster,
    ) -> Result<Vec<Adopted>, &'static str> {
        let selected = self.protocol.clone().or_else(|| self.select_protocol());
        let adopted = |member: &Member| {
            let said =
                Subscription::read(&member.metadata(selected.as_deref())).ok_or(MALFORMED)?;
            let assignment = Assignment::read(&member.assignment).ok_or(MALFORMED)?;
            if assignment.has_user_data {
                return Err(CUSTOM);
            }
            let mut has: Partitions = BTreeMap::new();
            for (topic, partitions) in assignment.partitions {
                if let Some(topic) = cluster.topic(&topic)
                    && !partitions.is_empty()
                {
                    has.entry(topic.id).or_default().extend(partitions);
                }
            }
            Ok(Adopted { id: member.id.clone(), about: about(member, said), has })
        };
        self.members.values().map(adopted).collect()
    }

    /// A stable group of members that came of a consumer group, in which its epoch is the
    /// generation. `None`: what one of them says cannot be read.
    pub(in crate::group) fn of_consumers(
        id: Arc<str>,
        generation: i32,
        members: Vec<Returned>,
        now: Now,
    ) -> Option<Self> {
        let value = GroupValue {
            protocol_type: CONSUMER.into(),
            generation,
            since_ms: now.wall_ms,
            ..GroupValue::default()
        };
        let mut group = Self::loaded(id, value, now);
        let mut targets = Vec::with_capacity(members.len());
        for Returned { id, about, target } in members {
            let partitions = target.into_iter().map(|found| (found.topic, found.partitions));
            targets.push((id.clone(), partitions.collect()));
            group.insert(Member::of_consumer(id, &about)?);
        }
        group.state = State::Stable;
        group.protocol = group.select_protocol();
        group.subscribed = group.read_subscriptions();
        for (id, partitions) in targets {
            let mut member = group.take(&id)?;
            let said = Subscription::read(&member.metadata(group.protocol.as_deref()))?;
            member.assignment = Assignment { partitions, has_user_data: false }.write(said.version);
            group.insert(member);
        }
        Some(group)
    }
}

fn about(member: &Member, said: Subscription) -> MemberAbout {
    MemberAbout {
        instance: member.instance.clone(),
        rack: said.rack,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics: Arc::new(said.topics.into_iter().collect()),
        pattern: Some(Arc::default()),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        assignor: None,
        classic: Some(ClassicAbout {
            session_timeout_ms: member.session_timeout_ms,
            protocols: member.protocols.clone(),
        }),
    }
}
