//! The release state: compare-and-swap of one file in a repository or a directory.
