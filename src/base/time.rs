//! Time as an argument: only the port reads clocks.

/// The moment at which an event is handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Monotonic, microseconds since an arbitrary origin of this process.
    pub mono_us: u64,
    /// Wall clock, milliseconds since the Unix epoch. May jump.
    pub wall_ms: i64,
}
