//! Answers to read, as types: where a release stands, what build data says, what is shipped.
//!
//! Refuses: changing anything, here or outside.

pub mod build_data;
pub mod build_promotion;
pub mod compare_images;
pub mod discovery;
pub mod evaluated_files;
pub mod is_shipped;
pub mod metadata;
pub mod named_files;
pub mod registries;
pub mod status;
pub mod test_record;
