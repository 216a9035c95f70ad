//! One file per service; every request leaves through http.rs.

pub mod service;
