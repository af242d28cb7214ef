//! A member of a classic group.

use std::sync::Arc;

use bytes::Bytes;

use crate::group::Join;
use crate::group::MemberAbout;
use crate::group::MemberValue;
use crate::group::Protocol;
use crate::group::Ticket;
use crate::group::bounds;

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: Arc<str>,
    pub(super) instance: Option<Arc<str>>,
    pub(super) client_id: Arc<str>,
    pub(super) client_host: Arc<str>,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// It has never been in a generation.
    pub(super) is_new: bool,
    /// Its join that waits for the others.
    pub(super) joining: Option<Ticket>,
    /// Its sync that waits for the leader.
    pub(super) syncing: Option<Ticket>,
    /// When it is given up unless it is heard of, in `Now::mono_us`.
    pub(super) expires_us: u64,
}

impl Member {
    pub(super) fn new(id: Arc<str>, join: &Join) -> Self {
        Self {
            id,
            instance: join.instance.clone(),
            client_id: join.client_id.clone(),
            client_host: join.client_host.clone(),
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            session_timeout_ms: join.session_timeout_ms,
            protocols: join.protocols.clone(),
            assignment: Bytes::new(),
            is_new: true,
            joining: None,
            syncing: None,
            expires_us: u64::MAX,
        }
    }

    /// As the log has it: it spoke the group's protocol.
    pub(super) fn loaded(value: MemberValue, protocol: Arc<str>) -> Self {
        Self {
            id: value.id,
            instance: value.instance,
            client_id: value.client_id,
            client_host: value.client_host,
            rebalance_timeout_ms: value.rebalance_timeout_ms,
            session_timeout_ms: value.session_timeout_ms,
            protocols: vec![Protocol { name: protocol, metadata: value.subscription }],
            assignment: value.assignment,
            is_new: false,
            joining: None,
            syncing: None,
            expires_us: u64::MAX,
        }
    }

    /// One that spoke the classic protocol in a consumer group; `None`: it did not.
    pub(super) fn of_consumer(id: Arc<str>, about: &MemberAbout) -> Option<Self> {
        let classic = about.classic.as_ref()?;
        Some(Self {
            id,
            instance: about.instance.clone(),
            client_id: about.client_id.clone(),
            client_host: about.client_host.clone(),
            rebalance_timeout_ms: about.rebalance_timeout_ms,
            session_timeout_ms: classic.session_timeout_ms,
            protocols: classic.protocols.clone(),
            assignment: Bytes::new(),
            is_new: false,
            joining: None,
            syncing: None,
            expires_us: u64::MAX,
        })
    }

    pub(super) fn value(&self, protocol: Option<&str>) -> MemberValue {
        MemberValue {
            id: self.id.clone(),
            instance: self.instance.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            session_timeout_ms: self.session_timeout_ms,
            subscription: self.metadata(protocol),
            assignment: self.assignment.clone(),
        }
    }

    /// What it says of itself in `protocol`; empty where it does not speak it.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let spoken = self.protocols.iter().find(|spoken| Some(&*spoken.name) == protocol);
        spoken.map(|spoken| spoken.metadata.clone()).unwrap_or_default()
    }

    /// Protocols of one name count once.
    pub(super) fn protocol_names(&self) -> Vec<&Arc<str>> {
        let mut names: Vec<_> = self.protocols.iter().map(|protocol| &protocol.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Bytes that it takes up.
    pub(super) fn bytes(&self) -> usize {
        let protocol = |protocol: &Protocol| protocol.name.len() + protocol.metadata.len();
        let protocols: usize = self.protocols.iter().map(protocol).sum();
        let instance = self.instance.as_ref().map_or(0, |instance| instance.len());
        let names = self.id.len() + instance + self.client_id.len() + self.client_host.len();
        bounds::MEMBER_BYTES + names + protocols + self.assignment.len()
    }

    /// The broker makes it wait, so its silence means nothing; but a member that nobody has seen in
    /// any generation may be gone for long.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }
}
