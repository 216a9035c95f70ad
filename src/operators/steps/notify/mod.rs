//! Messages to people; a message never changes a task's status.
//!
//! Each message has a key and is sent at most once: the key is kept in the ledger of this machine
//! before sending and with the task afterwards. Refuses: text that nobody made harmless.

mod news;
mod send;
mod words;

pub use news::News;
pub use send::{PlanMessage, after, of_plan, plan_keys, state_file_created};
