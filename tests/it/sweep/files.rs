//! Every parser of a file.
