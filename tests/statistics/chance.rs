//! Random numbers that are the same everywhere, and a machine whose speed drifts.

/// SplitMix64.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Between 0 and 1, neither of them.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((z >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }
}

/// ln of what a request costs on a machine, which forgets in `lasts` seconds how slow it was (an Ornstein-Uhlenbeck process).
pub(crate) struct Machine {
    spread: f64,
    lasts: f64,
    now: f64,
}

impl Machine {
    pub(crate) fn new(spread: f64, lasts: f64, chance: &mut Chance) -> Self {
        let now = spread * chance.normal();
        Self { spread, lasts, now }
    }

    /// `seconds` later.
    pub(crate) fn after(&mut self, seconds: f64, chance: &mut Chance) -> f64 {
        let kept = (-seconds / self.lasts).exp();
        self.now = kept * self.now + (1.0 - kept * kept).sqrt() * self.spread * chance.normal();
        self.now
    }
}
