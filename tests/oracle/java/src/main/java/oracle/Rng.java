package oracle;

/** SplitMix64, draw for draw what {@code strandlog::base::Rng} gives. */
final class Rng {
    private long state;

    Rng(long seed) {
        state = seed;
    }

    long next() {
        state += 0x9e3779b97f4a7c15L;
        long z = state;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    /** Uniform in 0..bound. */
    int below(int bound) {
        long draw = next();
        // The high half of the unsigned 128-bit product; the bound is positive.
        return (int) (Math.multiplyHigh(draw, bound) + ((draw >> 63) & bound));
    }
}
