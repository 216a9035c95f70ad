//! Prompts: how an agent takes a release through.
