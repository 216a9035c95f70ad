//! Messages to people as effects: what there is to say, that each is said once, and how it gets there.
//!
//! Each message has a key and is sent at most once: the key is kept in the ledger of this machine
//! before sending and with the task afterwards. A message never changes a task's status. Refuses: text that nobody
//! made harmless, and knowledge of what runs a task; what a message needs comes as values.

mod escape;
pub mod of_plan;
pub mod of_run;
pub mod post;
pub mod send;
