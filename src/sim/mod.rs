//! A simulated world of services behind real HTTP.
