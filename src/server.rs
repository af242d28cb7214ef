//! Assembly: host checks, store, listeners, one pinned executor per core; then waits for signals,
//! drains, joins. Decides nothing about data.

mod failure;
mod plan;
mod signals;
mod store;

use std::io::Write;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::Sender;
use std::time::Instant;

use tracing::info;
use tracing::warn;

use crate::base::Mutant;
use crate::base::ShardId;
use crate::config::Bytes;
use crate::config::Config;
use crate::config::Loaded;
use crate::io::Bound;
use crate::io::Clock;
use crate::io::Control;
use crate::io::ExecutorPlan;
use crate::io::FileSystem;
use crate::io::Host;
use crate::io::PortFigures;
use crate::io::Watch;
use crate::io::bind_all;
use crate::io::mesh_of;
use crate::io::probe_ring;
use crate::io::start_executor;
use crate::server::plan::Budget;
use crate::server::store::Store;
use crate::server::store::find_root;

pub use failure::Failure;

/// Runs a broker until it is told to stop and has stopped.
pub fn serve(loaded: &Loaded) -> Result<(), Failure> {
    let begun = Instant::now();
    let config = &loaded.config;
    let signals = signals::block().map_err(Failure::Host)?;
    abort_on_panic();
    let host = inspect(config)?;
    let shards = config.shards.unwrap_or_else(|| host.shards());
    let budget = Budget::new(config, &host, shards)?;
    let root = find_root(config)?;
    let file_system = FileSystem::inspect(&root, config.storage_allow_copy_on_write)?;
    let store = Store::open(root, config, loaded, shards)?;
    show(&host, shards, &budget, &file_system);
    let backlog = config.socket_listen_backlog_size;
    let bound = bind_all(&config.listeners, shards, config.shard_port_offset, backlog)?;
    let addresses = Addresses::of(config, &bound);
    let running = start(loaded, &host, &budget, &store, &file_system, bound)?;
    signals.obey(running.controls.clone()).map_err(Failure::Host)?;
    if running.wait_until_ready(shards)? {
        addresses.show(begun);
    }
    running.wait_until_stopped()?;
    info!("server: stopped");
    drop(store);
    Ok(())
}

/// A panic is a bug: whatever runs on in this process cannot be trusted. The next start recovers.
fn abort_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

fn inspect(config: &Config) -> Result<Host, Failure> {
    let host = Host::inspect().map_err(Failure::Host)?;
    if let Some(fault) = host.kernel_fault() {
        return Err(Failure::Kernel(fault));
    }
    probe_ring()?;
    if let Some(shards) = config.shards
        && usize::from(shards) > host.cpus.len()
    {
        warn!("server: {shards} shards share {} CPUs; each wants one", host.cpus.len());
    }
    Ok(host)
}

fn show(host: &Host, shards: u16, budget: &Budget, file_system: &FileSystem) {
    for line in host.lines(shards, budget.total(), file_system) {
        match line.remedy {
            None => info!("found: {}", line.what),
            Some(remedy) => warn!("found: {}: {remedy}", line.what),
        }
    }
}

/// Where the broker listens, as its operator wants to see it.
struct Addresses {
    lines: Vec<String>,
}

impl Addresses {
    fn of(config: &Config, bound: &Bound) -> Self {
        let mut lines = Vec::new();
        let shards = bound.shards.len();
        for (listener, (port, own)) in config.listeners.iter().zip(&bound.ports) {
            let mut listener = listener.clone();
            listener.port = *port;
            let last = usize::from(*own) + shards - 1;
            lines.push(format!("listening on {listener}, cores on ports {own}-{last}"));
        }
        Self { lines }
    }

    /// On standard output, so that whoever started the broker can wait for it.
    fn show(&self, begun: Instant) {
        let mut out = std::io::stdout().lock();
        for line in &self.lines {
            // Nobody may be reading; the broker serves all the same.
            let _ = writeln!(out, "strandlog {line}");
        }
        let _ = writeln!(out, "strandlog ready after {} ms", begun.elapsed().as_millis());
        let _ = out.flush();
    }
}

