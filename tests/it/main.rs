//! The integration tests: one binary, one link.
#![expect(clippy::expect_used, reason = "a test that cannot go on says so")]

mod properties;
