//! The harness of the stories: a town with all services, and words in which a release engineer tells
//! what happens there. Refuses: HTTP words in stories, rules of its own.

pub(crate) mod hands;
pub(crate) mod town;
pub(crate) mod whole;

pub(crate) use town::{Town, fresh, prepared, promoted, ready_to_approve, reported};
