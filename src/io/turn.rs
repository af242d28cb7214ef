//! The turn: gather events, step the shard through each, let it finish, carry out what it wants.
//! One shard per thread, owned here and touched only here. A turn is bounded, and while more waits
//! the next one begins after a pass of the reactor, so that sockets, disk and other shards are
//! heard in between.

use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use glommio::io::PollState;
use glommio::io::PollableFd;
use glommio::timer::Timer;
use tracing::error;

use crate::base::Now;
use crate::base::Pool;
use crate::base::StrandId;
use crate::io::disk::Disk;
use crate::io::disk::Room;
use crate::io::fatal::ExitStatus;
use crate::io::fatal::exit_now;
use crate::io::fatal::stop;
use crate::io::jobs::Jobs;
use crate::io::lateness::Begun;
use crate::io::lateness::Lateness;
use crate::io::lateness::PortFigures;
use crate::io::listener::Accepting;
use crate::io::listener::ShardListeners;
use crate::io::log_filter::set_levels;
use crate::io::mesh::Mesh;
use crate::io::port::Port;
use crate::io::socket::Conn;
use crate::io::task::spawn;
use crate::io::task::take_longest_wait;
use crate::shard::Effects;
use crate::shard::Event;
use crate::shard::Job;
use crate::shard::JobId;

/// Events of one turn.
const EVENTS_PER_TURN: usize = 256;

/// Heartbeat while connections are open and nothing is in flight.
const CALM: Duration = Duration::from_millis(10);

/// Heartbeat while there is nobody.
const ASLEEP: Duration = Duration::from_millis(100);

/// So long after an event, work is taken to be in flight.
const LIVELY_US: u64 = 20_000;

/// How often connections without progress are looked for.
const SWEEP_EVERY_US: u64 = 250_000;

/// How often the file system is asked for its space.
const VOLUME_EVERY_US: u64 = 1_000_000;

/// What a turn drives. The shard, or a stand-in for it in tests of the port.
pub trait Core {
    /// Called once, before the first event.
    fn start(&mut self, now: Now, out: &mut Effects);

    fn step(&mut self, now: Now, event: Event, out: &mut Effects);

    fn finish_turn(&mut self, now: Now, pool: &mut dyn Pool, out: &mut Effects);

    /// Tells in the log what it holds: somebody asked, or the end has come.
    fn tell_figures(&self);
}

/// What the turn tells those who run the process.
pub trait Watch {
    /// The shard is ready to serve: connections are taken from here on.
    fn ready(&self);

    /// The figures, asked for by a signal or at the end.
    fn figures(&self, figures: PortFigures);
}

/// The turn of one shard, with all it carries effects out with.
pub(crate) struct Turn<C, W> {
    pub(crate) core: C,
    pub(crate) watch: W,
    pub(crate) port: Rc<Port>,
    pub(crate) mesh: Mesh,
    pub(crate) disks: Vec<(StrandId, Rc<Disk>)>,
    pub(crate) room: Arc<Room>,
    pub(crate) pool: Box<dyn Pool>,
    /// Heartbeat while anything is in flight; `None` switches it off.
    pub(crate) heartbeat: Option<Duration>,
    /// Where connections come from, until the shard is ready and they are accepted.
    pub(crate) listeners: Option<ShardListeners>,
    pub(crate) state: State,
}

/// What the turn remembers from one to the next.
pub(crate) struct State {
    lateness: Lateness,
    accepting: Option<Accepting>,
    jobs: Rc<Jobs>,
    deadline: Option<u64>,
    ticked_us: u64,
    swept_us: u64,
    volume_due_us: u64,
    lively_until_us: u64,
    /// What the shard was told last of the disk's space.
    is_short: bool,
    pass: PollableFd<OwnedFd>,
}

impl State {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: a system call without pointers.
        let fd = unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and nobody else has it.
        let always_ready = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            lateness: Lateness::new(),
            accepting: None,
            jobs: Rc::new(Jobs::new()),
            deadline: None,
            ticked_us: 0,
            swept_us: 0,
            volume_due_us: 0,
            lively_until_us: 0,
            is_short: false,
            pass: PollableFd::new(always_ready).map_err(io::Error::from)?,
        })
    }
}

