//! What must hold for every state.
