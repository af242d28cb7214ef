//! Why a broker does not start, or stops; each with what to do about it, and an exit status.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::base::ShardId;
use crate::io::ExitStatus;
use crate::io::ListenError;
use crate::io::RingFault;
use crate::io::Unsuitable;

#[derive(Debug)]
pub enum Failure {
    /// A system call that always works did not.
    Host(io::Error),
    Kernel(String),
    Ring(RingFault),
    /// Values that this machine cannot hold to.
    Config(String),
    Unsuitable(Unsuitable),
    Listen(ListenError),
    /// Another process has the data directory.
    Locked(PathBuf),
    /// The data directory cannot be made, read or written.
    Storage {
        path: PathBuf,
        source: io::Error,
    },
    /// What is there is no data directory of this version.
    Foreign {
        path: PathBuf,
        what: String,
    },
    Executor {
        shard: ShardId,
        what: String,
    },
    #[cfg(mutant)]
    Mutant(String),
}

impl Failure {
    pub fn status(&self) -> ExitStatus {
        match self {
            Self::Host(_) | Self::Kernel(_) | Self::Unsuitable(_) => ExitStatus::Unsuitable,
            Self::Ring(_) => ExitStatus::NoRing,
            Self::Config(_) => ExitStatus::Usage,
            Self::Listen(_) => ExitStatus::Address,
            Self::Locked(_) => ExitStatus::Locked,
            Self::Storage { .. } | Self::Foreign { .. } | Self::Executor { .. } => {
                ExitStatus::Storage
            }
            #[cfg(mutant)]
            Self::Mutant(_) => ExitStatus::Usage,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(source) => write!(f, "this machine cannot be looked at: {source}"),
            Self::Kernel(what) | Self::Config(what) => f.write_str(what),
            Self::Ring(fault) => write!(f, "{fault}"),
            Self::Unsuitable(what) => write!(f, "{what}"),
            Self::Listen(what) => write!(f, "{what}"),
            Self::Locked(path) => write!(
                f,
                "another broker runs on {}; stop it, or set `log.dirs` to another directory",
                path.display()
            ),
            Self::Storage { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Foreign { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Executor { shard, what } => write!(f, "shard {}: {what}", shard.0),
            #[cfg(mutant)]
            Self::Mutant(label) => write!(f, "there is no planted bug `{label}`"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<RingFault> for Failure {
    fn from(fault: RingFault) -> Self {
        Self::Ring(fault)
    }
}

impl From<Unsuitable> for Failure {
    fn from(what: Unsuitable) -> Self {
        Self::Unsuitable(what)
    }
}

impl From<ListenError> for Failure {
    fn from(what: ListenError) -> Self {
        Self::Listen(what)
    }
}
