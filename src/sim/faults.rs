//! What is made to go wrong between the world and its visitors.

/// Rules and the chance of a random fault.
#[derive(Debug, Default)]
pub struct Faults {
    seed: u64,
}

impl Faults {
    /// No fault ever.
    pub fn none() -> Self {
        Self::default()
    }

    /// Forgets counts and rules.
    pub fn reset(&mut self, seed: u64) {
        self.seed = seed;
    }
}
