//! The shard: every event goes to its owner, on one page.

use std::collections::BTreeMap;

use super::admin::Admin;
use super::clients::Clients;
use super::config::ShardConfig;
use super::groups::Groups;
use super::home::Home;
use super::limits;
use super::owner::Owner;
use super::requests::Requests;
use super::route::Routes;
use crate::base::Now;
use crate::base::Pool;
use crate::base::StrandId;
use crate::metadata::Image;
use crate::shard::Effects;
use crate::shard::Event;
use crate::shard::Message;
use crate::strand::Strand;

/// Everything that one core owns. Driven by the port: [`Shard::step`] for every event of a turn,
/// then [`Shard::finish_turn`], then the effects are carried out.
#[derive(Debug)]
pub struct Shard {
    pub(super) config: ShardConfig,
    /// What this shard knows of topics; `None` until the controller's first publication.
    pub(super) image: Option<Image>,
    /// Clients, and where their requests stand.
    pub(super) clients: Clients,
    pub(super) requests: Requests,
    pub(super) home: Home,
    /// Strands and the partitions in them.
    pub(super) owner: Owner,
    /// Coordinators of the groups in them.
    pub(super) groups: Groups,
    pub(super) routes: Routes,
    pub(super) admin: Admin,
    /// Total and usable bytes of the file system of the data, as the port last saw them.
    pub(super) volume: Option<(u64, u64)>,
    /// When the next round of housekeeping is due.
    sweep_us: u64,
    ready: bool,
    pub(super) stopping: bool,
}

impl Shard {
    /// A shard that drives `strands`; on shard 0 the metadata strand is one of them.
    pub fn new(config: ShardConfig, strands: BTreeMap<StrandId, Strand>) -> Self {
        let home = Home::new(&config);
        let groups = Groups::new(config.groups.clone(), config.seed);
        Self {
            home,
            owner: Owner::new(strands),
            groups,
            config,
            image: None,
            clients: Clients::default(),
            requests: Requests::default(),
            routes: Routes::default(),
            admin: Admin::default(),
            volume: None,
            sweep_us: 0,
            ready: false,
            stopping: false,
        }
    }

    /// Begins recovery of the strands. Called once, before the first event.
    pub fn start(&mut self, now: Now, out: &mut Effects) {
        self.start_clock(now);
        self.start_strands(now, out);
        self.sweep_us = now.mono_us + limits::SWEEP_US;
    }

    /// Everything that this core does begins here.
    pub fn step(&mut self, now: Now, event: Event, out: &mut Effects) {
        match event {
            Event::Accepted { conn, peer, listener } => {
                self.on_accepted(now, conn, peer, listener);
            }
            Event::Received { conn, frame } => self.on_received(now, conn, frame, out),
            Event::Sent { conn, bytes } => self.on_sent(now, conn, bytes, out),
            Event::Ended { conn } => self.on_ended(now, conn, out),
            Event::Closed { conn } => self.on_closed(now, conn, out),
            Event::Mesh { from, message } => match message {
                Message::Asks(asks) => self.on_asks(now, from, asks, out),
                Message::Answers(answers) => self.on_answers(now, from, answers, out),
                Message::Admin(message) => self.on_admin_message(now, from, message, out),
            },
            Event::Disk { strand, token, outcome } => {
                self.on_disk(now, strand, token, outcome, out);
            }
            Event::Space { is_short } => self.press_strands(is_short),
            Event::Job { job, result } => self.on_job(now, job, result, out),
            Event::Volume { total, usable } => self.volume = Some((total, usable)),
            Event::Tick => self.on_tick(now, out),
            Event::Shutdown => self.on_shutdown(now, out),
        }
        self.settle(now, out);
    }

    /// Ends a turn: takes requests, lets the strands commit what was appended, sends what there is
    /// for other cores, and says when it wants to be woken.
    pub fn finish_turn(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Effects) {
        self.take_requests(now, out);
        self.work_on_groups(now, out);
        self.settle(now, out);
        self.admin.take_appended();
        self.commit(now, pool, out);
        self.admin.on_committed();
        self.settle(now, out);
        if self.admin.take_appended() {
            // News of that commit made the controller write: it must not wait for the next turn.
            self.commit(now, pool, out);
            self.settle(now, out);
        }
        self.shed_slowest(now, out);
        self.flush_routes(out);
        self.report_state(out);
        out.deadline = self.next_deadline(now);
    }

    fn on_tick(&mut self, now: Now, out: &mut Effects) {
        self.tick_strands(now, out);
        self.expire_requests(now, out);
        self.on_admin_tick(now, out);
        self.tick_groups(now);
        if now.mono_us >= self.sweep_us {
            self.sweep_us = now.mono_us + limits::SWEEP_US;
            self.sweep_connections(now, out);
            self.sweep_partitions(now, out);
        }
    }

    fn on_shutdown(&mut self, now: Now, out: &mut Effects) {
        if !self.stopping {
            self.stopping = true;
            self.shut_down_strands(now, out);
        }
    }

    /// Says once that the shard serves, and once that it has stopped.
    fn report_state(&mut self, out: &mut Effects) {
        if !self.ready && self.image.is_some() && self.strands_are_ready() {
            self.ready = true;
            out.ready = true;
        }
        if self.stopping && self.owner.take_stopped() {
            out.stopped = true;
        }
    }

    fn next_deadline(&self, now: Now) -> Option<u64> {
        if (self.clients.has_work() || self.has_group_work()) && !self.stopping {
            return Some(now.mono_us);
        }
        let requests = self.requests.next_deadline();
        let strands = self.owner.next_deadline();
        let admin = self.admin_deadline();
        let groups = [self.groups.next_deadline(), self.renewal_deadline()];
        let others = [requests, strands, admin, Some(self.sweep_us)];
        others.into_iter().chain(groups).flatten().min()
    }

    /// Whether produce requests must wait for the disk.
    pub(super) fn must_hold_produce(&self) -> bool {
        self.owner.undurable_bytes() >= limits::UNDURABLE_BYTES_MAX
    }
}
