//! Final approval: checks before the first move, then the moves.
