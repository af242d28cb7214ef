//! Offsets that nobody needs any more expire (KIP-211, rule 54), and groups of which nothing is
//! left. A search goes through the groups in steps.

use std::ops::Bound;
use std::sync::Arc;

use super::classic::Classic;
use super::context::Context;
use super::coordinator::Coordinator;
use super::kind::Group;
use super::kind::Kind;
use crate::group::Config;
use crate::group::OffsetValue;
use crate::group::State;
use crate::group::bounds;

/// Where the search stands.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// When the next step is due, in `Now::mono_us`; `None`: it never was.
    next_us: Option<u64>,
    /// The group that was looked at last; `None`: it begins anew.
    after: Option<Arc<str>>,
}

impl Expiry {
    pub(super) fn next_us(&self) -> Option<u64> {
        self.next_us
    }

    /// The first search comes one interval from now.
    pub(super) fn begin(&mut self, now_us: u64, config: &Config) {
        self.next_us = Some(now_us.saturating_add(config.retention_check_ms.saturating_mul(1_000)));
    }
}

impl Coordinator {
    /// One step of the search, if it is due.
    pub(super) fn expire(&mut self, cx: &mut Context<'_>) {
        let now_us = cx.now.mono_us;
        if self.expiry.next_us.is_none_or(|at_us| at_us > now_us) {
            return;
        }
        let after = self.expiry.after.take();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.groups.range::<Arc<str>, _>((from, Bound::Unbounded));
        let groups: Vec<_> =
            range.take(bounds::EXPIRY_GROUPS).map(|(group, _)| group.clone()).collect();
        for group in &groups {
            self.expire_group(group, cx);
            self.settle(group);
        }
        if groups.len() == bounds::EXPIRY_GROUPS {
            self.expiry.after = groups.last().cloned();
            self.expiry.next_us = Some(now_us.saturating_add(bounds::EXPIRY_PAUSE_US));
        } else {
            self.expiry.begin(now_us, cx.config);
        }
    }

    fn expire_group(&mut self, group: &Arc<str>, cx: &mut Context<'_>) {
        let Some(found) = self.groups.get(group) else { return };
        let doomed: Vec<_> = found
            .offsets
            .iter()
            .filter(|(topic, _, value)| is_expired(found, topic, value, cx))
            .map(|(topic, partition, _)| (topic.clone(), partition))
            .collect();
        // What cannot be written is tried again by the next search.
        if self.drop_offsets(group, &doomed, cx).is_err() {
            return;
        }
        let Some(found) = self.groups.get(group) else { return };
        if found.offsets.is_empty() && found.kind.is_deserted() {
            let _ = self.bury(group, cx);
        }
    }
}

fn is_expired(group: &Group, topic: &str, value: &OffsetValue, cx: &Context<'_>) -> bool {
    if group.kind.is_subscribed_to(topic) {
        return false;
    }
    let since_ms = match &group.kind {
        Kind::Classic(classic) => since_ms(classic, value),
        Kind::Consumer(_) => Some(value.committed_ms),
    };
    let Some(since_ms) = since_ms else { return false };
    match value.expires_ms {
        Some(expires_ms) => cx.now.wall_ms >= expires_ms,
        None => cx.now.wall_ms.saturating_sub(since_ms) >= cx.config.retention_ms,
    }
}

/// Since when the offset is kept for nobody; `None`: it may be for somebody.
fn since_ms(classic: &Classic, value: &OffsetValue) -> Option<i64> {
    match classic.protocol_type() {
        None => Some(value.committed_ms),
        Some(_) if classic.state() == State::Empty => match classic.since_ms() {
            since_ms if since_ms >= 0 => Some(since_ms),
            _ => Some(value.committed_ms),
        },
        Some(_) if classic.knows_subscriptions() && classic.state() == State::Stable => {
            Some(value.committed_ms)
        }
        Some(_) => None,
    }
}
