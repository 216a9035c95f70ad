//! Push jobs of an advisory: which count, and what follows from them.
