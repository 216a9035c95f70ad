//! When stage testing may start.
