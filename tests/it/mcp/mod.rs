//! The MCP server as its clients see it: raw messages over the wire, against the simulated world.

mod confirm;
mod content;
mod gate;
mod journey;
mod runs;
mod served;
mod sessions;
