//! Rules that hold for every input: random worlds, checked invariants.

mod planner;