impl<C: Core, W: Watch> Turn<C, W> {
    /// Runs until the shard says that it has stopped.
    pub(crate) async fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS_PER_TURN);
        let mut out = Effects::default();
        let now = self.port.clock().now();
        self.core.start(now, &mut out);
        self.core.finish_turn(now, &mut *self.pool, &mut out);
        let mut stopped = self.carry_out(&mut out);
        while !stopped {
            self.wait().await;
            let since = self.port.inbox().waiting_since();
            let task_waited = take_longest_wait();
            self.port.inbox().take(EVENTS_PER_TURN, &mut events);
            let now = self.port.clock().now();
            self.state.lateness.on_turn(&Begun {
                now_us: now.mono_us,
                since,
                task_waited,
                events: events.len(),
            });
            self.sweep(now);
            if !events.is_empty() {
                self.state.lively_until_us = now.mono_us + LIVELY_US;
            }
            for event in events.drain(..) {
                if matches!(event, Event::Shutdown) {
                    self.state.accepting.iter().for_each(Accepting::stop);
                }
                self.core.step(now, event, &mut out);
            }
            let is_short = self.room.is_short();
            if is_short != std::mem::replace(&mut self.state.is_short, is_short) {
                self.core.step(now, Event::Space { is_short }, &mut out);
            }
            if let Some((total, usable)) = self.look_at_volume(now) {
                self.core.step(now, Event::Volume { total, usable }, &mut out);
            }
            if self.tick_is_due(now) {
                self.core.step(now, Event::Tick, &mut out);
            }
            self.core.finish_turn(now, &mut *self.pool, &mut out);
            stopped = self.carry_out(&mut out);
            if self.port.take_figures_wanted() {
                self.watch.figures(self.state.lateness.figures());
                self.core.tell_figures();
            }
            if self.port.inbox().waiting_since().is_some() || self.is_due(now) {
                self.pass().await;
            }
        }
        self.port.close_all();
        self.watch.figures(self.state.lateness.finish());
        self.core.tell_figures();
    }

    /// Until an event waits, the shard's deadline comes, or the heartbeat.
    async fn wait(&mut self) {
        let port = Rc::clone(&self.port);
        let mut timer = self.pause(port.clock().mono_us()).map(Timer::new);
        poll_fn(|cx| match port.inbox().poll_waiting(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => poll_timer(timer.as_mut(), cx),
        })
        .await;
    }

    /// Lets sockets, disk and other shards be heard: ready at once, but only by way of the kernel.
    async fn pass(&mut self) {
        let mut timer = self.heartbeat.map(Timer::new);
        let mut ready = PollState::default();
        poll_fn(|cx| match self.state.pass.poll_readable(cx, &mut ready) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => poll_timer(timer.as_mut(), cx),
        })
        .await;
    }

    /// How long nothing may happen before the turn looks around by itself.
    fn pause(&self, now_us: u64) -> Option<Duration> {
        let beat = self.heartbeat.map(|beat| match () {
            () if self.is_in_flight() || now_us < self.state.lively_until_us => beat,
            () if self.port.connections() > 0 => CALM.max(beat),
            () => ASLEEP.max(beat),
        });
        let deadline =
            self.state.deadline.map(|at| Duration::from_micros(at.saturating_sub(now_us)));
        beat.into_iter().chain(deadline).min()
    }

    fn is_in_flight(&self) -> bool {
        self.disks.iter().any(|(_, disk)| disk.in_flight() > 0)
            || self.state.jobs.unfinished() > 0
            || self.port.is_sending()
            || self.mesh.is_backed_up()
    }

    fn is_due(&self, now: Now) -> bool {
        self.state.deadline.is_some_and(|deadline| deadline <= now.mono_us)
    }

    fn tick_is_due(&mut self, now: Now) -> bool {
        let idle = self.state.ticked_us + ASLEEP.as_micros() as u64 <= now.mono_us;
        let due = self.is_due(now) || idle;
        if due {
            self.state.ticked_us = now.mono_us;
        }
        due
    }

    fn sweep(&mut self, now: Now) {
        if self.state.swept_us + SWEEP_EVERY_US <= now.mono_us {
            self.state.swept_us = now.mono_us;
            self.port.sweep(now.mono_us);
        }
    }

    /// The file system's total and usable bytes, now and then.
    fn look_at_volume(&mut self, now: Now) -> Option<(u64, u64)> {
        if now.mono_us < self.state.volume_due_us {
            return None;
        }
        self.state.volume_due_us = now.mono_us + VOLUME_EVERY_US;
        self.disks.first().and_then(|(_, disk)| disk.volume())
    }

    /// True if the shard has stopped.
    fn carry_out(&mut self, out: &mut Effects) -> bool {
        if let Some(fatal) = out.fatal.take() {
            stop(&fatal);
        }
        self.carry_out_ops(out);
        for (to, message) in out.mesh.drain(..) {
            self.mesh.send(to, message);
        }
        self.mesh.send_overflow();
        for (id, job) in out.jobs.drain(..) {
            self.start_job(id, job);
        }
        self.carry_out_connections(out);
        if let Some(levels) = out.log_levels.take() {
            set_levels(&levels);
        }
        self.state.deadline = out.deadline.take();
        if std::mem::take(&mut out.ready) {
            self.become_ready();
        }
        std::mem::take(&mut out.stopped)
    }

    fn become_ready(&mut self) {
        let listeners = self.listeners.take().expect("a shard becomes ready once");
        match Accepting::start(listeners, &self.port) {
            Ok(accepting) => self.state.accepting = Some(accepting),
            Err(error) => {
                error!(%error, "listener: connections cannot be accepted");
                exit_now(ExitStatus::Address as i32);
            }
        }
        self.watch.ready();
    }

    fn carry_out_ops(&self, out: &mut Effects) {
        for (strand, token, op) in out.ops.drain(..) {
            let disk = self.disks.iter().find(|(id, _)| *id == strand);
            let (_, disk) = disk.expect("an op is for a strand of this shard");
            let port = Rc::clone(&self.port);
            disk.submit(op, move |outcome| {
                port.inbox().push(Event::Disk { strand, token, outcome });
            });
        }
    }

    fn carry_out_connections(&self, out: &mut Effects) {
        let mut touched: Vec<Rc<Conn>> = Vec::new();
        for (conn, part) in out.sends.drain(..) {
            // Parts of one connection mostly follow each other.
            let last = touched.last().filter(|last| last.id() == conn);
            let Some(conn) = last.cloned().or_else(|| self.port.find(conn)) else { continue };
            conn.enqueue(part);
            if touched.last().is_none_or(|last| last.id() != conn.id()) {
                touched.push(conn);
            }
        }
        // What was enqueued in several places goes with the first write; the later ones find
        // nothing to send.
        touched.iter().for_each(|conn| conn.flush(&self.port));
        for (conn, reason) in out.closes.drain(..) {
            if let Some(conn) = self.port.find(conn) {
                conn.close(&reason);
            }
        }
        for conn in out.pauses.drain(..) {
            if let Some(conn) = self.port.find(conn) {
                conn.pause();
            }
        }
        for conn in out.resumes.drain(..) {
            if let Some(conn) = self.port.find(conn) {
                conn.resume();
            }
        }
        let mut intake = self.port.intake().borrow_mut();
        for (conn, bytes) in out.released.drain(..) {
            intake.released(conn, bytes);
        }
        drop(intake);
        self.port.wake_granted();
    }

    fn start_job(&self, id: JobId, job: Job) {
        let (port, jobs) = (Rc::clone(&self.port), Rc::clone(&self.state.jobs));
        spawn(async move {
            let result = jobs.run(move || job.run()).await;
            port.inbox().push(Event::Job { job: id, result });
        })
        .detach();
    }
}

/// A timer that there may be.
fn poll_timer(timer: Option<&mut Timer>, cx: &mut Context<'_>) -> Poll<()> {
    match timer.map(|timer| Pin::new(timer).poll(cx)) {
        Some(Poll::Ready(_)) => Poll::Ready(()),
        Some(Poll::Pending) | None => Poll::Pending,
    }
}
