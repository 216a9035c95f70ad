//! What YAML 1.1 makes of a plain scalar.
