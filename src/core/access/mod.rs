//! Who asks over the network, and what they may do.
//!
//! Refuses: reading requests (the doors do), and rules about releases.

pub mod principal;
pub mod tokens;
