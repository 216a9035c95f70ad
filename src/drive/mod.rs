//! Moves a release as far as it can go.
