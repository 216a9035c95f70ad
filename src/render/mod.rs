//! What people and programs read: reports, plans, errors and notices as text and as typed documents.
//!
//! Refuses: deciding anything, exit codes, colour and width (the front end's).

pub mod by_hand;
pub mod plan;
pub mod preview;
pub mod report;
pub mod text;
