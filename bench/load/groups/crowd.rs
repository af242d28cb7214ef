//! All members of a run, driven from one thread.

use super::member::Came;
use super::member::Member;
use super::member::Spoken;
use crate::client::LoadError;
use crate::client::Versions;
use crate::report::latency_histogram;
use crate::socket::Poll;
use crate::socket::Socket;
use hdrhistogram::Histogram;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

/// When nothing happens for so long, the run fails. A rebalance may take as long as a member may.
const STALL: Duration = Duration::from_secs(90);
/// The longest sleep.
const NAP: Duration = Duration::from_millis(5);

/// What a generation was given out so far.
struct Group {
    name: String,
    members: u32,
    generation: i32,
    /// Numbers that members were given.
    shares: BTreeSet<u32>,
}

impl Group {
    /// All members are in one generation and have a share each.
    fn is_settled(&self) -> bool {
        self.shares.len() == self.members as usize
    }
}

/// Answers and how long they took from the moment that they were due.
pub(crate) struct Pace {
    pub(crate) latency: Histogram<u64>,
    pub(crate) seconds: f64,
}

pub(super) struct Crowd {
    spoken: Spoken,
    poll: Poll,
    members: Vec<Member>,
    groups: Vec<Group>,
    origin: Instant,
    last_progress: Instant,
    faults: u64,
}

/// Members that are in a generation beat so often while others join: they hear in no other way that they are to join again.
const JOINING_BEAT: Duration = Duration::from_millis(500);

impl Crowd {
    pub(super) fn new(versions: &Versions) -> Result<Self, LoadError> {
        let now = Instant::now();
        Ok(Self {
            spoken: Spoken::new(versions)?,
            poll: Poll::new()?,
            members: Vec::new(),
            groups: Vec::new(),
            origin: now,
            last_progress: now,
            faults: 0,
        })
    }

    /// Shares that were given to two members of a generation, or that no leader gave.
    pub(super) fn faults(&self) -> u64 {
        self.faults
    }

    pub(super) fn add_group(
        &mut self,
        name: &str,
        coordinator: &str,
        members: u32,
    ) -> Result<(), LoadError> {
        let group = self.groups.len();
        let name = name.to_owned();
        let shares = BTreeSet::new();
        self.groups.push(Group { name, members: 0, generation: -1, shares });
        (0..members).try_for_each(|_| self.connect(group, coordinator))
    }

    fn connect(&mut self, group: usize, coordinator: &str) -> Result<(), LoadError> {
        let socket = Socket::connect(coordinator)?;
        self.poll.add(&socket, self.members.len())?;
        let Group { name, members, .. } = &mut self.groups[group];
        *members += 1;
        self.members.push(Member::new(socket, group, name, self.spoken));
        Ok(())
    }

    /// One more member of a group joins.
    pub(super) fn add_member(&mut self, group: usize, coordinator: &str) -> Result<(), LoadError> {
        self.connect(group, coordinator)?;
        self.groups[group].shares.clear();
        self.members.last_mut().expect("just added").join()
    }

    /// All members join; how long it took until every group was settled.
    pub(super) fn join_all(&mut self) -> Result<Duration, LoadError> {
        let began = Instant::now();
        for at in 0..self.members.len() {
            self.members[at].join()?;
            // Answers that nobody takes would fill what the sockets hold.
            if at % 64 == 0 {
                self.turn(Duration::ZERO, |_, _| Ok(()))?;
            }
        }
        self.settle(JOINING_BEAT)?;
        Ok(began.elapsed())
    }

    /// All members beat this often until every group is settled; how long it took.
    pub(super) fn settle(&mut self, every: Duration) -> Result<Duration, LoadError> {
        let began = Instant::now();
        let mut due = began;
        while !self.groups.iter().all(Group::is_settled) {
            if Instant::now() >= due {
                due += every;
                for member in self.members.iter_mut().filter(|member| member.is_free()) {
                    member.beat(0)?;
                }
            }
            self.turn(due.saturating_duration_since(Instant::now()), |_, _| Ok(()))?;
        }
        let took = began.elapsed();
        while !self.members.iter().all(Member::is_free) {
            self.turn(NAP, |_, _| Ok(()))?;
        }
        Ok(took)
    }

