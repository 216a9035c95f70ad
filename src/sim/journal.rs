//! Every request the world was asked, in a form that is the same for the same seed.

/// The record of requests.
#[derive(Debug, Default)]
pub struct Journal {
    base_url: String,
}

impl Journal {
    /// An empty record of a world served at `base_url`.
    pub fn new(base_url: String) -> Self {
        Self { base_url }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(std::mem::take(&mut self.base_url));
    }
}