/// What a shard's thread tells the main one.
enum Told {
    Ready,
    Failed { shard: ShardId, what: String },
    Stopped,
}

/// Passes on what the turn tells.
struct Telling {
    shard: ShardId,
    sender: Sender<Told>,
}

impl Watch for Telling {
    fn ready(&self) {
        // The main thread listens until the process ends.
        let _ = self.sender.send(Told::Ready);
    }

    fn figures(&self, figures: PortFigures) {
        let PortFigures { turns, events, rescues, late_tasks, worst_late_us } = figures;
        let shard = self.shard.0;
        info!(shard, turns, events, rescues, late_tasks, worst_late_us, "port:");
    }
}

/// All executors.
struct Running {
    controls: Vec<Control>,
    told: Receiver<Told>,
}

impl Running {
    /// False if the broker was told to stop before every shard was ready.
    fn wait_until_ready(&self, shards: u16) -> Result<bool, Failure> {
        let mut ready = 0;
        while ready < shards {
            match self.told.recv() {
                Ok(Told::Ready) => ready += 1,
                Ok(Told::Stopped) => return Ok(false),
                Ok(Told::Failed { shard, what }) => return Err(Failure::Executor { shard, what }),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn wait_until_stopped(&self) -> Result<(), Failure> {
        for told in &self.told {
            if let Told::Failed { shard, what } = told {
                return Err(Failure::Executor { shard, what });
            }
        }
        Ok(())
    }
}

fn start(
    loaded: &Loaded,
    host: &Host,
    budget: &Budget,
    store: &Store,
    file_system: &FileSystem,
    bound: Bound,
) -> Result<Running, Failure> {
    let shards = u16::try_from(bound.shards.len()).unwrap_or(u16::MAX);
    let clock = Clock::start();
    let mutant = chosen_mutant()?;
    let mut mesh = mesh_of(shards).into_iter();
    let (sender, told) = mpsc::channel();
    let mut controls = Vec::new();
    let mut assembly =
        plan::Assembly::new(loaded, host, budget, store, file_system, &bound.ports, clock)?;
    for (number, listeners) in bound.shards.into_iter().enumerate() {
        let shard = ShardId(u16::try_from(number).unwrap_or(u16::MAX));
        let control = Control::new().map_err(Failure::Host)?;
        let ends = mesh.next().expect("as many ends as shards");
        let plan: ExecutorPlan = assembly.executor(shard, clock, listeners, ends, control.clone());
        let core = assembly.core(shard);
        let watch = Telling { shard, sender: sender.clone() };
        let make = move || {
            plant(mutant);
            core.make()
        };
        let handle = start_executor(plan, make, watch)
            .map_err(|e| Failure::Executor { shard, what: e.to_string() })?;
        controls.push(control);
        let sender = sender.clone();
        // Joins, so that an executor that fails is heard of.
        std::thread::spawn(move || {
            let told = match handle.join() {
                Ok(Ok(())) => Told::Stopped,
                Ok(Err(error)) => Told::Failed { shard, what: error.to_string() },
                Err(error) => Told::Failed { shard, what: error.to_string() },
            };
            let _ = sender.send(told);
        });
    }
    info!(shards, memory = %Bytes(budget.total()), "server: started");
    Ok(Running { controls, told })
}

/// In a build with planted bugs, the one that the environment names.
#[cfg(mutant)]
fn chosen_mutant() -> Result<Option<Mutant>, Failure> {
    let Ok(label) = std::env::var("STRANDLOG_MUTANT") else { return Ok(None) };
    let found = Mutant::ALL.iter().find(|mutant| mutant.label() == label);
    found.map(|mutant| Some(*mutant)).ok_or(Failure::Mutant(label))
}

#[cfg(mutant)]
fn plant(mutant: Option<Mutant>) {
    Mutant::choose(mutant);
}

#[cfg(not(mutant))]
fn chosen_mutant() -> Result<Option<Mutant>, Failure> {
    Ok(None)
}

#[cfg(not(mutant))]
fn plant(_: Option<Mutant>) {}
