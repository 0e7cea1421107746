//! Random numbers that are the same on every machine: one stream per purpose, all from one seed.

use rand_core::RngCore as _;
use rand_pcg::Pcg64Mcg;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    /// The stream `stream` of `seed`. Streams of one seed are independent of each other, so that adding
    /// noise to a recording does not move its beats.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        // SplitMix64 (Steele, Lea, Flood 2014) spreads the two small numbers over the 128 bits of state.
        let mut state = seed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95);
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u128::from(word ^ (word >> 31))
        };
        let high = next();
        Self(Pcg64Mcg::new((high << 64) | next()))
    }

    /// Uniform in 0 (included) to 1 (excluded).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0 and standard deviation 1, nearly normal: the sum of four uniform numbers (Irwin-Hall), which
    /// ends at 3.46 standard deviations. It needs no logarithm, and a recording of a day has 60 million
    /// samples.
    pub(crate) fn normal(&mut self) -> f64 {
        let word = self.0.next_u64();
        let sum: u64 = (0..4).map(|quarter| (word >> (16 * quarter)) & 0xFFFF).sum();
        // Four uniform integers below 65536: mean 2 x 65535, variance (65536^2 - 1) / 3.
        (sum as f64 - 131_070.0) / 37_837.227_24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation() {
        let mut random = Random::new(1, 0);
        let count = 200_000;
        let (mut sum, mut squares, mut uniform) = (0.0, 0.0, 0.0);
        for _ in 0..count {
            let value = random.normal();
            sum += value;
            squares += value * value;
            uniform += random.uniform();
        }
        let count = f64::from(count);
        assert!((sum / count).abs() < 0.01);
        assert!((squares / count - 1.0).abs() < 0.01);
        assert!((uniform / count - 0.5).abs() < 0.005);
    }

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, stream| Random::new(seed, stream).uniform();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(2, 1));
        assert_ne!(first(1, 2), first(1, 3));
    }
}
