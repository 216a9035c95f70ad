//! "Never" and "always" sentences, tried on many random cases.

mod inputs;
mod planner;
mod state;
