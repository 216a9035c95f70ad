//! Is the payload promoted?
