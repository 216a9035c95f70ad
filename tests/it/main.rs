//! All integration tests in one binary: one link, one set-up.
#![expect(clippy::expect_used, reason = "a test that cannot go on says so")]

mod corpus;
mod properties;
