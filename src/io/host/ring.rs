//! Is io_uring there? Asked with plain system calls before the executor starts, which would end
//! the process by itself.

use std::fmt;
use std::io;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;

use crate::io::host::read_trimmed;

/// Bytes of the kernel's `struct io_uring_params`.
const PARAMS_BYTES: usize = 120;

/// Why there is no ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RingFault {
    /// The kernel has none, or a seccomp filter says so.
    Absent,
    /// `kernel.io_uring_disabled` is 1 or 2.
    Disabled { level: u8 },
    /// A seccomp filter or a security module forbids it.
    Forbidden { call: &'static str },
    /// Locked memory is used up.
    NoMemory,
    /// Another error.
    Os { call: &'static str, errno: i32 },
}

impl fmt::Display for RingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str(
                "io_uring is not there: this kernel was built without it, or a seccomp filter \
                 hides it. In a container, run with the profile of this project: docker run \
                 --security-opt seccomp=deploy/seccomp.json …; as a service, leave io_uring out \
                 of SystemCallFilter=~",
            ),
            Self::Disabled { level } => write!(
                f,
                "io_uring is switched off on this machine (kernel.io_uring_disabled = {level}); \
                 allow it with: sysctl kernel.io_uring_disabled=0"
            ),
            Self::Forbidden { call } => write!(
                f,
                "io_uring is forbidden here ({call}: operation not permitted), most likely by a \
                 seccomp filter; Docker's default profile does that. Run the container with the \
                 profile of this project: docker run --security-opt seccomp=deploy/seccomp.json …"
            ),
            Self::NoMemory => f.write_str(
                "io_uring has no locked memory left; raise it: ulimit -l unlimited, \
                 LimitMEMLOCK=infinity in a systemd unit, --ulimit memlock=-1 for a container",
            ),
            Self::Os { call, errno } => {
                write!(
                    f,
                    "io_uring does not work: {call}: {}",
                    io::Error::from_raw_os_error(*errno)
                )
            }
        }
    }
}

impl std::error::Error for RingFault {}

/// Makes a small ring, enters it, and asks it for its operations.
pub fn probe_ring() -> Result<(), RingFault> {
    let mut params = [0u64; PARAMS_BYTES / 8];
    // SAFETY: the kernel reads and writes the parameters, which are as long as it takes them to be.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, params.as_mut_ptr()) };
    let ring = checked("io_uring_setup", ring)?;
    // SAFETY: the descriptor was just opened and nobody else has it.
    let owned = unsafe { OwnedFd::from_raw_fd(ring) };
    // SAFETY: nothing is submitted and nothing is waited for; no pointer is passed.
    let entered = unsafe { libc::syscall(libc::SYS_io_uring_enter, ring, 0, 0, 0, 0, 0) };
    checked("io_uring_enter", entered)?;
    let mut operations = [0u64; 2 + 256];
    const REGISTER_PROBE: libc::c_int = 8;
    // SAFETY: the kernel writes a header of 16 bytes and 8 bytes for each of at most 256 operations.
    let registered = unsafe {
        libc::syscall(
            libc::SYS_io_uring_register,
            ring,
            REGISTER_PROBE,
            operations.as_mut_ptr(),
            256,
        )
    };
    checked("io_uring_register", registered)?;
    drop(owned);
    Ok(())
}

fn checked(call: &'static str, result: libc::c_long) -> Result<libc::c_int, RingFault> {
    if let Ok(result) = libc::c_int::try_from(result)
        && result >= 0
    {
        return Ok(result);
    }
    let level =
        read_trimmed("/proc/sys/kernel/io_uring_disabled").and_then(|text| text.parse().ok());
    Err(fault(call, io::Error::last_os_error().raw_os_error().unwrap_or(0), level.unwrap_or(0)))
}

fn fault(call: &'static str, errno: i32, level: u8) -> RingFault {
    match errno {
        libc::ENOSYS => RingFault::Absent,
        libc::EPERM if level > 0 => RingFault::Disabled { level },
        libc::EPERM | libc::EACCES => RingFault::Forbidden { call },
        libc::ENOMEM => RingFault::NoMemory,
        errno => RingFault::Os { call, errno },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_the_kernel_says_how_to_allow_it() {
        let text = |errno, level| fault("io_uring_setup", errno, level).to_string();
        assert!(text(libc::EPERM, 0).contains("seccomp=deploy/seccomp.json"));
        assert!(text(libc::EPERM, 2).contains("sysctl kernel.io_uring_disabled=0"));
        assert!(text(libc::ENOSYS, 0).contains("seccomp"));
        assert!(text(libc::ENOMEM, 0).contains("LimitMEMLOCK"));
    }

    #[test]
    fn this_machine_has_a_ring() {
        assert_eq!(probe_ring(), Ok(()));
    }
}
