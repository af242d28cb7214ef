//! One broker process in a directory of its own. Ready is what it says on standard output; nothing
//! here waits for time to pass.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tempfile::TempDir;

use crate::client::PATIENCE;
use crate::wire::Connection;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_strandlog");

/// The memory that brokers are given here.
const MEMORY: &str = "256MiB";
const MEMORY_BYTES: u64 = 256 << 20;

/// What the process may take beside its budget: the binary, its threads' stacks, the state of idle
/// partitions and connections, and what the allocator keeps of what was freed a moment ago (huge
/// pages, of which a large object leaves some).
const BESIDE_THE_BUDGET: u64 = 96 << 20;

/// Physical memory of a broker, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    /// The most it ever had.
    pub(crate) peak: u64,
    /// What it may have.
    pub(crate) bound: u64,
}

/// How a broker is to be started.
pub(crate) struct Setup {
    /// Where data, log and configuration lie. On the disk that the tests were built on: not every
    /// temporary directory takes direct I/O.
    dir: TempDir,
    pub(crate) arguments: Vec<String>,
    pub(crate) listeners: String,
}

/// A running broker; killed when it is dropped.
pub(crate) struct Broker {
    process: Child,
    pub(crate) address: SocketAddr,
    /// The own port of each shard.
    pub(crate) cores: Vec<u16>,
    /// How long its start took by its own account, in milliseconds.
    pub(crate) ready_ms: u64,
    log: PathBuf,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let arguments = ["--shards", "2", "--memory", MEMORY, "--storage-extent-bytes", "4MiB"];
        Self {
            dir,
            arguments: arguments.map(str::to_owned).to_vec(),
            listeners: "PLAINTEXT://127.0.0.1:0".to_owned(),
        }
    }

    pub(crate) fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// As [`Self::refused`], with the data in another place.
    pub(crate) fn refused_on(&self, data: &Path) -> (i32, String) {
        ended(self.command_on(data))
    }

    /// The command, with standard output to be read and log lines in a file.
    pub(crate) fn command(&self) -> Command {
        self.command_on(&self.data())
    }

    fn command_on(&self, data: &Path) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("serve").args(["--listeners", &self.listeners]);
        command.arg("--log-dirs").arg(data).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(&self) -> Broker {
        self.start_with(self.command())
    }

    /// As [`Self::start`], by a command that was made by [`Self::command`].
    pub(crate) fn start_with(&self, mut command: Command) -> Broker {
        let log = self.path().join("log");
        let mut options = std::fs::File::options();
        let file = options.create(true).append(true).open(&log).expect("a log file");
        let mut process = command.stderr(file).spawn().expect("the broker's binary");
        let out = process.stdout.take().expect("its output is read");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let mut listening = None;
        let ready_ms = loop {
            let Some(line) = lines.next() else {
                let text = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("the broker ended before it was ready: {text}");
            };
            if let Some(found) = read_listening(&line) {
                listening = Some(found);
            }
            if let Some(ms) = read_ready(&line) {
                break ms;
            }
        };
        let (address, cores) = listening.expect("it says where it listens before it is ready");
        Broker { process, address, cores, ready_ms, log }
    }

    /// Starts it where it must end by itself: its status and what it wrote.
    pub(crate) fn refused(&self) -> (i32, String) {
        ended(self.command())
    }
}

/// Runs a command to its end: its status and what it wrote to standard error.
pub(crate) fn ended(mut command: Command) -> (i32, String) {
    let mut process = command.spawn().expect("the broker's binary");
    let mut text = String::new();
    let mut err = process.stderr.take().expect("its log is read");
    err.read_to_string(&mut text).expect("a log in UTF-8");
    let status = process.wait().expect("a process of ours");
    (status.code().unwrap_or(-1), text)
}

/// `strandlog listening on PLAINTEXT://127.0.0.1:9092, cores on ports 10092-10093`
fn read_listening(line: &str) -> Option<(SocketAddr, Vec<u16>)> {
    let rest = line.strip_prefix("strandlog listening on PLAINTEXT://")?;
    let (address, ports) = rest.split_once(", cores on ports ")?;
    let (first, last) = ports.split_once('-')?;
    Some((address.parse().ok()?, (first.parse().ok()?..=last.parse().ok()?).collect()))
}

/// `strandlog ready after 255 ms`
fn read_ready(line: &str) -> Option<u64> {
    line.strip_prefix("strandlog ready after ")?.strip_suffix(" ms")?.parse().ok()
}

impl Broker {
    pub(crate) fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// What it wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log file")
    }

    /// Lines of its log that name this client.
    pub(crate) fn lines_about(&self, client: &Connection) -> usize {
        let name = client.name();
        self.log().lines().filter(|line| line.contains(&name)).count()
    }

    /// Waits for the first. Who does not read does not see its connection end: the log alone tells.
    pub(crate) fn wait_for_line_about(&self, client: &Connection) {
        self.wait_for_line(&client.name());
    }

    /// Waits until its log holds these words.
    pub(crate) fn wait_for_line(&self, words: &str) {
        let begun = Instant::now();
        while !self.log().contains(words) {
            assert!(begun.elapsed() < PATIENCE, "no line with {words}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn memory(&self) -> Resident {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("a process of ours");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|rest| rest.trim().strip_suffix(" kB"));
        let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("as the kernel writes it");
        Resident { peak: kib << 10, bound: MEMORY_BYTES + BESIDE_THE_BUDGET }
    }

    pub(crate) fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.process.id()).expect("a process id");
        // SAFETY: sends a signal to a child that was not waited for, so the id is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0, "the broker still runs");
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.process.wait().expect("a process of ours")
    }

    /// Sends `signal` again and again until it has ended.
    pub(crate) fn wait_signalling(mut self, signal: libc::c_int) -> ExitStatus {
        loop {
            if let Some(status) = self.process.try_wait().expect("a process of ours") {
                return status;
            }
            self.signal(signal);
            std::thread::yield_now();
        }
    }

    /// Stops it in good order.
    pub(crate) fn stop(self) {
        self.signal(libc::SIGTERM);
        let log = self.log.clone();
        let status = self.wait();
        let text = std::fs::read_to_string(log).unwrap_or_default();
        assert_eq!(status.code(), Some(0), "{text}");
    }

    pub(crate) fn kill(self) {
        self.signal(libc::SIGKILL);
        self.wait();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Fails when it has ended, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs `before` in the child, between fork and exec.
pub(crate) fn before_start(
    command: &mut Command,
    before: impl FnMut() -> std::io::Result<()> + Send + Sync + 'static,
) {
    // SAFETY: what the tests pass only makes system calls: no allocation, no locks.
    unsafe { command.pre_exec(before) };
}
