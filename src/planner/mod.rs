//! What follows from what: a pure function from one snapshot of the world to a plan.
