//! Sealed settings, build data, plain settings, and where each value came from.
