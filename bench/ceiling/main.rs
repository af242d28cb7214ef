//! The ceiling: what this machine allows a broker on one core, without a broker. The same glommio,
//! one pinned executor; receives Kafka Produce requests, checks CRC-32C, copies each batch once into
//! a DMA frame, commits frames with O_DIRECT | O_DSYNC into a zeroed file that is used in circles,
//! and answers in order. No partitions, no index, no recovery, no reads.
//!
//! `cargo bench --bench ceiling -- --port 9192 --dir /data` and then the load generator with
//! `--produce-only` against that port.

mod answer;
mod commit;
mod connection;
mod disk;
mod requests;
mod smoke;

use crate::commit::Committer;
use crate::commit::Limits;
use clap::Parser;
use glommio::LocalExecutorBuilder;
use glommio::Placement;
use glommio::PoolPlacement;
use glommio::net::TcpListener;
use glommio::timer::Timer;
use std::io;
use std::net::SocketAddr;
use std::os::fd::FromRawFd;
use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// Registered memory of the executor.
const IO_MEMORY: usize = 64 << 20;
const RING_DEPTH: usize = 1024;
/// A lost wake-up (glommio parks with runnable tasks now and then) costs no more than this.
const HEARTBEAT: Duration = Duration::from_millis(1);
/// How often figures are printed while there are any.
const REPORT: Duration = Duration::from_secs(5);

/// The ceiling of a broker on one core.
#[derive(Parser, Clone, Debug)]
#[command(name = "ceiling")]
struct Args {
    /// Port on loopback; 0 picks one.
    #[arg(long, default_value_t = 9192)]
    port: u16,
    /// Directory for the file that is written.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Size of that file, in MiB.
    #[arg(long, default_value_t = 1024)]
    file_mib: u64,
    /// Frames in flight.
    #[arg(long, default_value_t = 2)]
    k: usize,
    /// Largest frame, in KiB; a larger batch goes alone.
    #[arg(long, default_value_t = 1024)]
    frame_max: usize,
    /// A second frame is started only when this much waits, in KiB.
    #[arg(long, default_value_t = 64)]
    second_from: usize,
    /// glommio's preemption timer, in milliseconds.
    #[arg(long, default_value_t = 20)]
    preempt: u64,
    /// How long the executor spins before it parks, in microseconds.
    #[arg(long, default_value_t = 0)]
    spin: u64,
    /// The core it runs on.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Partitions that every topic is said to have.
    #[arg(long, default_value_t = 64)]
    partitions: i32,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    if args.bench {
        if let Err(error) = serve(args, |address| println!("ceiling: listening on {address}")) {
            eprintln!("ceiling: {error}");
            std::process::exit(1);
        }
    } else {
        // `cargo test` runs benches without `--bench`.
        smoke::run(args);
    }
}

/// Runs until the process ends. `ready` is told the address.
fn serve(args: Args, ready: impl FnOnce(SocketAddr) + Send + 'static) -> io::Result<()> {
    disk::prepare(&args.dir, args.file_mib << 20)?;
    let handle = LocalExecutorBuilder::new(Placement::Fixed(args.core))
        .name("ceiling")
        .io_memory(IO_MEMORY)
        .ring_depth(RING_DEPTH)
        .preempt_timer(Duration::from_millis(args.preempt))
        .spin_before_park(Duration::from_micros(args.spin))
        .blocking_thread_pool_placement(PoolPlacement::Unbound(1))
        .spawn(move || run(args, ready))
        .map_err(io::Error::other)?;
    handle.join().map_err(io::Error::other)?
}

async fn run(args: Args, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let file = disk::open(&args.dir).await?;
    let limits = Limits {
        in_flight: args.k,
        frame_bytes: args.frame_max << 10,
        second_from: args.second_from << 10,
        file_bytes: args.file_mib << 20,
    };
    let committer = Rc::new(Committer::new(Rc::new(file), limits));
    glommio::spawn_local(committer.clone().drive()).detach();
    glommio::spawn_local(heartbeat()).detach();
    glommio::spawn_local(report(committer.clone())).detach();
    let socket = std::net::TcpListener::bind(("127.0.0.1", args.port))?;
    let address = socket.local_addr()?;
    // SAFETY: the descriptor was just taken out of its owner and belongs to nobody else.
    let listener = unsafe { TcpListener::from_raw_fd(socket.into_raw_fd()) };
    ready(address);
    // Never cancelled: an accept that is dropped can lose a connection.
    loop {
        let stream = listener.accept().await.map_err(io::Error::other)?;
        let about = requests::About { address, partitions: args.partitions };
        let serving = connection::serve(stream, committer.clone(), about);
        glommio::spawn_local(async move {
            if let Err(error) = serving.await {
                eprintln!("ceiling: connection closed: {error}");
            }
        })
        .detach();
    }
}

async fn heartbeat() {
    loop {
        Timer::new(HEARTBEAT).await;
    }
}

async fn report(committer: Rc<Committer>) {
    let mut before = committer.figures();
    loop {
        Timer::new(REPORT).await;
        let figures = committer.figures();
        let frames = figures.frames - before.frames;
        if frames > 0 {
            let bytes = figures.batch_bytes - before.batch_bytes;
            println!(
                "ceiling: {:.1} MB/s in {} frames/s of {:.1} KiB, {} batches/s, {} waits for room",
                bytes as f64 / REPORT.as_secs_f64() / 1e6,
                frames / REPORT.as_secs(),
                bytes as f64 / frames as f64 / 1024.0,
                (figures.batches - before.batches) / REPORT.as_secs(),
                figures.waits - before.waits,
            );
        }
        before = figures;
    }
}
