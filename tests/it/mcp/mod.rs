//! The MCP server as its clients see it: raw messages over the wire, against the simulated world.

mod age;
mod arguments;
mod audited;
mod bounds;
mod confirm;
mod content;
mod damaged;
mod foreign;
mod gate;
mod history;
mod job_run;
mod journey;
mod refused;
mod runs;
mod served;
mod sessions;
mod wire;