    /// Every member beats `every` so often, evenly spread, on a schedule that waits for nobody.
    pub(super) fn beat(&mut self, every: Duration, length: Duration) -> Result<Pace, LoadError> {
        let interval_ns = every.as_nanos() as f64 / self.members.len() as f64;
        let count = (length.as_nanos() as f64 / interval_ns) as u64;
        let mut latency = latency_histogram();
        self.origin = Instant::now();
        let mut sent = 0;
        while sent < count {
            let due_ns = (sent as f64 * interval_ns) as u64;
            let now_ns = self.now_ns();
            if due_ns > now_ns {
                let nap = Duration::from_nanos(due_ns - now_ns);
                self.turn(nap, measured(&mut latency))?;
                continue;
            }
            let at = sent as usize % self.members.len();
            if self.members[at].is_free() {
                self.members[at].beat(due_ns)?;
                sent += 1;
            } else {
                self.turn(NAP, measured(&mut latency))?;
            }
        }
        while !self.members.iter().all(Member::is_free) {
            self.turn(NAP, measured(&mut latency))?;
        }
        Ok(Pace { latency, seconds: self.origin.elapsed().as_secs_f64() })
    }

    /// One member of each group commits, again and again.
    pub(super) fn commit(&mut self, topic: &str, length: Duration) -> Result<Pace, LoadError> {
        let mut latency = latency_histogram();
        self.origin = Instant::now();
        let mut seen = BTreeSet::new();
        for at in 0..self.members.len() {
            if seen.insert(self.members[at].group) {
                let now = self.now_ns();
                self.members[at].commit(topic, now)?;
            }
        }
        let end_ns = length.as_nanos() as u64;
        while !self.members.iter().all(Member::is_free) {
            self.turn(NAP, |member, now_ns| {
                latency.saturating_record(now_ns.saturating_sub(member.intended_ns));
                if now_ns < end_ns { member.commit(topic, now_ns) } else { Ok(()) }
            })?;
        }
        Ok(Pace { latency, seconds: self.origin.elapsed().as_secs_f64() })
    }

    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Waits and takes answers; `done` hears of those to heartbeats and commits.
    fn turn(
        &mut self,
        timeout: Duration,
        mut done: impl FnMut(&mut Member, u64) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let mut ready = Vec::new();
        self.poll.wait(timeout.min(NAP), &mut ready)?;
        for at in ready {
            self.members[at].push()?;
            while let Some(came) = self.members[at].take()? {
                self.last_progress = Instant::now();
                match came {
                    Came::Step => {}
                    Came::Assigned { number, of } => self.on_assigned(at, number, of),
                    Came::Done => {
                        let now_ns = self.now_ns();
                        done(&mut self.members[at], now_ns)?;
                    }
                }
            }
        }
        if self.last_progress.elapsed() > STALL {
            return Err(LoadError::Stalled("the groups"));
        }
        Ok(())
    }

    fn on_assigned(&mut self, at: usize, number: u32, of: u32) {
        let member = &self.members[at];
        let group = &mut self.groups[member.group];
        if member.generation > group.generation {
            group.generation = member.generation;
            group.shares.clear();
        }
        if member.generation < group.generation {
            return;
        }
        let is_other = group.shares.insert(number);
        self.faults += u64::from(!is_other || number >= of || of > group.members);
    }
}

/// Records how long after its moment an answer came.
fn measured(
    latency: &mut Histogram<u64>,
) -> impl FnMut(&mut Member, u64) -> Result<(), LoadError> + '_ {
    |member, now_ns| {
        latency.saturating_record(now_ns.saturating_sub(member.intended_ns));
        Ok(())
    }
}
