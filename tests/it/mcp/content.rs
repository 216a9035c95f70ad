//! Stories of this part.
