//! Who asks over the network, what they may do, and what is kept of it.
//!
//! Refuses: reading requests (the front ends do), and rules about releases.

pub mod audit;
pub mod oauth;
pub mod pace;
pub mod principal;
pub mod quota;
pub mod tokens;
