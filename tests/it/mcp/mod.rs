//! The MCP server as its clients see it: raw messages over the wire, against the simulated world.

mod arguments;
mod confirm;
mod content;
mod damaged;
mod gate;
mod history;
mod journey;
mod refused;
mod runs;
mod served;
mod sessions;
