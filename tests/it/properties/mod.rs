//! "Never" and "always" sentences, tried on many random cases.

mod planner;
mod state;
