//! Random variation of waits, so that objects that start together do not stay synchronized.

use std::time::Duration;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The only source of randomness in reconciles: the same seed gives the same waits.
pub struct Jitter(Mutex<StdRng>);

impl Jitter {
    /// A jitter with this seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// The time, plus or minus up to 10 percent.
    pub fn vary(&self, time: Duration) -> Duration {
        let mut random = self.0.lock();
        time.mul_f64(random.random_range(0.9..1.1))
    }

    /// A random number from 0.0 to 1.0.
    pub fn chance(&self) -> f64 {
        self.0.lock().random_range(0.0..1.0)
    }
}
