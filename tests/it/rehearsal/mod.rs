//! The harness of the stories: a world with all services, and words in which a release engineer tells
//! what happens there. Refuses: HTTP words in stories, rules of its own.

pub(crate) mod events;
pub(crate) mod machines;
pub(crate) mod test_world;
pub(crate) mod whole;

pub(crate) use machines::points;
pub(crate) use test_world::{TestWorld, fresh, prepared, promoted, ready_to_approve, with_state_file};
