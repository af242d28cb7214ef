//! One shard's executor: a pinned thread with its rings, on which the turn and all tasks of the
//! port run until the shard has stopped.

use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use glommio::ExecutorJoinHandle;
use glommio::LocalExecutorBuilder;
use glommio::Placement;
use glommio::PoolPlacement;
use glommio::io::PollableFd;
use glommio::timer::sleep;

use crate::base::ShardId;
use crate::base::StrandId;
use crate::io::clock::Clock;
use crate::io::disk::Disk;
use crate::io::disk::Room;
use crate::io::disk::Share;
use crate::io::jobs::BLOCKING_THREADS;
use crate::io::listener::ShardListeners;
use crate::io::memory::DmaPool;
use crate::io::mesh::Mesh;
use crate::io::mesh::MeshEnds;
use crate::io::port::ConnectionLimit;
use crate::io::port::Port;
use crate::io::task::spawn;
use crate::io::task::timed;
use crate::io::turn::Core;
use crate::io::turn::State;
use crate::io::turn::Turn;
use crate::io::turn::Watch;
use crate::io::watchdog::Watchdog;
use crate::shard::Event;
use crate::shard::IntakeLimits;

/// Submissions that a ring holds; also how many the executor makes before it looks around.
const RING_DEPTH: usize = 1024;

/// Pause between two looks around while a shard's files are opened and its rings connected.
const PULSE: Duration = Duration::from_millis(1);

/// Memory registered with the rings, out of the frames' budget; what exceeds it comes from the heap.
const REGISTERED_MAX: usize = 64 << 20;

/// All that one shard's executor is made from.
#[derive(Debug)]
pub struct ExecutorPlan {
    pub shard: ShardId,
    /// The CPU that it is pinned to.
    pub cpu: usize,
    pub clock: Clock,
    /// The data directory.
    pub root: PathBuf,
    /// The shard's strands, each with its part in the disk's space.
    pub strands: Vec<(StrandId, Share)>,
    pub room: Arc<Room>,
    /// Descriptors that each strand may keep open.
    pub open_files: usize,
    /// Bytes of frames, those that are cached or still read included.
    pub frame_bytes: usize,
    pub intake: IntakeLimits,
    pub request_max: usize,
    pub connections: ConnectionLimit,
    pub listeners: ShardListeners,
    pub mesh: MeshEnds,
    pub spin: Duration,
    pub preempt: Duration,
    /// `None` switches the heartbeat off.
    pub heartbeat: Option<Duration>,
    pub watchdog: Watchdog,
    pub control: Control,
}

/// Tells a shard from any thread what it must know: that it shall stop, or tell its figures.
#[derive(Clone, Debug)]
pub struct Control {
    /// An eventfd: the low half counts wishes to stop, the high half wishes for figures.
    fd: Arc<OwnedFd>,
}

const STOP: u64 = 1;
const FIGURES: u64 = 1 << 32;

impl Control {
    pub fn new() -> io::Result<Self> {
        // SAFETY: a system call without pointers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and nobody else has it.
        Ok(Self { fd: Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }) })
    }

    /// Stop in good order.
    pub fn stop(&self) {
        self.say(STOP);
    }

    /// Tell the figures.
    pub fn figures(&self) {
        self.say(FIGURES);
    }

    fn say(&self, wish: u64) {
        let bytes = wish.to_ne_bytes();
        // SAFETY: pointer and length describe `bytes`. It cannot block or fail: the counter is
        // never near its end.
        unsafe { libc::write(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    }

    fn take(&self) -> u64 {
        let mut bytes = [0; 8];
        // SAFETY: pointer and length describe `bytes`.
        let n = unsafe { libc::read(self.fd.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
        if n == 8 { u64::from_ne_bytes(bytes) } else { 0 }
    }
}

/// Starts the executor. `core` makes the shard on its thread; it is started when its files and
/// rings are there.
pub fn start_executor<C, W>(
    plan: ExecutorPlan,
    core: impl FnOnce() -> C + Send + 'static,
    watch: W,
) -> io::Result<ExecutorJoinHandle<io::Result<()>>>
where
    C: Core + 'static,
    W: Watch + Send + 'static,
{
    // Blocking threads are not pinned: on the shard's own core they would stand in its way.
    let mut builder = LocalExecutorBuilder::new(Placement::Fixed(plan.cpu))
        .name(&format!("shard-{}", plan.shard.0))
        .io_memory(plan.frame_bytes.min(REGISTERED_MAX))
        .ring_depth(RING_DEPTH)
        .preempt_timer(plan.preempt)
        .blocking_thread_pool_placement(PoolPlacement::Unbound(BLOCKING_THREADS));
    if !plan.spin.is_zero() {
        builder = builder.spin_before_park(plan.spin);
    }
    builder.spawn(move || timed(run(plan, core(), watch))).map_err(io::Error::from)
}

async fn run<C: Core + 'static, W: Watch + 'static>(
    plan: ExecutorPlan,
    core: C,
    watch: W,
) -> io::Result<()> {
    let _enrolled = plan.watchdog.enrol().await;
    let port = Port::new(plan.clock, plan.intake, plan.request_max, plan.connections);
    // The turn has a heartbeat of its own; until it runs, what the executor forgets while files
    // are opened and rings connected would be forgotten for ever.
    let pulse = glommio::spawn_local(beat()).detach();
    let mut disks = Vec::new();
    for (strand, share) in plan.strands {
        disks.push((strand, Disk::open(&plan.root, strand, plan.open_files, share).await?));
    }
    let mesh = Mesh::connect(plan.mesh, &port).await;
    spawn(obey(plan.control, Rc::clone(&port))).detach();
    let turn = Turn {
        core,
        watch,
        port,
        mesh,
        disks,
        room: plan.room,
        pool: Box::new(DmaPool::new(plan.frame_bytes)),
        heartbeat: plan.heartbeat,
        listeners: Some(plan.listeners),
        state: State::new()?,
    };
    pulse.cancel();
    turn.run().await;
    Ok(())
}

/// Wakes the executor again and again.
async fn beat() {
    loop {
        sleep(PULSE).await;
    }
}

/// Hands on what is said through the control.
async fn obey(control: Control, port: Rc<Port>) {
    let Ok(ready) = PollableFd::new(FdOf(control)) else { return };
    while ready.readable().await.is_ok() {
        let wishes = ready.get_ref().0.take();
        if wishes >= FIGURES {
            port.want_figures();
        }
        if wishes % FIGURES >= STOP {
            port.inbox().push(Event::Shutdown);
        }
    }
}

struct FdOf(Control);

impl AsRawFd for FdOf {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.fd.as_raw_fd()
    }
}

#[cfg(test)]
mod tests;
