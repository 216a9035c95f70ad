//! Messages to people; a message never changes a task's status.
//!
//! Each message has a key and is sent at most once: the key is kept in the ledger of this machine
//! before sending and with the task afterwards. Refuses: text that nobody made harmless.
//!
//! What a run tells is worded in `notices`. `send` words a new state file and frames what a plan tells (the words
//! come from the rows in `planner`), knows who is called and where it goes, and sends it once. `escape` makes
//! foreign text harmless and cuts what is too long.

mod escape;
mod notices;
mod send;

pub use notices::Notice;
pub use send::{PlanMessage, after, of_plan, plan_keys, state_file_created};
