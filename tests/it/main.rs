//! Everything that is tested through the library's public face.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot set up its scene should stop")]

mod config;
