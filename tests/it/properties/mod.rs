//! Sentences with "never" and "always", tried on generated input.

mod state;
