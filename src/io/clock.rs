//! The only reader of time, and of the kernel's randomness.

use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::base::Now;

/// One per process, copied to every shard, so that their monotonic times can be compared.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        Now { mono_us: self.mono_us(), wall_ms }
    }

    /// Microseconds since the process started.
    pub fn mono_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Random bytes of the kernel, fit for secrets and identities.
pub fn entropy<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        // SAFETY: the pointer and the length describe the unfilled rest of `bytes`.
        let n = unsafe { libc::getrandom(bytes[filled..].as_mut_ptr().cast(), N - filled, 0) };
        match usize::try_from(n) {
            Ok(n) => filled += n,
            Err(_) => assert!(
                std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted,
                "the kernel has no random bytes"
            ),
        }
    }
    bytes
}
