//! The real binary, as a process that can be killed.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const READY_MAX: Duration = Duration::from_secs(60);

/// How a broker is started, again and again, on the same data and port.
pub struct Launch {
    pub binary: PathBuf,
    pub data: PathBuf,
    pub log: PathBuf,
    pub port: u16,
    pub shards: u16,
    /// More arguments for `serve`.
    pub flags: Vec<String>,
    /// Environment variables. `STRANDLOG_MUTANT` plants a bug in a build with `STRANDLOG_PLANT=1`.
    pub variables: Vec<(String, String)>,
}

/// A running broker; dropped, it is killed.
pub struct Broker(Child);

/// A free port that stays free while its broker is down. It must be known before the first start,
/// since clients look for the second there; and it, and the cores' ports above it, must lie below
/// the range from which the kernel gives clients theirs: a client that tries to connect to a
/// dead broker's port within that range can be given that very port.
fn lasting_port() -> u16 {
    const CORE_PORTS: u16 = 1000;
    let mut rng = strandlog::base::Rng::new(u64::from(std::process::id()));
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let port = 12_000 + rng.below(18_000) as u16;
        if is_free(port) && is_free(port + CORE_PORTS) && is_free(port + CORE_PORTS + 1) {
            return port;
        }
    }
}

impl Launch {
    pub fn new(binary: &Path, dir: &Path, data: PathBuf) -> Self {
        let port = lasting_port();
        let log = dir.join("broker.log");
        Self {
            binary: binary.to_owned(),
            data,
            log,
            port,
            shards: 2,
            flags: Vec::new(),
            variables: Vec::new(),
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&self) -> Broker {
        let said = std::fs::read(&self.log).map_or(0, |log| log.len());
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .args(["--log-dirs", self.data.to_str().expect("a UTF-8 path")])
            .args(["--listeners", &format!("PLAINTEXT://{}", self.address())])
            .args(["--shards", &self.shards.to_string(), "--memory", "256MiB"])
            .args(["--storage-extent-bytes", "4MiB"])
            .args(&self.flags)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::from(log.try_clone().expect("another handle on the log")))
            .stderr(Stdio::from(log));
        let mut child = command.spawn().expect("the broker's binary");
        let began = Instant::now();
        while !self.said_since(said).contains("strandlog ready") {
            if let Some(status) = child.try_wait().expect("a child of ours") {
                panic!("the broker stopped with {status}:\n{}", self.last_lines());
            }
            assert!(began.elapsed() < READY_MAX, "not ready:\n{}", self.last_lines());
            std::thread::park_timeout(Duration::from_millis(10));
        }
        Broker(child)
    }

    fn said_since(&self, position: usize) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(log.get(position..).unwrap_or_default()).into_owned()
    }

    pub fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Broker {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to stop in good order, and waits until it has.
    pub fn terminate(mut self) {
        // SAFETY: a signal to a child of ours that we have not waited for.
        unsafe { libc::kill(self.0.id() as i32, libc::SIGTERM) };
        let status = self.0.wait().expect("a child of ours");
        assert!(status.success(), "the broker stopped with {status}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have died by itself when its disk went away.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
