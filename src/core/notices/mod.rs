//! Messages to people as effects: what there is to say, that each is said once, and how it gets there.
//!
//! Each message has a key, which travels in its metadata. What is due is stored with its cause, so that any later run
//! on any machine can catch up; whoever cannot know that nobody sent it looks for the key first. A message never
//! changes a task's status. Refuses: text that nobody
//! made harmless, and knowledge of what runs a task; what a message needs comes as values.

mod escape;
pub mod of_plan;
pub mod of_run;
pub mod post;
pub mod send;
