//! Resources: what answers link to.
