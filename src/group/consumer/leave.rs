//! Members leave, or are given up (rules 56, 61).

use std::sync::Arc;

use super::Draft;
use super::heartbeat::check_instance;
use super::heartbeat::unknown_instance;
use crate::group::AWAY;
use crate::group::Cluster;
use crate::group::Leaving;
use crate::group::Record;
use crate::group::Refused;
use crate::group::bounds;

impl Draft {
    /// The member that wants to leave.
    pub(in crate::group) fn leaving(
        &self,
        member: &Arc<str>,
        instance: Option<&Arc<str>>,
    ) -> Result<Arc<str>, Refused> {
        let Some(instance) = instance else {
            let known = self.facts.members.contains_key(member);
            return if known { Ok(member.clone()) } else { Err(self.unknown(member)) };
        };
        let known = self.facts.static_member(instance).ok_or_else(|| unknown_instance(instance))?;
        check_instance(known, member, instance)?;
        Ok(known.clone())
    }

    /// As LeaveGroup names it: a static member need not say its id.
    pub(in crate::group) fn leaving_classic(&self, leaving: &Leaving) -> Result<Arc<str>, Refused> {
        match &leaving.instance {
            Some(instance) if leaving.member.is_empty() => {
                let known = self.facts.static_member(instance);
                known.cloned().ok_or_else(|| unknown_instance(instance))
            }
            instance => self.leaving(&leaving.member, instance.as_ref()),
        }
    }

    /// A static member goes and will be back: what it has stays its own for a session's time.
    pub(in crate::group) fn set_away(&mut self, id: &Arc<str>) {
        let Some(member) = self.member(id).cloned() else { return };
        let mut current = (*member.current).clone();
        current.epoch = AWAY;
        current.revoking.clear();
        for epoch in current.assigned.values_mut().flat_map(|found| found.values_mut()) {
            *epoch = 0;
        }
        self.write_current(id, Arc::new(current));
    }

    /// They are members no more: as many of `members` as one batch is for.
    pub(in crate::group) fn fence<'a>(
        &mut self,
        members: &mut impl Iterator<Item = &'a Arc<str>>,
        cluster: &dyn Cluster,
    ) {
        let mut room = bounds::BATCH_BYTES;
        while room > 0
            && let Some(id) = members.next()
        {
            let written = self.records.len();
            let pattern = self.member(id).and_then(|member| member.about.pattern()).cloned();
            self.remove_member(id);
            if let Some(pattern) = pattern.filter(|pattern| self.facts.readers(pattern) == 0) {
                self.write_pattern(&pattern, None);
            }
            let bytes: usize = self.records[written..].iter().map(Record::bytes).sum();
            room = room.saturating_sub(bytes);
        }
        self.bump(true, cluster);
    }
}
