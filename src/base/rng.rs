//! A small seeded generator (SplitMix64): jitter in the product, schedules in the simulator.
//! Not for secrets: the port hands those in from the kernel.

/// Deterministic: the same seed gives the same stream.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent stream: `salt` names the concern.
    pub fn fork(&self, salt: u64) -> Self {
        // Seeded with an output, not with a neighbouring state: streams whose states differ by a
        // multiple of the increment would be each other's echo.
        let mut salted = Self(self.0 ^ Self(salt).next_u64());
        Self(salted.next_u64())
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`; `bound` must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "empty range");
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True once in `n` on average.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn forks_are_not_shifted_copies_of_each_other() {
        let root = Rng::new(0);
        let mut first = root.fork(1);
        let mut second = root.fork(2);
        let first: Vec<u64> = (0..64).map(|_| first.next_u64()).collect();
        assert!((0..64).all(|_| !first.contains(&second.next_u64())));
    }

    #[test]
    fn the_same_fork_of_the_same_seed_repeats() {
        let (mut one, mut two) = (Rng::new(7).fork(3), Rng::new(7).fork(3));
        assert!((0..16).all(|_| one.next_u64() == two.next_u64()));
    }
}
