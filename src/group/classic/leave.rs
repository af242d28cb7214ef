//! LeaveGroup (rule 52).

use super::Classic;
use crate::group::Error;
use crate::group::Leaving;
use crate::group::State;
use crate::group::context::Context;

impl Classic {
    /// How each of them left.
    pub(in crate::group) fn leave(
        &mut self,
        leaving: &[Leaving],
        cx: &mut Context<'_>,
    ) -> Vec<Result<(), Error>> {
        let mut left = Vec::with_capacity(leaving.len());
        for member in leaving {
            left.push(self.leave_one(member, cx));
        }
        if left.iter().any(Result::is_ok) {
            match self.state {
                State::Stable | State::CompletingRebalance => self.rebalance(cx),
                State::PreparingRebalance => self.complete_join_if_all_joined(cx),
                State::Empty => {}
            }
        }
        left
    }

    fn leave_one(&mut self, leaving: &Leaving, cx: &mut Context<'_>) -> Result<(), Error> {
        if leaving.member.is_empty() {
            let instance = leaving.instance.as_ref().ok_or(Error::UnknownMemberId)?;
            let id = self.statics.get(instance).cloned().ok_or(Error::UnknownMemberId)?;
            self.drop_member(&id, Error::UnknownMemberId, cx);
            return Ok(());
        }
        if self.pending.remove(&leaving.member).is_some() {
            return Ok(());
        }
        self.check_member(&leaving.member, leaving.instance.as_ref())?;
        self.drop_member(&leaving.member, Error::UnknownMemberId, cx);
        Ok(())
    }
}
