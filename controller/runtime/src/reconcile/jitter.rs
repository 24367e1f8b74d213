//! Varies waiting times, so that what began together does not stay together.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Where all chance in this program comes from: with the same seed, the same waits.
pub struct Jitter(Mutex<StdRng>);

impl Jitter {
    /// The waits of this seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// The time, or up to a tenth more or less.
    pub fn vary(&self, time: Duration) -> Duration {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time.mul_f64(random.random_range(0.9..1.1))
    }

    /// From nothing to one.
    pub fn chance(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0.0..1.0)
    }
}
